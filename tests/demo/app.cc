#include "tests/demo/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sidecar/core/strings.h"

namespace weft::demo {

namespace {

constexpr std::size_t kConnectionsMax = 4096;
constexpr std::uint64_t kForgetsOneIn = 100;

// What a service that knows nothing of tracing must pass on for traces to hold together.
constexpr std::array<std::string_view, 9> kTraceHeaders = {
    "traceparent", "tracestate",        "x-request-id", "b3",        "x-b3-traceid",
    "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"};

Result<std::uint32_t> read_percent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  const std::optional<std::uint64_t> percent = parse_u64(text);
  if (!percent || *percent > 100) return fail(Fault::kInvalid, "errors: want 0% to 100%");
  return static_cast<std::uint32_t>(*percent);
}

Status change(std::string_view key, std::string_view value, Behaviour& out) {
  if (key == "latency") {
    const Result<Duration> latency = parse_duration(value);
    if (!latency) return fail(Fault::kInvalid, "latency: want a time such as 20ms");
    out.latency = *latency;
    return {};
  }
  if (key == "errors") {
    const Result<std::uint32_t> percent = read_percent(value);
    if (!percent) return fail(percent.error());
    out.errors_percent = *percent;
    return {};
  }
  if (key == "forget") {
    if (value != "trace" && value != "numbers" && value != "nothing") {
      return fail(Fault::kInvalid, "forget: want trace, numbers or nothing");
    }
    out.forgets_trace = value == "trace";
    out.forgets_numbers = value == "numbers";
    return {};
  }
  return fail(Fault::kInvalid, "want latency=…, errors=… or forget=…");
}

http::Service::Options service_options() {
  http::Service::Options options;
  options.connections_max = kConnectionsMax;
  return options;
}

}  // namespace

Result<Behaviour> read_behaviour(std::string_view query, Behaviour now) {
  for (const std::string_view piece : split(query, '&')) {
    const std::size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      return fail(Fault::kInvalid, "want latency=…, errors=… or forget=…");
    }
    if (Status changed = change(piece.substr(0, equals), piece.substr(equals + 1), now); !changed) {
      return fail(changed.error());
    }
  }
  return now;
}

// From a request's head to its answer: read it whole, think, ask the next service, answer.
class App::Errand final : public http::RequestSink, public http::CallHolder, public TimerSink {
 public:
  Errand(App& app, std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head)
      : app_(app),
        stream_(std::move(stream)),
        head_(std::move(head)),
        thinking_(app.loop_.timers(), *this) {
    stream_->set_sink(this);
  }

  void think() {
    if (app_.behaviour_.latency > Duration::zero()) {
      thinking_.arm(app_.behaviour_.latency);
    } else {
      go_on();
    }
  }

  void on_body(Buffer&& bytes, bool end) override {
    stream_->consume(bytes.size());
    if (end) think();
  }
  void on_trailers(http::Headers&&) override { think(); }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override { leave(); }
  void on_timer(Timer&) override { go_on(); }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    const std::string_view way = response.head.headers.find(kWayHeader).value_or("");
    if (response.head.status == 200) {
      answer(200, app_.options_.name + ">" + std::string(way));
    } else {
      answer(502, fmt::format("{} answered {} {}", app_.options_.next, response.head.status,
                              trim(response.body.substr(0, 200))));
    }
  }
  void on_failure(http::Call&, const Error& error) override {
    answer(502, fmt::format("{}: {}", app_.options_.next, error.detail));
  }

 private:
  void go_on() {
    if (app_.errs()) {
      answer(500, app_.options_.name + " errs, as it was told to");
    } else if (app_.options_.next.empty()) {
      answer(200, app_.options_.name);
    } else {
      ask_next();
    }
  }
  void ask_next() {
    http::ClientRequest request{.method = std::string(head_.method_name),
                                .authority = app_.options_.next,
                                .target = "/shop"};
    const auto pass_on = [&](std::string_view name) {
      if (const auto value = head_.headers.find(name)) request.fields.emplace_back(name, *value);
    };
    pass_on(kNumberHeader);
    if (!app_.behaviour_.forgets_trace) std::ranges::for_each(kTraceHeaders, pass_on);
    call_ = app_.client_.send(std::move(request), *this);
  }
  // `text` is the way when all went well, else what went wrong.
  void answer(std::uint16_t status, const std::string& text) {
    http::Reply reply{.status = status, .body = text + "\n"};
    if (status == 200) reply.fields.emplace_back(kWayHeader, text);
    http::send_reply(*stream_, head_.method, reply);
    leave();
  }
  void leave() {
    thinking_.cancel();
    call_.reset();
    stream_.reset();
    app_.finish(*this);
  }

  App& app_;
  std::unique_ptr<http::ServerStream> stream_;
  http::RequestHead head_;
  Timer thinking_;
  std::unique_ptr<http::Call> call_;
};

App::App(net::Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      behaviour_(options_.behaviour),
      dialer_(loop, options_.outbound),
      // One connection for everything: what the mesh changes, it changes on a kept connection.
      client_(loop.turn(), dialer_,
              {.speaks = http::Client::Speaks::kHttp2, .idle = Duration::zero()}),
      service_(loop.turn(), service_options()) {
  service_.handle_stream(
      "/shop",
      [this](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool end,
             Transport&) { begin(std::move(stream), std::move(head), end); },
      "GET,POST");
  service_.handle("GET", "/hello", [this](const http::ServiceRequest&) {
    return http::Reply{.body = options_.name + "\n"};
  });
  service_.handle("POST", "/behave",
                  [this](const http::ServiceRequest& request) { return behave(request); });
}

App::~App() { errands_.clear(); }

Status App::start() {
  Result<NumberLog> numbers = NumberLog::open(options_.numbers);
  if (!numbers) return fail(numbers.error());
  numbers_.emplace(std::move(*numbers));
  Result<net::OwnedFd> listener = net::bind_listener(options_.listen);
  if (!listener) return fail(listener.error());
  acceptor_ = std::make_unique<net::Acceptor>(loop_, std::move(*listener), *this);
  return {};
}

SocketAddress App::address() const {
  return acceptor_ == nullptr ? SocketAddress() : acceptor_->address();
}

void App::on_accept(std::unique_ptr<net::Socket> socket) { service_.adopt(std::move(socket)); }

void App::begin(std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool end) {
  note(head.headers.find(kNumberHeader).value_or(""));
  auto errand = std::make_unique<Errand>(*this, std::move(stream), std::move(head));
  Errand& self = *errand;
  errands_.emplace(&self, std::move(errand));
  if (end) self.think();
}

http::Reply App::behave(const http::ServiceRequest& request) {
  const Result<Behaviour> behaviour = read_behaviour(request.head.query(), behaviour_);
  if (!behaviour) return {.status = 400, .body = behaviour.error().detail + "\n"};
  behaviour_ = *behaviour;
  return {.body = fmt::format("{}: latency {}, errors {}%\n", options_.name,
                              format_duration(behaviour_.latency), behaviour_.errors_percent)};
}

void App::finish(Errand& errand) {
  const auto found = errands_.find(&errand);
  loop_.turn().retire(std::move(found->second));
  errands_.erase(found);
}

void App::note(std::string_view number) {
  const std::optional<std::uint64_t> read = parse_u64(number);
  if (!read) return;
  ++noted_;
  if (behaviour_.forgets_numbers && noted_ % kForgetsOneIn == 0) return;
  numbers_->note(*read);
}

bool App::errs() {
  error_share_ += behaviour_.errors_percent;
  if (error_share_ < 100) return false;
  error_share_ -= 100;
  return true;
}

}  // namespace weft::demo
