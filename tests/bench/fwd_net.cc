// fwd-net: fwd-epoll's job done with net::Loop and net::Socket. The difference between the two is
// the price of our own ground under a proxy; it must stay within a twentieth.
//
// Usage: fwd-net LISTEN_PORT TARGET_PORT (both on 127.0.0.1; 0 = any free port). Prints "port N"
// when it listens.

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"
#include "sidecar/net/acceptor.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/signals.h"

namespace weft::net {
namespace {

class Pair;

// One end of a forwarded connection; what it hears leaves through the other.
class End final : public Sink, public Flushable {
 public:
  End(Pair& pair, Loop& loop) : pair_(pair), loop_(loop) {}
  void join(std::unique_ptr<Transport> transport, End& other) {
    transport_ = std::move(transport);
    other_ = &other;
    transport_->set_sink(this);
  }
  void hold(std::unique_ptr<Transport> transport) { transport_ = std::move(transport); }
  std::unique_ptr<Transport> take() { return std::move(transport_); }

  void on_bytes(Buffer& bytes) override {
    Transport& out = *other_->transport_;
    out.write(std::move(bytes));
    loop_.turn().enlist(*other_);
    if (out.buffered() >= Transport::kHighMark) transport_->pause();
  }
  void on_writable() override { other_->transport_->resume(); }
  void on_end() override;
  void on_fault(const Error&) override;
  void flush() override { transport_->flush(); }

 private:
  Pair& pair_;
  Loop& loop_;
  End* other_ = nullptr;
  std::unique_ptr<Transport> transport_;
  bool ended_ = false;
};

class Forwarder;

class Pair final : public DialHolder, public ListNode<Pair> {
 public:
  Pair(Forwarder& forwarder, Loop& loop)
      : forwarder_(forwarder), near_(*this, loop), far_(*this, loop) {}
  void start(Connector& connector, const SocketAddress& target,
             std::unique_ptr<Transport> accepted) {
    near_.hold(std::move(accepted));
    dial_ = connector.connect(target, {}, *this);
  }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    far_.join(std::move(transport), near_);
    near_.join(near_.take(), far_);
  }
  void on_dial_failed(const Error&) override { done(); }
  void done();

 private:
  Forwarder& forwarder_;
  std::unique_ptr<Dial> dial_;
  End near_;
  End far_;
};

class Forwarder final : public Acceptor::Owner, public Signals::Owner {
 public:
  Forwarder(OwnedFd listener, const SocketAddress& target)
      : target_(target),
        connector_(loop_),
        signals_(loop_, *this),
        acceptor_(loop_, std::move(listener), *this) {}
  ~Forwarder() {
    while (Pair* pair = pairs_.pop_front()) bury(*pair);
  }
  void run() { loop_.run(); }
  void on_accept(std::unique_ptr<Socket> socket) override {
    auto pair = std::make_unique<Pair>(*this, loop_);
    pair->start(connector_, target_, std::move(socket));
    pairs_.push_back(*pair.release());
  }
  void on_drained(Acceptor&) override {}
  void on_signal(int) override { loop_.stop(); }
  void bury(Pair& pair) {
    pair.unlink();
    loop_.turn().retire(std::unique_ptr<Pair>(&pair));
  }

 private:
  Loop loop_;
  SocketAddress target_;
  TcpConnector connector_;
  Signals signals_;
  Acceptor acceptor_;
  IntrusiveList<Pair> pairs_;
};

void Pair::done() {
  if (linked()) forwarder_.bury(*this);
}

void End::on_end() {
  ended_ = true;
  other_->transport_->shutdown_write();
  if (other_->ended_) pair_.done();
}

void End::on_fault(const Error&) { pair_.done(); }

int main_of(int argc, char** argv) {
  const auto from = argc == 3 ? parse_u64(argv[1]) : std::nullopt;
  const auto to = argc == 3 ? parse_u64(argv[2]) : std::nullopt;
  if (!from || !to || *from > 65535 || *to > 65535) {
    std::fputs("usage: fwd-net LISTEN_PORT TARGET_PORT\n", stderr);
    return 1;
  }
  const IpAddress here = IpAddress::v4(0x7f000001);
  Result<OwnedFd> listener = bind_listener({here, static_cast<std::uint16_t>(*from)});
  if (!listener) {
    std::fprintf(stderr, "fwd-net: %s\n", to_string(listener.error()).c_str());
    return 1;
  }
  std::printf("port %u\n", unsigned{local_address_of(listener->get()).port()});
  std::fflush(stdout);
  Forwarder(std::move(*listener), {here, static_cast<std::uint16_t>(*to)}).run();
  return 0;
}

}  // namespace
}  // namespace weft::net

int main(int argc, char** argv) { return weft::net::main_of(argc, argv); }
