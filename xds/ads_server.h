#pragma once
// AdsServer: the control plane's end of ADS: accepts streams, finds out who asks, and tells each
// what the Catalog says.
//
//   accepted ──first request──> authorised ──admission──> subscribed ──first set──> serving ──>
//   over
//
// Both variants, on the aggregated service and on the service of each type. A fleet that comes back
// at once is admitted at a bounded rate, in order (decisions A10); whoever waits costs a stream and
// nothing else. A client that does not answer within answer_patience no longer delays the other
// types. Owner: the composition root of weft-control; outlives no stream's connection. Thread: main
// loop. Source: xDS v3 reference 2.1; threats.md CP-03 to CP-05.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/counters.h"
#include "sidecar/core/token_bucket.h"
#include "sidecar/core/transport.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/service.h"
#include "sidecar/http/stream.h"
#include "xds/catalog.h"
#include "xds/server_state.h"

namespace weft::xds {

class AdsServer final : public TimerSink {
 public:
  struct Options {
    std::string control_plane = "weft";
    std::size_t streams_max = 10'000;
    std::size_t message_bytes_max = 4 * 1024 * 1024;
    std::size_t stranger_message_bytes_max = 64 * 1024;  // over TLS, without a certificate
    // Whoever shows none is denied at once, before anything is read or held.
    bool certificate_required = false;
    double admissions_per_second = 200;  // 2,000 sidecars come back within ten seconds (CP-05)
    double admissions_burst = 100;
    Duration first_request = std::chrono::seconds(10);  // from the stream to who asks
    Duration answer_patience = std::chrono::seconds(5);
  };
  // Whether this node may be served to whoever showed this certificate; the error goes to the
  // client.
  using Authorize = std::function<Status(const NodeInfo& node)>;

  struct Stats {
    Counter accepted;  // streams
    Counter refused;   // streams beyond streams_max, or while draining
    Counter denied;    // by Authorize
    Counter broken;    // ended by us: unreadable, too large, too slow, beyond a limit
    Counter responses;
    Counter rejections;  // NACKs
  };
  // Hears what cannot be seen in report(), as it happens.
  class Watcher {
   public:
    // This client was told a generation in full and has answered all of it. `since`: its stream's
    // beginning.
    virtual void on_settled(const NodeInfo& node, std::uint64_t generation, TimePoint since) = 0;

   protected:
    ~Watcher() = default;
  };

  // What became of the configuration of one client; for `weft status` and rollouts.
  struct ClientReport {
    NodeInfo node;
    Variant variant = Variant::kDelta;
    TimePoint since{};
    std::uint64_t generation = 0;          // newest there is for it
    std::uint64_t settled_generation = 0;  // newest told in full and answered
    bool settled = false;
    bool refused = false;                  // partly: see types
    Duration behind{};                     // how long it has not been settled
    std::optional<Duration> since_answer;  // to what it was told; empty: none yet
    std::vector<ServerState::TypeReport> types;
  };

  AdsServer(Turn& turn, Catalog& catalog, Authorize authorize, Options options);
  AdsServer(const AdsServer&) = delete;
  AdsServer& operator=(const AdsServer&) = delete;
  ~AdsServer();

  // Registers every path of the discovery services.
  void serve(http::Service& service);
  // `type` is the message of a service for one type; empty on the aggregated one.
  void accept(Variant variant, std::string_view type, std::unique_ptr<http::ServerStream> stream,
              const TlsInfo& tls, const SocketAddress& peer);
  // Ends every stream; clients go elsewhere or come back.
  void drain();

  [[nodiscard]] std::vector<ClientReport> report() const;
  [[nodiscard]] std::size_t streams() const { return clients_.size(); }
  [[nodiscard]] const Stats& stats() const { return stats_; }
  // Null: nobody.
  void set_watcher(Watcher* watcher) { watcher_ = watcher; }

  void on_timer(Timer& timer) override;

 private:
  class Client;

  // Now, or later in turn.
  void ask_admission(Client& client);
  void remove(Client& client);

  Turn& turn_;
  Catalog& catalog_;
  const Authorize authorize_;
  const Options options_;
  TokenBucket admissions_;
  Timer admission_;
  std::deque<Client*> waiting_;
  const std::shared_ptr<NamePool> names_ = std::make_shared<NamePool>();  // of all clients
  std::vector<std::unique_ptr<Client>> clients_;
  Stats stats_;
  Watcher* watcher_ = nullptr;
  bool draining_ = false;
};

}  // namespace weft::xds
