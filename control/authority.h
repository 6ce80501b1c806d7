#pragma once
// Authority: the mesh's CA: keeps the root, makes join tokens, checks who asks for a certificate,
// signs.
//
// The root (key and certificate, one file, 0600) is made once and loaded afterwards. A certificate
// is only ever for the identity that the asker has proved, by its present certificate over mTLS or
// by a join token; the request must ask for exactly that, and its name alone is in the leaf. The
// control plane's own identity is given to nobody. Serials are random and nothing about a leaf is
// stored (decisions A7). Owner: Control; `weft token` opens one for itself. Thread: one;
// blocking, a signature takes about 0.1 ms.

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/join_token.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/tls_config.h"
#include "tls/certificate.h"
#include "tls/key.h"

namespace weft::control {

// What became of a request; the `result` label of weft_control_signings_total.
enum class Signing : std::uint8_t {
  kSigned,
  kNoCredentials,
  kBadToken,
  kExpiredToken,
  kWrongIdentity,  // the request asks for another than the asker proved
  kBadRequest,     // the request itself is broken
  kBusy,           // too many at once
  kInternal,
};
inline constexpr std::size_t kSignings = static_cast<std::size_t>(Signing::kInternal) + 1;
[[nodiscard]] std::string_view name_of(Signing signing);

struct SigningError {
  Signing what = Signing::kInternal;
  std::string detail;
};

class Authority final {
 public:
  static constexpr const char* kRootFile = "root.pem";
  static constexpr Duration kLifetimeMin = std::chrono::seconds(10);
  static constexpr Duration kTokenLifetimeMax = std::chrono::hours(24 * 365);
  static constexpr std::string_view kOwnNamespace = "weft-system";
  static constexpr std::string_view kOwnAccount = "weft-control";

  struct Options {
    std::string state_dir;
    std::string trust_domain = "cluster.local";  // of a root that is made now
    WallTime (*wall_clock)() = &read_wall_clock;
  };
  // Loads the root, or makes one. Two that make one at once end up with the same.
  static Result<Authority> open(const Options& options);
  // From key and certificate that are kept elsewhere than in a directory.
  static Result<Authority> from_pem(std::string_view pem, WallTime (*wall_clock)());
  // A new root: its key and its certificate, to be kept private.
  [[nodiscard]] static Result<std::string> make_root_pem(const Options& options);
  [[nodiscard]] static bool has_root(const std::string& state_dir);

  [[nodiscard]] const std::string& trust_domain() const { return trust_domain_; }
  [[nodiscard]] const std::string& root_pem() const { return root_.pem; }
  [[nodiscard]] WallTime root_expires() const { return root_.not_after; }
  [[nodiscard]] std::string root_spki_sha256() const { return key_.spki_sha256(); }
  void set_leaf_lifetime_max(Duration lifetime) { leaf_lifetime_max_ = lifetime; }

  // kInvalid for an identity that is none, or a lifetime out of range.
  [[nodiscard]] Result<std::string> make_token(std::string_view name_space,
                                               std::string_view service_account,
                                               Duration lifetime) const;

  struct Asker {
    SpiffeId peer;           // proved over mTLS; empty: nothing was
    std::string_view token;  // counts only without a peer
  };
  struct Issued {
    SpiffeId id;
    std::string leaf_pem;
    WallTime expires{};
  };
  // `wanted` zero or less: as long as allowed.
  [[nodiscard]] tl::expected<Issued, SigningError> sign(std::string_view csr_pem, Duration wanted,
                                                        const Asker& asker);

  // A request that never came so far.
  void count(Signing what) { signings_->at(static_cast<std::size_t>(what)).add(); }

  // The control plane's own certificate, with a key of its own. The chain ends with the root, so
  // that who knows no more than the root's digest can begin to trust. `service`: the Service that
  // leads to it, where it is another one (a revision's).
  [[nodiscard]] Result<TlsMaterial> make_own_material(
      Duration lifetime, const std::string& service = std::string(kOwnAccount)) const;

  [[nodiscard]] const Counter& signings(Signing signing) const {
    return signings_->at(static_cast<std::size_t>(signing));
  }

 private:
  Authority() = default;
  Status load(const std::string& path);
  Status load_pem(std::string_view pem);
  [[nodiscard]] tl::expected<Issued, SigningError> judge(std::string_view csr_pem, Duration wanted,
                                                         const Asker& asker) const;
  [[nodiscard]] tl::expected<SpiffeId, SigningError> identify(const Asker& asker) const;

  tls::Key key_;
  tls::Certificate root_;
  std::string trust_domain_;
  Duration leaf_lifetime_max_ = std::chrono::hours(24);
  WallTime (*wall_clock_)() = &read_wall_clock;
  std::unique_ptr<std::array<Counter, kSignings>> signings_ =
      std::make_unique<std::array<Counter, kSignings>>();
};

}  // namespace weft::control
