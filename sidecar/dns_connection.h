#pragma once
// DnsConnection: DNS over one TCP connection: messages with their lengths in front, several under
// way at once, answered in any order. RFC 1035 4.2.2, RFC 7766.
//
// At kPendingMax unanswered messages it stops reading. It ends when the peer has, when nothing is
// under way for Options::idle, and at once when what comes is no message or nobody reads the
// answers. Owner: DnsServer. Thread: main loop.

#include <cstdint>
#include <memory>

#include "sidecar/core/transport.h"
#include "sidecar/core/turn.h"

namespace weft::sidecar {

class DnsConnection final : public Sink, public Flushable, public TimerSink {
 public:
  static constexpr std::uint32_t kPendingMax = 32;
  static constexpr std::size_t kMessageMin = 12;    // a header
  static constexpr std::size_t kMessageMax = 4096;  // a question needs a few hundred bytes

  class Owner {
   public:
    // reply() or ignore() once for each, now or later.
    virtual void on_dns_message(DnsConnection& connection, Bytes message) = 0;
    virtual void on_dns_connection_done(DnsConnection& connection) = 0;  // the last event

   protected:
    ~Owner() = default;
  };
  struct Options {
    std::uint64_t number = 0;  // by which its owner knows it
    Duration idle = std::chrono::seconds(10);
  };

  DnsConnection(Turn& turn, std::unique_ptr<Transport> transport, Owner& owner, Options options);
  ~DnsConnection();
  DnsConnection(const DnsConnection&) = delete;
  DnsConnection& operator=(const DnsConnection&) = delete;

  void reply(Bytes message);
  void ignore() { end(); }  // no query: whoever sends such things is not listened to

  [[nodiscard]] std::uint64_t number() const { return options_.number; }

  // Sink, Flushable, TimerSink
  void on_bytes(Buffer& bytes) override;
  void on_writable() override {}
  void on_end() override;
  void on_fault(const Error&) override { end(); }
  void flush() override;
  void on_timer(Timer&) override;

 private:
  void end();

  Turn& turn_;
  std::unique_ptr<Transport> transport_;
  Owner& owner_;
  const Options options_;
  Timer idle_;
  std::uint32_t pending_ = 0;
  bool paused_ = false;
  bool peer_ended_ = false;
  bool over_ = false;  // the owner hears of it when the turn ends
};

}  // namespace weft::sidecar
