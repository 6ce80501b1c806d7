#include "tls/rotator.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/assert.h"
#include "tls/certificate.h"
#include "tls/csr.h"
#include "tls/primitives.h"

namespace weft::tls {

namespace {

Duration scaled(Duration duration, double factor) {
  return Duration(static_cast<std::int64_t>(static_cast<double>(duration.count()) * factor));
}

// The backoff's floor: an issuer that fails at once must not be asked in a tight loop when the
// jitter says zero.
constexpr Duration kPauseMin = std::chrono::milliseconds(100);
// However short the lives of certificates are.
constexpr Duration kRenewalsApart = std::chrono::seconds(1);

}  // namespace

Rotator::Rotator(Turn& turn, Random& random, CertificateIssuer& issuer, Owner& owner,
                 Options options)
    : turn_(turn),
      random_(random),
      issuer_(issuer),
      owner_(owner),
      options_(std::move(options)),
      backoff_(options_.backoff_base, options_.backoff_max),
      timer_(turn.timers(), *this) {
  WEFT_ASSERT(!options_.id.empty());
}

Rotator::~Rotator() = default;

void Rotator::start() {
  WEFT_ASSERT(state_ == State::kIdle);
  ask();
}

void Rotator::ask() {
  state_ = State::kAsking;
  Result<Key> key = Key::generate(options_.key_type);
  WEFT_ASSERT(key.has_value());
  Result<std::string> csr = make_csr(*key, options_.id);
  WEFT_ASSERT(csr.has_value());
  next_key_ = std::move(*key);
  timer_.arm(options_.request_timeout);
  request_ = issuer_.request(std::move(*csr), *this);
}

void Rotator::on_timer(Timer&) {
  switch (state_) {
    case State::kIdle:
      return;
    case State::kAsking:
      request_.reset();
      return fail_attempt(
          Error{Fault::kTimeout, Side::kLocal, "the issuer did not answer in time"});
    case State::kWaiting:
      if (options_.wall_clock() < renew_at_) return wait_for_renewal();
      return ask();
    case State::kBackingOff:
      return ask();
  }
}

void Rotator::on_issue_failed(const Error& error) {
  WEFT_ASSERT(state_ == State::kAsking);
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it may live in the request
  const Error kept = error;
  request_.reset();
  fail_attempt(kept);
}

void Rotator::fail_attempt(const Error& error) {
  ++failures_;
  next_key_ = Key();
  state_ = State::kBackingOff;
  timer_.arm(std::max(backoff_.next(random_), kPauseMin));
  const Duration left =
      material_ == nullptr ? Duration::zero() : not_after_ - options_.wall_clock();
  owner_.on_rotation_failed(error, left);
}

void Rotator::on_issued(Issued issued) {
  WEFT_ASSERT(state_ == State::kAsking);
  request_.reset();
  const Result<WallTime> not_before = accept(issued);
  if (!not_before) return fail_attempt(not_before.error());
  key_ = std::exchange(next_key_, Key());
  backoff_.reset();
  ++renewals_;
  plan_renewal(*not_before);
  make_material(std::move(issued.chain_pem), std::move(issued.roots_pem));
  owner_.on_material(material_);
}

// Whether the issuer gave what was asked for; the start of its life when it did.
Result<WallTime> Rotator::accept(const Issued& issued) {
  const Result<std::vector<Certificate>> chain =
      parse_certificates(issued.chain_pem, "issued chain");
  if (!chain) return tl::unexpected(chain.error());
  const Certificate& leaf = chain->front();
  if (!leaf.public_key.same_public_half(next_key_)) {
    return fail(Fault::kTlsIdentity, "the issued certificate is for another key");
  }
  if (leaf.spiffe_id != options_.id) {
    return fail(Fault::kTlsIdentity, "the issued certificate is for '" + leaf.spiffe_id.uri() +
                                         "', not '" + options_.id.uri() + "'");
  }
  if (leaf.not_after <= options_.wall_clock())
    return fail(Fault::kTlsIdentity, "the issued certificate has expired");
  const Result<std::vector<Certificate>> roots =
      parse_certificates(issued.roots_pem, "issued roots");
  if (!roots) return tl::unexpected(roots.error());
  not_after_ = leaf.not_after;
  return leaf.not_before;
}

// At half of the certificate's life, give or take the jitter. Its life begins when it came: issuers
// date certificates back, and half of that would be over before a short one is here. A clock that
// is behind the issuer's (not yet valid) must not ask in a loop either.
void Rotator::plan_renewal(WallTime not_before) {
  const WallTime now = options_.wall_clock();
  not_before = std::max(not_before, std::min(now, not_after_));
  const Duration half = (not_after_ - not_before) / 2;
  const Duration jitter = scaled(half, options_.jitter * (2 * random_.unit() - 1));
  renew_at_ = std::max(not_before + half + jitter, now + kRenewalsApart);
  wait_for_renewal();
}

void Rotator::wait_for_renewal() {
  state_ = State::kWaiting;
  const Duration delay = renew_at_ - options_.wall_clock();
  timer_.arm(std::clamp(delay, Duration(kPauseMin), Duration(kLookEvery)));
}

Status Rotator::replace_roots(std::string roots_pem) {
  if (material_ == nullptr) return fail(Fault::kInvalid, "there is no certificate yet");
  const Result<std::vector<Certificate>> roots = parse_certificates(roots_pem, "roots");
  if (!roots) return tl::unexpected(roots.error());
  if (material_->roots_pem != roots_pem) make_material(material_->chain_pem, std::move(roots_pem));
  return {};
}

void Rotator::make_material(std::string chain_pem, std::string roots_pem) {
  auto material = std::make_shared<TlsMaterial>();
  material->version = sha256_hex(chain_pem + roots_pem).substr(0, 16);
  material->chain_pem = std::move(chain_pem);
  material->roots_pem = std::move(roots_pem);
  material->key_pem = key_.private_pem();
  material_ = std::move(material);
}

}  // namespace weft::tls
