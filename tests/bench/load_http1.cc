#include <algorithm>
#include <string_view>
#include <utility>

#include "tests/bench/load.h"
#include "tests/bench/message.h"

namespace weft::bench {
namespace {

// HTTP/1.1, or any protocol whose answers have a known size.
class Http1Connection final : public LoadConnection, public LoadSlot {
 public:
  explicit Http1Connection(Load& load) : load_(load) {}

  void open() override {
    state_ = State::kConnecting;
    is_shaken_ = false;
    channel_ = Channel{connect_to(load_.options().target), load_.options().tls, &kept_};
    if (!channel_.valid()) return fail(&Load::Errors::connect);
    load_.poller().watch(channel_.socket(), EPOLLIN | EPOLLOUT, *this);
  }

  void start(Load::Instant intended) override {
    intended_ = intended;
    sent_ = 0;
    reader_.reset();
    fixed_left_ = load_.options().fixed_answer;
    has_request_ = true;
    if (state_ == State::kClosed) return open();
    state_ = State::kBusy;
    send_rest();
  }

  [[nodiscard]] bool ready() const override {
    return state_ == State::kIdle || state_ == State::kBusy;
  }
  void flush() override {}
  [[nodiscard]] std::vector<LoadSlot*> slots() override { return {this}; }

  void on_ready(std::uint32_t events) override {
    // One step per event: each may close the socket and open another, and what is still due shows
    // again next time.
    if (state_ == State::kConnecting) return on_connected();
    if ((events & EPOLLOUT) != 0 && wants_writable_) {
      wants_writable_ = false;
      load_.poller().change(channel_.socket(), EPOLLIN, *this);
      return send_rest();
    }
    if (channel_.valid()) receive();
  }

 private:
  enum class State { kClosed, kConnecting, kIdle, kBusy };

  void on_connected() {
    const Load::Opening opening = load_.step_opening(channel_, *this, is_shaken_);
    if (opening == Load::Opening::kWaits) return;
    if (opening == Load::Opening::kFailed) return fail(&Load::Errors::connect);
    if (has_request_) {
      state_ = State::kBusy;
      send_rest();
    } else {
      state_ = State::kIdle;
      load_.on_idle(*this);
    }
  }

  void send_rest() {
    const std::string_view request = load_.options().request;
    const ssize_t sent = channel_.write(request.substr(sent_));
    if (sent == Channel::kBroken) return fail(&Load::Errors::cut);
    sent_ += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (sent_ == request.size()) return;
    wants_writable_ = true;
    load_.poller().change(channel_.socket(), EPOLLIN | EPOLLOUT, *this);
  }

  void receive() {
    auto& block = Load::read_block();
    do {
      const ssize_t size = channel_.read(block.data(), block.size());
      if (size == Channel::kAgain) return;
      if (size <= 0) return on_end();
      std::string_view bytes{block.data(), static_cast<std::size_t>(size)};
      if (!has_request_) return fail(&Load::Errors::malformed);
      const auto progress =
          load_.options().fixed_answer > 0 ? take_fixed(bytes) : reader_.feed(bytes);
      if (progress == MessageReader::Progress::kMore) continue;
      if (progress == MessageReader::Progress::kMalformed || !bytes.empty()) {
        return fail(&Load::Errors::malformed);
      }
      return finish();
    } while (channel_.has_pending());
  }

  MessageReader::Progress take_fixed(std::string_view& bytes) {
    const std::size_t taken = std::min(fixed_left_, bytes.size());
    bytes.remove_prefix(taken);
    fixed_left_ -= taken;
    return fixed_left_ == 0 ? MessageReader::Progress::kDone : MessageReader::Progress::kMore;
  }

  void on_end() {
    if (!has_request_) return fail(&Load::Errors::idle_closed);
    if (load_.options().fixed_answer == 0 && reader_.ends_at_close()) return finish();
    fail(&Load::Errors::cut);
  }

  void finish() {
    has_request_ = false;
    const bool close =
        load_.options().close_each || reader_.wants_close() || reader_.ends_at_close();
    state_ = close ? State::kClosed : State::kIdle;
    if (close) channel_.close();
    load_.on_answer(intended_, reader_.status(), reader_.body_bytes());
    load_.on_idle(*this);
  }

  // The request is lost and counted; the connection is used again by a later one, which opens it
  // anew.
  void fail(std::uint64_t Load::Errors::* kind) {
    const bool was_idle = !std::exchange(has_request_, false);
    wants_writable_ = false;
    channel_.close();
    state_ = State::kClosed;
    load_.on_error(kind);
    if (!was_idle) load_.on_idle(*this);
  }

  Load& load_;
  Channel channel_;
  KeptSession kept_;
  State state_ = State::kClosed;
  MessageReader reader_{MessageReader::Kind::kAnswer};
  std::size_t sent_ = 0;
  std::size_t fixed_left_ = 0;
  bool is_shaken_ = false;  // The TCP connection stands and TLS has begun.
  bool wants_writable_ = false;
};

}  // namespace

std::unique_ptr<LoadConnection> make_http1_connection(Load& load) {
  return std::make_unique<Http1Connection>(load);
}

}  // namespace weft::bench
