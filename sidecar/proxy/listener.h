#pragma once
// Listener: one listening address on one worker, and the sessions that came through it.
//
// Owner: Worker. Thread: its worker. A changed configuration of the same address is put in place:
// new connections meet it, sessions keep what they began with. State = list: sessions leave it when
// they are done.

#include <cstdint>
#include <memory>

#include "sidecar/net/acceptor.h"
#include "sidecar/net/loop.h"
#include "sidecar/proxy/chain_table.h"
#include "sidecar/proxy/connection_splits.h"
#include "sidecar/proxy/detection_memory.h"
#include "sidecar/proxy/session.h"

namespace weft::proxy {

class Listener final : public net::Acceptor::Owner, public Session::Owner {
 public:
  class Owner {
   public:
    // After drain(): the last session has ended.
    virtual void on_listener_drained(Listener& listener) = 0;

   protected:
    ~Owner() = default;
  };

  Listener(net::Loop& loop, const Services& services, Owner& owner, net::OwnedFd socket);
  ~Listener();

  void configure(std::shared_ptr<const config::ListenerConfig> config,
                 std::shared_ptr<const upstream::TlsContexts> contexts);
  [[nodiscard]] const config::ListenerConfig& config() const { return *config_; }
  [[nodiscard]] const SocketAddress& address() const { return acceptor_->address(); }
  [[nodiscard]] std::size_t sessions() const { return session_count_; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }  // ever

  // Takes what waits in the kernel's queue, then accepts no more; sessions say goodbye.
  void drain();
  // Those sessions that there are say goodbye; new ones are accepted.
  void part();
  // Whether new connections wait in the kernel's queue.
  void hold(bool on);
  // The drain's deadline: whatever is left ends.
  void abandon();

  void on_accept(std::unique_ptr<net::Socket> socket) override;
  void on_drained(net::Acceptor& acceptor) override;
  void on_shortage() override;
  void on_session_done(Session& session) override;
  [[nodiscard]] Session::Configuration newest() const override {
    return {.listener = config_, .chains = chains_, .contexts = contexts_};
  }
  [[nodiscard]] std::size_t choose_cluster(const config::FilterChain& chain) override {
    return splits_.choose(chain);
  }

 private:
  void report_if_drained();

  const Services& services_;
  Owner& owner_;
  std::shared_ptr<const config::ListenerConfig> config_;
  std::shared_ptr<const ChainTable> chains_;
  std::shared_ptr<const upstream::TlsContexts> contexts_;
  telemetry::PeerId local_ = telemetry::PeerId::kUnknown;
  std::unique_ptr<net::Acceptor> acceptor_;
  DetectionMemory detection_;
  ConnectionSplits splits_;
  IntrusiveList<Session> sessions_;  // owned
  std::size_t session_count_ = 0;
  std::uint64_t accepted_ = 0;
  bool draining_ = false;
  bool held_ = false;
  bool acceptor_closed_ = false;
};

}  // namespace weft::proxy
