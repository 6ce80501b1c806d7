#pragma once
// Tunnel: opaque bytes both ways between a downstream Transport and a dialed upstream one,
// half-close carried through.
//
//   kDialing --connected--> kOpen --both ends, fault, idle--> kOver
//
// Owner: Session. Thread: its worker. Memory: a side is paused while the other has more than
// Transport::kHighMark to send, so at most about two high marks each way. One record at the end,
// whatever the ending.

#include <memory>
#include <string>

#include "sidecar/core/slab.h"
#include "sidecar/core/transport.h"
#include "sidecar/proxy/exchange.h"
#include "sidecar/proxy/services.h"

namespace weft::proxy {

class Tunnel final : public DialHolder,
                     public Flushable,
                     public TimerSink,
                     public SlabAllocated<Tunnel> {
 public:
  class Owner {
   public:
    virtual void on_tunnel_done(Tunnel& tunnel) = 0;

   protected:
    ~Owner() = default;
  };

  // `first` was read by a sniffer; `ended`: and the caller's end after it.
  Tunnel(const Services& services, Owner& owner, const Origin& origin,
         const config::TcpSettings& settings, std::string cluster, upstream::Caller caller,
         std::unique_ptr<Transport> downstream, Buffer&& first, bool ended);
  ~Tunnel();

  void start();
  // Ends it now (drain's deadline).
  void abort();

  void on_dialed(std::unique_ptr<Transport> transport) override;
  void on_dial_failed(const Error& error) override;
  void flush() override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kDialing, kOpen, kOver };

  // One direction's ear.
  class Ear final : public Sink {
   public:
    Ear(Tunnel& tunnel, bool downstream) : tunnel_(tunnel), downstream_(downstream) {}
    void on_bytes(Buffer& bytes) override { tunnel_.carry(downstream_, bytes); }
    void on_writable() override { tunnel_.source_of(downstream_).resume(); }
    void on_end() override { tunnel_.end_of(downstream_); }
    void on_fault(const Error& error) override { tunnel_.broken(downstream_, error); }

   private:
    Tunnel& tunnel_;
    const bool downstream_;
  };

  [[nodiscard]] bool dial_next();
  void report(upstream::Verdict verdict);
  void carry(bool from_downstream, Buffer& bytes);
  void end_of(bool from_downstream);
  void settle();
  void broken(bool from_downstream, const Error& error);
  // Who fills what this side writes out.
  [[nodiscard]] Transport& source_of(bool downstream) {
    return downstream ? *upstream_ : *downstream_;
  }
  void finish(const Error& reason);

  const Services& services_;
  Owner& owner_;
  const Origin& origin_;
  const config::TcpSettings& settings_;
  const std::string cluster_name_;
  const upstream::Caller caller_;
  std::unique_ptr<Transport> downstream_;
  std::unique_ptr<Transport> upstream_;
  Buffer first_;
  Ear downstream_ear_{*this, true};
  Ear upstream_ear_{*this, false};
  State state_ = State::kDialing;
  upstream::ClusterRef cluster_;
  upstream::Permit permit_;
  upstream::Tried tried_;
  upstream::Endpoint* endpoint_ = nullptr;
  std::unique_ptr<Dial> dial_;
  Timer idle_timer_;
  Timer settle_timer_;
  telemetry::Shard::Flow flow_;
  telemetry::AccessRecord record_;
  std::string upstream_address_;
  std::string details_;
  std::string source_address_;
  std::uint32_t attempts_ = 0;
  bool flow_open_ = false;
  bool downstream_ended_ = false;
  bool upstream_ended_ = false;
  TimePoint started_;
  TimePoint dialing_since_{};
};

}  // namespace weft::proxy
