#include "tests/sidecar/http/relay.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"
#include "tests/sidecar/http/http2_pair.h"
#include "tests/sidecar/http/strict_origin.h"

namespace weft::http::testing {

namespace {

constexpr std::size_t kRoom = 64 * 1024;
// A text is cut at every byte up to here.
constexpr std::size_t kCutBytesMax = 1500;

struct Gate final : CodecHost {
  bool paused = false;
  void wake() override {}
  void pause_input() override { paused = true; }
  void resume_input() override { paused = false; }
  [[nodiscard]] TimePoint now() const override { return {}; }
};

// One codec, what waits to be fed to it, and whether it has broken.
struct Side {
  Gate gate;
  Buffer input;
  bool broken = false;

  // False when nothing moved.
  bool feed(Codec& codec, std::string& refusals) {
    if (broken) input.clear();
    if (input.empty() || gate.paused) return false;
    const std::size_t before = input.size();
    if (const Status fed = codec.feed(input); !fed) {
      broken = true;
      refusals += to_string(fed.error()) + "\n";
    }
    return input.size() != before || broken;
  }
};

struct Upstream {
  Side side;
  std::unique_ptr<ClientCodec> codec;
  StrictOrigin origin;
  bool ends = false;  // when what it says has been read

  [[nodiscard]] bool closed() const { return side.broken || codec->finished(); }
};

}  // namespace

class Relay::Seam final : public ServerCodec::Handler {
 public:
  explicit Seam(const RelayOptions& options) : options_(options) {
    server_ = options.http2 ? make_http2_server(down_.gate, *this, options_.codec)
                            : make_http1_server(down_.gate, *this, options_.codec);
  }
  ~Seam() { exchanges_.clear(); }

  void feed(std::string_view piece) {
    down_.input.append(piece);
    turn();
  }
  void feed_end() {
    if (!down_.broken) (void)server_->feed_end();
    turn();
  }
  void cut_answer(const weft::testing::Pieces& pieces) { pieces_ = pieces; }

  [[nodiscard]] std::string client() const {
    return options_.http2 ? frames() : statuses() + fate();
  }
  [[nodiscard]] std::string origins() const {
    std::string text;
    for (const auto& upstream : upstreams_) {
      const std::string report = upstream->origin.report(upstream->closed());
      if (report.empty()) continue;
      text += (text.empty() ? "" : " || ") + report;
    }
    return text;
  }
  [[nodiscard]] bool paused() const { return down_.gate.paused; }

  std::string answers;
  std::string refusals;
  std::string first_wire;

 private:
  class Exchange;

  // ServerCodec::Handler
  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override;
  void on_malformed(const Error&, std::uint16_t) override {}

  Upstream& connect() {
    for (const auto& upstream : upstreams_) {
      if (!upstream->closed() && upstream->codec->available() > 0) return *upstream;
    }
    upstreams_.push_back(std::make_unique<Upstream>());
    Upstream& made = *upstreams_.back();
    made.codec = make_http1_client(made.side.gate, options_.codec);
    return made;
  }

  void turn() {
    bool moved = true;
    while (moved) {
      moved = down_.feed(*server_, refusals);
      moved |= produce(*server_, answers);
      for (const auto& upstream : upstreams_) moved |= serve(*upstream);
      moved |= reap();
    }
  }

  static bool produce(Codec& codec, std::string& wire) {
    Buffer out;
    codec.produce(out, kRoom);
    wire += out.to_string();
    return !out.empty();
  }

  bool serve(Upstream& upstream) {
    std::string wire;
    bool moved = produce(*upstream.codec, wire);
    upstream.origin.feed(wire);
    if (&upstream == upstreams_.front().get()) first_wire += wire;
    while (upstream.origin.next(options_.answers_at_head)) {
      moved = true;
      const std::string& answer =
          options_.answers[std::min(answered_, options_.answers.size() - 1)];
      if (answered_++ == 0 && !pieces_.empty()) {
        for (const std::string_view piece : pieces_) {
          upstream.side.input.append(piece);
          (void)upstream.side.feed(*upstream.codec, refusals);
        }
      } else {
        upstream.side.input.append(answer);
      }
      upstream.ends = options_.origin_ends;
      if (answer.starts_with("HTTP/1.1 101")) upstream.origin.tunnel();
    }
    moved |= upstream.side.feed(*upstream.codec, refusals);
    if (upstream.ends && upstream.side.input.empty() && !upstream.closed()) {
      upstream.ends = false;
      if (!upstream.codec->feed_end()) upstream.side.broken = true;
      moved = true;
    }
    return moved;
  }

