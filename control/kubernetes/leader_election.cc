#include "control/kubernetes/leader_election.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/kubernetes/times.h"
#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

// After somebody was faster: what is there now is looked at soon, but not without a pause.
constexpr Duration kAfterConflict = std::chrono::milliseconds(200);
constexpr Duration kWaitMin = std::chrono::milliseconds(1);

std::int64_t number_at(const Json& value, std::initializer_list<const char*> path) {
  const Json* at = find(value, path);
  return at != nullptr && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

}  // namespace

// Nobody holds it, or whoever did has not been heard of for as long as it was given.
bool LeaderElection::is_free(TimePoint now) const {
  return holder_.empty() || now >= changed_ + held_for_;
}

LeaderElection::Step LeaderElection::ask(Step::What what, TimePoint now, std::string body) {
  asked_ = what;
  sent_ = now;
  return {.what = what, .body = std::move(body)};
}

std::string LeaderElection::body_of(const std::string& holder, WallTime wall) {
  Json body = lease_;
  if (body.is_null()) {
    body = {{"apiVersion", "coordination.k8s.io/v1"},
            {"kind", "Lease"},
            {"metadata",
             {{"name", kLeaseName},
              {"namespace", options_.name_space},
              {"labels", {{"app.kubernetes.io/part-of", "weft"}}}}}};
  }
  Json& spec = body["spec"];
  if (!spec.is_object()) spec = Json::object();
  // Others see that it lives by what changes: a clock that stands or is set back must not hide it.
  renewed_ = std::max<WallTime>(wall, renewed_ + std::chrono::microseconds(1));
  const std::string now = micro_time_text(renewed_);
  if (holder_ != holder) {
    spec["acquireTime"] = now;
    // Giving it back is no change of hands, taking it is.
    if (!holder.empty()) spec["leaseTransitions"] = lease_.is_null() ? 0 : transitions_ + 1;
  }
  spec["holderIdentity"] = holder;
  spec["renewTime"] = now;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.lease).count();
  spec["leaseDurationSeconds"] = holder.empty() ? 1 : seconds;
  return print_json(body);
}

LeaderElection::Step LeaderElection::next(TimePoint now, WallTime wall) {
  lapse(now);
  const auto wait = [](Duration time) { return Step{.time = std::max(time, kWaitMin)}; };
  if (resigning_) {
    if (!leads(now)) {
      stop_leading();
      return wait(options_.lease);
    }
    return ask(Step::What::kUpdate, now, body_of("", wall));
  }
  if (now < wait_until_) return wait(wait_until_ - now);
  if (!known_ || reread_) return ask(Step::What::kRead, now);
  const bool mine = holder_ == options_.identity;
  if (lease_.is_null()) {
    if (!is_free(now)) return ask(Step::What::kRead, now);
    return ask(Step::What::kCreate, now, body_of(options_.identity, wall));
  }
  if (!mine && !is_free(now)) return ask(Step::What::kRead, now);
  return ask(Step::What::kUpdate, now, body_of(options_.identity, wall));
}

// It has run out before anybody granted more of it.
void LeaderElection::lapse(TimePoint now) {
  if (!led_ || leads(now)) return;
  led_ = false;
  stats_.lost.add();
}

void LeaderElection::stop_leading() {
  valid_until_ = TimePoint();
  led_ = false;
}

void LeaderElection::observe(Json&& lease, TimePoint now) {
  const Json* spec = find(lease, {"spec"});
  std::string text = spec == nullptr ? std::string() : print_json(*spec);
  if (!known_ || lease_.is_null() || text != spec_) changed_ = now;
  spec_ = std::move(text);
  holder_ = text_at(lease, {"spec", "holderIdentity"});
  transitions_ = std::max<std::int64_t>(0, number_at(lease, {"spec", "leaseTransitions"}));
  held_for_ =
      std::clamp<Duration>(std::chrono::seconds(std::clamp<std::int64_t>(
                               number_at(lease, {"spec", "leaseDurationSeconds"}), 1, 24 * 3600)),
                           std::chrono::seconds(1), kLeaseMax);
  if (Json& metadata = lease["metadata"]; metadata.is_object()) metadata.erase("managedFields");
  lease_ = std::move(lease);
  known_ = true;
  reread_ = false;
  problem_.clear();
}

void LeaderElection::on_answer(std::uint16_t status, std::string_view body, TimePoint now) {
  using What = Step::What;
  const What asked = std::exchange(asked_, What::kWait);
  WEFT_ASSERT(asked != What::kWait);
  lapse(now);
  if (status == 409 && asked != What::kRead) {
    stats_.conflicts.add();
    reread_ = true;
    if (resigning_) stop_leading();
    wait_until_ = now + kAfterConflict;
    return;
  }
  if (status == 404 && asked != What::kCreate) {
    // Somebody has deleted it, so that somebody else may have it in a moment: ours is over. What
    // was seen of another's holds on until it would have run out.
    if (led_) stats_.lost.add();
    if (holder_ == options_.identity) holder_.clear();
    stop_leading();
    lease_ = nullptr;
    known_ = true;
    reread_ = false;
    problem_.clear();
    wait_until_ = is_free(now) ? now : now + options_.retry;
    return;
  }
  if (status != 200 && status != 201)
    return fail(fmt::format("the API server answers {}", status), now);
  Json lease = parse_json(body);
  if (text_at(lease, {"metadata", "resourceVersion"}).empty()) {
    return fail("the Lease cannot be read", now);
  }
  observe(std::move(lease), now);
  if (holder_ != options_.identity) {
    if (led_ && !resigning_) stats_.lost.add();
    stop_leading();
    wait_until_ = now + options_.retry;
    if (!is_free(now)) wait_until_ = std::min(wait_until_, changed_ + held_for_);
    if (asked == What::kRead && is_free(now)) wait_until_ = now;
    return;
  }
  // One that is only read to be ours (an answer that was lost) is renewed before it counts.
  if (asked == What::kRead) {
    wait_until_ = now;
    return;
  }
  if (!std::exchange(led_, true)) stats_.acquired.add();
  valid_until_ = sent_ + options_.renew;
  wait_until_ = sent_ + options_.retry;
  // An answer may come so late that it is worth nothing.
  lapse(now);
}

void LeaderElection::on_failure(const std::string& why, TimePoint now) {
  asked_ = Step::What::kWait;
  lapse(now);
  fail(why, now);
}

// Whether a write was done is not known then: the next one finds out (409).
void LeaderElection::fail(std::string why, TimePoint now) {
  stats_.failures.add();
  problem_ = std::move(why);
  if (resigning_) stop_leading();
  wait_until_ = now + options_.retry;
}

}  // namespace weft::control::kube
