#pragma once
// Identity: how a sidecar comes to its certificate and keeps it (weft.bootstrap.v1.Mesh).
//
// By a CA: the first certificate is asked for with a token, over TLS to a root that a file holds or
// whose key's digest the join token (or the start file) names; each later one with the certificate
// before it over mTLS, never again with the token (decisions A7). Only when the certificate has
// expired does it begin again as a stranger. By files: read again when one of them changes; a pair
// that does not fit is not taken. The key never leaves the process. What there is stays in use
// until there is something better. Owner: Sidecar. Thread: main loop.

#include <cstdint>
#include <memory>
#include <string>

#include "sidecar/cluster_dialer.h"
#include "sidecar/core/random.h"
#include "tls/library.h"
#include "tls/rotator.h"
#include "xds/bootstrap.h"
#include "xds/certificate_client.h"

namespace weft::sidecar {

class Identity final : public tls::Rotator::Owner, public TimerSink {
 public:
  class Owner {
   public:
    virtual void on_identity(const TlsMaterial& material) = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    xds::Bootstrap::Mesh mesh;
    std::shared_ptr<tls::Library> library;
    Duration look_every = std::chrono::seconds(5);  // at the files
    WallTime (*wall_clock)() = &read_wall_clock;
  };
  struct Stats {
    std::uint64_t renewals = 0;
    std::uint64_t failures = 0;
    WallTime not_after{};     // of the present certificate
    WallTime roots_expire{};  // the first of them
    std::string last_error;
  };

  // `find` answers with the CA's cluster; its TLS context is made here.
  Identity(Turn& turn, Connector& connector, Random& random, ClusterDialer::Find find, Owner& owner,
           Options options);

  void start();
  [[nodiscard]] const SpiffeId& id() const { return options_.mesh.id; }
  [[nodiscard]] bool ready() const { return material_ != nullptr; }
  [[nodiscard]] Stats stats() const;

  void on_material(std::shared_ptr<const TlsMaterial> material) override;
  void on_rotation_failed(const Error& error, Duration left) override;
  void on_timer(Timer& timer) override;

 private:
  [[nodiscard]] bool can_prove_itself() const;
  [[nodiscard]] Result<std::string> token() const;
  [[nodiscard]] Result<std::string> token_to_show() const;
  [[nodiscard]] ClusterDialer::Target find_ca();
  [[nodiscard]] Result<std::shared_ptr<const tls::ClientContext>> context_for(
      const config::TlsReference& tls) const;
  void read_files();
  [[nodiscard]] Result<TlsMaterial> load_files();

  Turn& turn_;
  Owner& owner_;
  const Options options_;
  ClusterDialer::Find find_;
  ClusterDialer dialer_;
  std::unique_ptr<xds::CertificateClient> ca_;
  std::unique_ptr<tls::Rotator> rotator_;
  std::shared_ptr<const TlsMaterial> material_;
  Timer look_timer_;
  std::string stamps_;  // of the files, when they were last good
  WallTime not_after_{};
  WallTime roots_expire_{};
  std::uint64_t renewals_ = 0;
  std::uint64_t failures_ = 0;
  std::string last_error_;
};

}  // namespace weft::sidecar