  bool reap();

  // ---- what the client saw ----

  [[nodiscard]] std::string statuses() const {
    std::string text;
    std::string_view wire = answers;
    std::size_t request = 0;
    while (!wire.empty()) {
      const std::size_t end = wire.find("\r\n\r\n");
      if (!wire.starts_with("HTTP/1.1 ") || end == std::string_view::npos)
        return text + " ?" + escape(wire, 4096);
      const std::string_view head = wire.substr(0, end + 2);
      wire.remove_prefix(end + 4);
      const std::string_view status = head.substr(9, 3);
      text += (text.empty() ? "" : " ") + std::string(status);
      if (status == "101" ||
          (request < methods_.size() && methods_[request] == "CONNECT" && status.starts_with('2')))
        return text + " <" + escape(wire, 4096) + ">";
      if (status.starts_with('1')) continue;
      const bool bodyless = (request < methods_.size() && methods_[request] == "HEAD") ||
                            status == "204" || status == "304";
      ++request;
      if (bodyless) continue;
      text += body(head, wire, status.starts_with('2'));
    }
    return text;
  }

  // Takes it off `wire`. What a refusal says is for people.
  static std::string body(std::string_view head, std::string_view& wire, bool worth_saying) {
    std::string whole;
    std::string end;
    const std::string_view length = field(head, "content-length: ");
    if (!length.empty()) {
      const std::size_t size = parse_u64(length).value_or(0);
      whole = wire.substr(0, size);
      if (wire.size() < size) end = " cut";
      wire.remove_prefix(whole.size());
    } else if (!field(head, "transfer-encoding: ").empty()) {
      end = " cut";
      while (!wire.empty()) {
        const std::size_t line = wire.find("\r\n");
        const std::size_t size = std::stoul(std::string(wire.substr(0, line)), nullptr, 16);
        wire.remove_prefix(line + 2);
        if (size == 0) {
          wire.remove_prefix(wire.find("\r\n") == 0 ? 2 : wire.find("\r\n\r\n") + 4);
          end.clear();
          break;
        }
        whole += wire.substr(0, size);
        wire.remove_prefix(size + 2);
      }
    } else {
      whole = std::exchange(wire, {});
    }
    // How much of a body left before it was cut depends on how it came.
    if (!end.empty()) return end;
    if (!worth_saying || whole == "ok" || whole.empty()) return {};
    return "{" + escape(whole, 4096) + "}";
  }

  static std::string_view field(std::string_view head, std::string_view name) {
    const std::size_t at = head.find("\r\n" + std::string(name));
    if (at == std::string_view::npos) return {};
    const std::size_t begin = at + 2 + name.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }

  [[nodiscard]] std::string fate() const {
    if (!server_->finished()) return {};
    if (server_->aborted()) return " reset";
    const std::size_t last = answers.rfind("HTTP/1.1 ");
    const bool said = last != std::string::npos &&
                      answers.find("connection: close\r\n", last) != std::string::npos;
    return said ? " close" : " hung up";
  }

  [[nodiscard]] std::string frames() const {
    std::string text;
    std::string all = frames_of(answers) + " ";
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = all.find(' ', at);
      const std::string one = all.substr(at, end - at);
      at = end + 1;
      if (one.starts_with("SETTINGS") || one.starts_with("WINDOW_UPDATE")) continue;
      text += (text.empty() ? "" : " ") + one;
    }
    return text;
  }

  const RelayOptions options_;
  Side down_;
  std::unique_ptr<ServerCodec> server_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<std::string> methods_;  // asked, in order
  weft::testing::Pieces pieces_;
  std::size_t answered_ = 0;
};

// One request on its way there and back; as proxy::Exchange, without what decides.
class Relay::Seam::Exchange final {
 public:
  Exchange(ClientCodec& upstream, std::unique_ptr<ServerStream> stream, RequestHead&& head,
           bool end)
      : down_(*this), up_(*this), server_(std::move(stream)), head_(std::move(head)) {
    server_->set_sink(&down_);
    client_ = upstream.open(head_, end, up_);
  }

  // Lets go of what is finished with; true when all is.
  bool reap(bool& moved) {
    if (answered_ && client_ != nullptr) {
      client_.reset();
      moved = true;
    }
    if (server_ != nullptr && answered_ && server_->buffered() == 0) {
      server_.reset();
      moved = true;
    }
    return server_ == nullptr && client_ == nullptr;
  }

