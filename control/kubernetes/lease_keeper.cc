#include "control/kubernetes/lease_keeper.h"

#include <utility>

#include "control/kubernetes/resource.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

LeaseKeeper::LeaseKeeper(Turn& turn, KubeClient& client, Owner& owner,
                         LeaderElection::Options options, WallTime (*wall_clock)())
    : turn_(turn),
      client_(client),
      owner_(owner),
      wall_clock_(wall_clock),
      election_(std::move(options)),
      step_(turn.timers(), *this),
      end_(turn.timers(), *this) {}

LeaseKeeper::~LeaseKeeper() = default;

void LeaseKeeper::resign() {
  election_.resign();
  if (call_ == nullptr) go();
}

void LeaseKeeper::go() {
  if (election_.over(turn_.now())) {
    step_.cancel();
    return report();
  }
  LeaderElection::Step step = election_.next(turn_.now(), wall_clock_());
  report();
  const std::string leases =
      Resource::path_of("coordination.k8s.io", "v1", election_.options().name_space, "leases");
  const std::string ours = leases + "/" + LeaderElection::kLeaseName;
  using What = LeaderElection::Step::What;
  switch (step.what) {
    case What::kWait:
      step_.arm(step.time);
      return;
    case What::kRead:
      call_ = client_.send({.target = ours}, *this);
      return;
    case What::kCreate:
      call_ =
          client_.send({.method = "POST", .target = leases, .body = std::move(step.body)}, *this);
      return;
    case What::kUpdate:
      call_ = client_.send({.method = "PUT", .target = ours, .body = std::move(step.body)}, *this);
      return;
  }
}

// Once for each change, and the end of a Lease at the moment it comes.
void LeaseKeeper::report() {
  const bool leads = election_.leads(turn_.now());
  if (leads) {
    end_.arm(election_.valid_until() - turn_.now());
  } else {
    end_.cancel();
  }
  if (const std::string& problem = election_.problem(); problem != said_) {
    if (!problem.empty()) {
      WEFT_LOG(kWarn, "the Lease {}/{}: {}", election_.options().name_space,
               LeaderElection::kLeaseName, escape(problem, 256));
    }
    said_ = problem;
  }
  if (leads == told_) return;
  told_ = leads;
  if (leads) {
    WEFT_LOG(kInfo, "this replica ({}) leads: it writes status and events; change of hands {}",
             election_.options().identity, election_.transitions());
  } else {
    WEFT_LOG(kWarn, "this replica ({}) no longer leads; the Lease is {}",
             election_.options().identity,
             election_.holder().empty() ? "nobody's" : escape(election_.holder(), 128) + "'s");
  }
  owner_.on_leading(leads);
}

void LeaseKeeper::on_response(http::Call&, http::ClientResponse&& response) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  election_.on_answer(response.head.status, response.body, turn_.now());
  go();
}

void LeaseKeeper::on_failure(http::Call&, const Error& error) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  election_.on_failure(error.detail, turn_.now());
  go();
}

void LeaseKeeper::on_timer(Timer& timer) {
  if (&timer == &end_) {
    election_.lapse(turn_.now());
    return report();
  }
  if (call_ == nullptr) go();
}

}  // namespace weft::control::kube
