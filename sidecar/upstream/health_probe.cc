#include "sidecar/upstream/health_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"
#include "sidecar/http/client.h"
#include "sidecar/http/grpc.h"

namespace weft::upstream {

namespace {

using config::HealthCheck;
using telemetry::HealthCheckResult;

// Of an answer to a check: nobody needs more to say how he is.
constexpr std::size_t kCheckAnswerMax = 64 * 1024;

Probed no_answer(const Error& error) {
  const auto what = [&] {
    switch (error.fault) {
      case Fault::kConnect:
      case Fault::kConnectTimeout:
        return HealthCheckResult::kConnectFailure;
      case Fault::kTlsHandshake:
      case Fault::kTlsTimeout:
      case Fault::kTlsIdentity:
        return HealthCheckResult::kTlsFailure;
      case Fault::kTimeout:
        return HealthCheckResult::kTimeout;
      default:
        return HealthCheckResult::kReset;
    }
  }();
  return {.result = CheckState::Result::kNoAnswer, .what = what, .why = to_string(error)};
}

Probed passed() {
  return {.result = CheckState::Result::kPass, .what = HealthCheckResult::kPassed, .why = {}};
}

Probed unexpected(std::string why, CheckState::Result result = CheckState::Result::kNo) {
  return {.result = result, .what = HealthCheckResult::kUnexpectedAnswer, .why = std::move(why)};
}

Probed judge_grpc_check(const http::ClientResponse& response) {
  const http::Headers* trailers = response.trailers.empty() ? nullptr : &response.trailers;
  const http::GrpcOutcome outcome = http::read_grpc_outcome(response.head, trailers);
  if (outcome.status != http::GrpcStatus::kOk) {
    return unexpected(fmt::format("grpc.health.v1 answers {}", http::name_of(outcome.status)));
  }
  const std::optional<std::uint64_t> status = read_check_status(response.body);
  if (!status) return unexpected("no HealthCheckResponse");
  if (*status == 1) return passed();
  return unexpected(*status == 2   ? "NOT_SERVING"
                    : *status == 3 ? "SERVICE_UNKNOWN"
                                   : fmt::format("health status {}", *status));
}

class HttpProbe final : public HealthProbe, public http::CallHolder {
 public:
  HttpProbe(Turn& turn, Dialer& dialer, const HealthCheck& settings, std::string authority,
            bool secured, ProbeHolder& holder)
      : settings_(settings),
        authority_(std::move(authority)),
        holder_(holder),
        client_(turn, dialer, options(settings, secured)) {}

  void begin() override {
    const bool grpc = settings_.kind == HealthCheck::Kind::kGrpc;
    http::ClientRequest request;
    request.method = grpc ? "POST" : settings_.method;
    request.authority = authority_;
    request.target = grpc ? "/grpc.health.v1.Health/Check" : settings_.path;
    request.fields = settings_.fields;
    const auto add = [&](const char* name, const char* value) {
      const bool there = std::any_of(request.fields.begin(), request.fields.end(),
                                     [&](const auto& field) { return field.first == name; });
      if (!there) request.fields.emplace_back(name, value);
    };
    add("user-agent", "weft-health-check");
    if (grpc) {
      add("content-type", "application/grpc");
      add("te", "trailers");
      request.body = make_check_request(settings_.service);
    } else {
      request.body = settings_.body;
    }
    call_ = client_.send(std::move(request), *this);
  }
  void close_idle() override { client_.close_idle(); }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    Probed probed = settings_.kind == HealthCheck::Kind::kGrpc
                        ? judge_grpc_check(response)
                        : judge_status(settings_, response.head.status);
    call_.reset();
    holder_.on_probed(std::move(probed));
  }
  void on_failure(http::Call&, const Error& error) override {
    Probed probed = no_answer(error);
    call_.reset();
    holder_.on_probed(std::move(probed));
  }

 private:
  static http::Client::Options options(const HealthCheck& settings, bool secured) {
    using Speaks = http::Client::Speaks;
    const bool http2 = settings.kind == HealthCheck::Kind::kGrpc || settings.http2;
    return {.speaks = http2     ? Speaks::kHttp2
                      : secured ? Speaks::kAlpn
                                : Speaks::kHttp1,
            .keep = settings.keep_connection,
            .timeout = settings.timeout,
            // Between checks it is idle, whatever the interval.
            .idle = std::chrono::hours(1),
            .body_bytes_max = kCheckAnswerMax,
            .limits = {},
            .http2 = {}};
  }

  const HealthCheck& settings_;
  const std::string authority_;
  ProbeHolder& holder_;
  http::Client client_;
  std::unique_ptr<http::Call> call_;
};

class TcpProbe final : public HealthProbe, public DialHolder, public Sink, public TimerSink {
 public:
  TcpProbe(Turn& turn, Dialer& dialer, const HealthCheck& settings, ProbeHolder& holder)
      : turn_(turn),
        dialer_(dialer),
        settings_(settings),
        holder_(holder),
        deadline_(turn.timers(), *this) {}
  ~TcpProbe() override { hang_up(); }

  void begin() override {
    text_.clear();
    deadline_.arm(settings_.timeout);
    dial_ = dialer_.dial(*this);
  }
  void close_idle() override {}

