#include "control/kubernetes/event_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/kubernetes/json.h"
#include "control/kubernetes/resource.h"
#include "control/kubernetes/times.h"
#include "control/route_status.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "sidecar/core/xxhash.h"

namespace weft::control::kube {

namespace {

// Where events of objects stand that have no namespace.
std::string space_of_event(const KubeEvent& event) {
  return event.name_space.empty() ? "default" : event.name_space;
}

std::uint64_t digest_of_event(const KubeEvent& event) {
  const std::string about = fmt::format("{}\n{}\n{}\n{}\n{}", event.kind, event.name_space,
                                        event.name, event.uid, event.reason);
  return xxh64(event.note, xxh64(about));
}

std::string cut_note(const std::string& note) {
  if (note.size() <= KubeEvent::kNoteMax) return note;
  std::size_t end = KubeEvent::kNoteMax - 3;
  while (end > 0 && (static_cast<unsigned char>(note[end]) & 0xc0) == 0x80) --end;
  return note.substr(0, end) + "...";
}

}  // namespace

std::string event_text(const KubeEvent& event, const std::string& instance, WallTime now,
                       std::uint64_t number) {
  Json regarding = {{"apiVersion", event.api_version}, {"kind", event.kind}, {"name", event.name}};
  if (!event.name_space.empty()) regarding["namespace"] = event.name_space;
  if (!event.uid.empty()) regarding["uid"] = event.uid;
  // Names of objects are at most 253 bytes, and ours has to be one.
  const std::string name = fmt::format("{}.{:016x}", event.name.substr(0, 200), number);
  return print_json({{"apiVersion", "events.k8s.io/v1"},
                     {"kind", "Event"},
                     {"metadata", {{"name", name}, {"namespace", space_of_event(event)}}},
                     {"eventTime", micro_time_text(now)},
                     {"reportingController", kControllerName},
                     {"reportingInstance", instance.substr(0, 128)},
                     {"type", event.warning ? "Warning" : "Normal"},
                     {"reason", event.reason},
                     {"action", event.action},
                     {"note", cut_note(event.note)},
                     {"regarding", std::move(regarding)}});
}

EventRecorder::EventRecorder(Turn& turn, KubeClient& client, std::string instance,
                             WallTime (*wall_clock)())
    : turn_(turn),
      client_(client),
      instance_(std::move(instance)),
      wall_clock_(wall_clock),
      pause_(turn.timers(), *this) {}

EventRecorder::~EventRecorder() = default;

void EventRecorder::tell(KubeEvent event) {
  const TimePoint now = turn_.now();
  const std::uint64_t digest = digest_of_event(event);
  const auto told = told_.find(digest);
  if (told != told_.end() && now < told->second + kAgain) return;
  if (told_.size() >= kRememberedMax) {
    std::erase_if(told_, [&](const auto& one) { return now >= one.second + kAgain; });
    if (told_.size() >= kRememberedMax) return stats_.dropped.add();
  }
  if (waiting_.size() >= kWaitingMax) return stats_.dropped.add();
  told_[digest] = now;
  waiting_.push_back(std::move(event));
  pump();
}

void EventRecorder::stop() {
  waiting_.clear();
  pause_.cancel();
  call_.reset();
}

void EventRecorder::pump() {
  if (call_ != nullptr || waiting_.empty() || pause_.armed()) return;
  if (!bucket_.take(turn_.now())) {
    pause_.arm(std::max<Duration>(bucket_.wait_for(turn_.now()), std::chrono::milliseconds(8)));
    return;
  }
  const KubeEvent event = std::move(waiting_.front());
  waiting_.pop_front();
  const WallTime now = wall_clock_();
  const auto number =
      digest_of_event(event) ^ static_cast<std::uint64_t>(now.time_since_epoch().count());
  call_ = client_.send(
      {.method = "POST",
       .target = Resource::path_of("events.k8s.io", "v1", space_of_event(event), "events"),
       .body = event_text(event, instance_, now, number)},
      *this);
}

void EventRecorder::on_response(http::Call&, http::ClientResponse&& response) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  const std::uint16_t status = response.head.status;
  if (status == 200 || status == 201) {
    stats_.sent.add();
  } else {
    stats_.dropped.add();
    WEFT_LOG_LIMITED(kWarn, "an event: the API server answers {}: {}", status,
                     escape(text_at(parse_json(response.body), {"message"}), 256));
  }
  pump();
}

void EventRecorder::on_failure(http::Call&, const Error& error) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  stats_.dropped.add();
  WEFT_LOG_LIMITED(kWarn, "an event: {}", error.detail);
  pump();
}

void EventRecorder::on_timer(Timer&) { pump(); }

}  // namespace weft::control::kube
