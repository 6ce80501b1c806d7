#pragma once
// Rotator: keeps one identity's certificate fresh: makes a key and a request, asks the issuer,
// hands out new material.
//
//   kIdle --start--> kAsking --issued--> kWaiting --half life ± jitter--> kAsking
//                      |  ^                  ^
//                      |  '--- backoff --- kBackingOff   (the old material stays in use, also while
//                      asking)
//                      '------ failed --------^
//
// A new key for each certificate; no key ever leaves the process, only the request does. What is
// issued is checked before it is believed: right key, right identity, not expired, usable roots.
// Timers are monotonic, expiry is judged by wall time at least every kLookEvery, so that a clock
// set forward is noticed. Owner: the main loop. Thread: the main loop's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sidecar/core/backoff.h"
#include "sidecar/core/random.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/tls_config.h"
#include "sidecar/core/turn.h"
#include "tls/key.h"

namespace weft::tls {

struct Issued {
  std::string chain_pem;  // leaf first, without the root
  std::string roots_pem;
};

// Who turns a request into a chain, later: the CA client, or a file of the tests.
class CertificateIssuer {
 public:
  // An exchange under way; dropping it cancels it.
  class Request {
   public:
    virtual ~Request() = default;
  };
  class Holder {
   public:
    virtual void on_issued(Issued issued) = 0;
    virtual void on_issue_failed(const Error& error) = 0;

   protected:
    ~Holder() = default;
  };
  // Never answers from inside the call; exactly one answer, as the Request's last act.
  [[nodiscard]] virtual std::unique_ptr<Request> request(std::string csr_pem, Holder& holder) = 0;

 protected:
  ~CertificateIssuer() = default;
};

class Rotator final : public CertificateIssuer::Holder, public TimerSink {
 public:
  class Owner {
   public:
    virtual void on_material(std::shared_ptr<const TlsMaterial> material) = 0;
    // `left` is how long the present certificate lasts; zero or less: it has expired, or there has
    // never been one.
    virtual void on_rotation_failed(const Error& error, Duration left) = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    SpiffeId id;
    Key::Type key_type = Key::Type::kEcP256;
    Duration request_timeout = std::chrono::seconds(10);
    Duration backoff_base = std::chrono::milliseconds(500);
    Duration backoff_max = std::chrono::seconds(30);
    double jitter =
        0.1;  // of the half life, either way, so that a fleet started together spreads out
    WallTime (*wall_clock)() = &read_wall_clock;
  };
  enum class State : std::uint8_t { kIdle, kAsking, kWaiting, kBackingOff };
  static constexpr Duration kLookEvery = std::chrono::minutes(5);

  Rotator(Turn& turn, Random& random, CertificateIssuer& issuer, Owner& owner, Options options);
  ~Rotator();

  // Asks at once; once.
  void start();
  // New roots without a new certificate: material() is new afterwards, without an event. An error
  // when they are unusable or there is no certificate yet; then nothing changes.
  [[nodiscard]] Status replace_roots(std::string roots_pem);

  [[nodiscard]] const std::shared_ptr<const TlsMaterial>& material() const { return material_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] WallTime not_after() const { return not_after_; }  // of the present certificate
  [[nodiscard]] std::uint64_t renewals() const { return renewals_; }
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

  void on_issued(Issued issued) override;
  void on_issue_failed(const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  void ask();
  void fail_attempt(const Error& error);
  [[nodiscard]] Result<WallTime> accept(const Issued& issued);
  void plan_renewal(WallTime not_before);
  void wait_for_renewal();
  void make_material(std::string chain_pem, std::string roots_pem);

  Turn& turn_;
  Random& random_;
  CertificateIssuer& issuer_;
  Owner& owner_;
  const Options options_;
  State state_ = State::kIdle;
  Backoff backoff_;
  Timer timer_;  // renewal, backoff or the deadline of a request
  Key next_key_;
  Key key_;
  std::unique_ptr<CertificateIssuer::Request> request_;
  std::shared_ptr<const TlsMaterial> material_;
  WallTime not_after_{};
  WallTime renew_at_{};
  std::uint64_t renewals_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace weft::tls