 private:
  struct Down final : RequestSink {
    explicit Down(Exchange& of) : self(of) {}
    Exchange& self;
    void on_body(Buffer&& bytes, bool end) override {
      if (self.client_ != nullptr) self.client_->send_body(std::move(bytes), end);
    }
    void on_trailers(Headers&& trailers) override {
      if (self.client_ != nullptr) self.client_->send_trailers(trailers);
    }
    void on_sent(std::size_t bytes) override {
      if (self.client_ != nullptr) self.client_->consume(bytes);
    }
    void on_stream_fault(const Error&) override {
      self.client_.reset();
      self.server_.reset();
    }
  };
  struct Up final : ResponseSink {
    explicit Up(Exchange& of) : self(of) {}
    Exchange& self;
    void on_informational(ResponseHead&& head) override {
      if (self.server_ != nullptr) self.server_->send_informational(head);
    }
    void on_response_head(ResponseHead&& head, bool end) override {
      self.begun_ = true;
      self.answered_ = end;
      if (self.server_ != nullptr) self.server_->send_head(head, end);
    }
    void on_body(Buffer&& bytes, bool end) override {
      self.answered_ |= end;
      if (self.server_ != nullptr) self.server_->send_body(std::move(bytes), end);
    }
    void on_trailers(Headers&& trailers) override {
      self.answered_ = true;
      if (self.server_ != nullptr) self.server_->send_trailers(trailers);
    }
    void on_sent(std::size_t bytes) override {
      if (self.server_ != nullptr) self.server_->consume(bytes);
    }
    void on_stream_fault(const Error&) override {
      self.client_.reset();
      if (self.server_ == nullptr) return;
      if (self.begun_) {
        self.server_->reset(ResetReason::kInternal);
        self.server_.reset();
        return;
      }
      ResponseHead head;
      head.status = 502;
      self.server_->send_head(head, true);
      self.answered_ = true;
    }
  };

  Down down_;
  Up up_;
  std::unique_ptr<ServerStream> server_;
  std::unique_ptr<ClientStream> client_;
  RequestHead head_;
  bool begun_ = false;     // the answer's head went down
  bool answered_ = false;  // and its end
};

void Relay::Seam::on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) {
  methods_.emplace_back(head.method_name);
  exchanges_.push_back(
      std::make_unique<Exchange>(*connect().codec, std::move(stream), std::move(head), end));
}

bool Relay::Seam::reap() {
  bool moved = false;
  std::erase_if(exchanges_, [&moved](const auto& exchange) { return exchange->reap(moved); });
  return moved;
}

Relay::Relay(const RelayOptions& options) : seam_(std::make_unique<Seam>(options)) {}
Relay::~Relay() = default;

void Relay::feed(const weft::testing::Pieces& pieces) {
  for (const std::string_view piece : pieces) seam_->feed(piece);
}
void Relay::feed_end() { seam_->feed_end(); }
void Relay::cut_answer(const weft::testing::Pieces& pieces) { seam_->cut_answer(pieces); }
const std::string& Relay::answers() const { return seam_->answers; }
std::string Relay::client() const { return seam_->client(); }
std::string Relay::origins() const { return seam_->origins(); }
const std::string& Relay::first_origin_wire() const { return seam_->first_wire; }
bool Relay::paused() const { return seam_->paused(); }
const std::string& Relay::refusals() const { return seam_->refusals; }

std::string relayed(std::string_view text, const RelayOptions& options, std::size_t pairs_up_to) {
  const auto run = [&options](const weft::testing::Pieces& pieces) {
    Relay relay(options);
    relay.feed(pieces);
    if (options.client_ends) relay.feed_end();
    return relay.client() + "\n" + relay.origins();
  };
  if (text.size() <= kCutBytesMax) return weft::testing::at_every_split(text, run, pairs_up_to);
  const std::string whole = run({text});
  for (const std::size_t step : {std::size_t{13}, std::size_t{997}}) {
    weft::testing::Pieces pieces;
    for (std::size_t at = 0; at < text.size(); at += step) pieces.push_back(text.substr(at, step));
    EXPECT_EQ(run(pieces), whole) << "in pieces of " << step;
  }
  return whole;
}

std::string relayed_answer(std::string_view text, const RelayOptions& options) {
  return weft::testing::at_every_split(
      options.answers.front(),
      [&](const weft::testing::Pieces& pieces) {
        Relay relay(options);
        relay.cut_answer(pieces);
        relay.feed({text});
        return relay.client() + "\n" + relay.origins();
      },
      0);
}

}  // namespace weft::http::testing