  void on_dialed(std::unique_ptr<Transport> transport) override {
    turn_.retire(std::move(dial_));
    transport_ = std::move(transport);
    if (settings_.receive.empty() && settings_.send.empty()) return end(passed());
    transport_->set_sink(this);
    if (!settings_.send.empty()) {
      transport_->write(Buffer(settings_.send));
      transport_->flush();
    }
    if (settings_.receive.empty()) end(passed());
  }
  void on_dial_failed(const Error& error) override {
    Probed probed = no_answer(error);
    turn_.retire(std::move(dial_));
    end(std::move(probed));
  }
  void on_bytes(Buffer& bytes) override {
    bytes.for_each_slice([&](Bytes slice) { text_ += as_text(slice); });
    bytes.clear();
    if (has_blocks(text_, settings_.receive)) {
      end(passed());
    } else if (text_.size() > kCheckAnswerMax) {
      end(unexpected("the answer does not have what is expected", CheckState::Result::kNoAnswer));
    }
  }
  void on_writable() override {}
  void on_end() override {
    end(unexpected("closed before it answered", CheckState::Result::kNoAnswer));
  }
  void on_fault(const Error& error) override { end(no_answer(error)); }
  void on_timer(Timer&) override {
    end(no_answer({Fault::kTimeout, Side::kUpstream,
                   "no whole answer within " + format_duration(settings_.timeout)}));
  }

 private:
  void hang_up() {
    deadline_.cancel();
    dial_.reset();
    if (transport_ == nullptr) return;
    transport_->set_sink(nullptr);
    turn_.retire(std::move(transport_));
  }
  void end(Probed&& probed) {
    hang_up();
    holder_.on_probed(std::move(probed));
  }

  Turn& turn_;
  Dialer& dialer_;
  const HealthCheck& settings_;
  ProbeHolder& holder_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<Transport> transport_;
  std::string text_;
  Timer deadline_;
};

bool in_ranges(const std::vector<HealthCheck::StatusRange>& ranges, std::uint16_t status) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const HealthCheck::StatusRange& range) {
    return status >= range.first && status < range.end;
  });
}

// A varint of protobuf's; nothing when it is cut or too long.
std::optional<std::uint64_t> take_varint(std::string_view& text) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !text.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<HealthProbe> HealthProbe::make(Turn& turn, Dialer& dialer,
                                               const HealthCheck& settings, std::string authority,
                                               bool secured, ProbeHolder& holder) {
  if (settings.kind == HealthCheck::Kind::kTcp)
    return std::make_unique<TcpProbe>(turn, dialer, settings, holder);
  return std::make_unique<HttpProbe>(turn, dialer, settings, std::move(authority), secured, holder);
}

Probed judge_status(const HealthCheck& settings, std::uint16_t status) {
  if (in_ranges(settings.expected, status)) return passed();
  return unexpected(fmt::format("status {}", status), in_ranges(settings.retriable, status)
                                                          ? CheckState::Result::kNoAnswer
                                                          : CheckState::Result::kNo);
}

std::string make_check_request(std::string_view service) {
  // HealthCheckRequest{service = 1}; an empty one has no field at all.
  std::string message;
  if (!service.empty()) {
    message.push_back('\x0a');
    std::size_t size = service.size();
    for (; size >= 0x80; size >>= 7) message.push_back(static_cast<char>((size & 0x7f) | 0x80));
    message.push_back(static_cast<char>(size));
    message += service;
  }
  Buffer out;
  http::write_grpc_message(out, message);
  std::string text;
  out.for_each_slice([&](Bytes slice) { text += as_text(slice); });
  return text;
}

std::optional<std::uint64_t> read_check_status(std::string_view body) {
  http::GrpcReader reader(kCheckAnswerMax);
  reader.feed(Buffer(body));
  Result<std::optional<Buffer>> message = reader.next();
  if (!message || !*message) return std::nullopt;
  std::string held;
  (*message)->for_each_slice([&](Bytes slice) { held += as_text(slice); });
  std::string_view text = held;
  std::uint64_t status = 0;  // UNKNOWN, as an absent field says
  while (!text.empty()) {
    const std::optional<std::uint64_t> key = take_varint(text);
    if (!key) return std::nullopt;
    std::size_t skip = 0;
    switch (*key & 7U) {
      case 0: {
        const std::optional<std::uint64_t> value = take_varint(text);
        if (!value) return std::nullopt;
        if (*key >> 3 == 1) status = *value;
        continue;
      }
      case 1:
        skip = 8;
        break;
      case 2: {
        const std::optional<std::uint64_t> size = take_varint(text);
        if (!size || *size > text.size()) return std::nullopt;
        skip = static_cast<std::size_t>(*size);
        break;
      }
      case 5:
        skip = 4;
        break;
      default:
        return std::nullopt;
    }
    if (skip > text.size()) return std::nullopt;
    text.remove_prefix(skip);
  }
  return status;
}

bool has_blocks(std::string_view text, const std::vector<std::string>& blocks) {
  for (const std::string& block : blocks) {
    const std::size_t at = text.find(block);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + block.size());
  }
  return true;
}

}  // namespace weft::upstream
