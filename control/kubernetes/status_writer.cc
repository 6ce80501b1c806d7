#include "control/kubernetes/status_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/kubernetes/resource.h"
#include "control/kubernetes/times.h"
#include "control/kubernetes/watched_kinds.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

constexpr Duration kPumpMin = std::chrono::milliseconds(8);

std::string status_target(const ObjectKey& key, const HeldStatus& held) {
  const std::string_view api = held.api_version;
  const std::size_t slash = api.find('/');
  return fmt::format("{}/{}/status?fieldManager={}&force=true",
                     Resource::path_of(slash == std::string_view::npos ? "" : api.substr(0, slash),
                                       api.substr(slash == std::string_view::npos ? 0 : slash + 1),
                                       key.name.name_space, plural_of(key.kind)),
                     percent_encode(key.name.name), StatusWriter::kFieldManager);
}

}  // namespace

class StatusWriter::Write final : public http::CallHolder {
 public:
  // `version`: of the object, that it is based on.
  Write(StatusWriter& writer, ObjectKey key, std::string version, KubeRequest request)
      : writer_(writer),
        key_(std::move(key)),
        version_(std::move(version)),
        call_(writer.client_.send(std::move(request), *this)) {}

  void on_response(http::Call&, http::ClientResponse&& response) override {
    const std::uint16_t status = response.head.status;
    std::string why;
    if (status != 200 && status != 201) {
      why = fmt::format("the API server answers {}: {}", status,
                        text_at(parse_json(response.body), {"message"}));
    }
    // The last act: this ends with it, when finish() returns.
    writer_.finish(key_, version_, status, retry_after_of(response.head), why);
  }
  void on_failure(http::Call&, const Error& error) override {
    const std::string why = error.detail;
    writer_.finish(key_, version_, 0, Duration::zero(), why);
  }

 private:
  StatusWriter& writer_;
  const ObjectKey key_;
  const std::string version_;
  std::unique_ptr<http::Call> call_;
};

StatusWriter::StatusWriter(Turn& turn, KubeClient& client, Random& random, Owner& owner,
                           const Options& options)
    : turn_(turn),
      client_(client),
      random_(random),
      owner_(owner),
      options_(options),
      bucket_(options.per_second, options.burst, turn.now()),
      look_(turn.timers(), *this),
      pump_(turn.timers(), *this),
      backoff_(options.backoff, options.backoff_max) {}

StatusWriter::~StatusWriter() = default;

void StatusWriter::note_change() {
  if (look_.armed() || !owner_.may_write()) return;
  look_.arm(std::max(options_.settle, looked_ + options_.look_every - turn_.now()));
}

void StatusWriter::stop() {
  look_.cancel();
  pump_.cancel();
  writes_.clear();
  waiting_.clear();
  wanted_.clear();
  trials_.clear();
  stats_.waiting.set(0);
}

void StatusWriter::on_timer(Timer& timer) {
  if (!owner_.may_write()) return;
  if (&timer == &look_) look();
  pump();
}

// Whether what differs is to be written now, or is only put off.
bool StatusWriter::is_due(const ObjectKey& key, const HeldStatus& held, StatusChange change,
                          const Json& wanted) {
  const auto found = trials_.find(key);
  if (found == trials_.end()) return true;
  Trial& trial = found->second;
  const bool same = trial.wanted == print_json(wanted);
  // The watch has not brought yet what was written; or whoever stores it has stored nothing.
  const bool echo_missing = trial.done_at == held.resource_version;
  if (echo_missing && same) return false;
  const Duration ago = turn_.now() - trial.sent;
  if ((echo_missing && ago < options_.echo) ||
      (change == StatusChange::kWords && ago < options_.words_every)) {
    look_again_ = true;
    return false;
  }
  if (!same) {
    trial.backoff.reset();
    trial.not_before = TimePoint();
  }
  return true;
}

// Everything there is compared with everything that is wanted.
void StatusWriter::look() {
  looked_ = turn_.now();
  look_again_ = false;
  wanted_ = owner_.wanted_statuses();
  const StatusBook& book = owner_.status_book();
  std::erase_if(trials_, [&](const auto& one) { return book.entry(one.first) == nullptr; });
  waiting_.clear();
  const std::string now = time_text(owner_.wall_now());
  for (const auto& [key, wanted] : wanted_) {
    const HeldStatus* held = book.entry(key);
    if (held == nullptr) continue;
    const StatusUpdate update = update_status(status_shape_of(key.kind), *held, wanted, now);
    if (update.change != StatusChange::kNone) {
      if (is_due(key, *held, update.change, wanted)) waiting_.insert(key);
    } else if (const auto trial = trials_.find(key);
               trial != trials_.end() && turn_.now() - trial->second.sent > options_.calm) {
      trials_.erase(trial);
    }
  }
  if (look_again_ && !look_.armed()) look_.arm(options_.look_every);
}

void StatusWriter::pump() {
  const TimePoint now = turn_.now();
  TimePoint wake = std::max(now + std::chrono::hours(1), closed_until_);
  if (!owner_.may_write()) return;
  if (now < closed_until_) {
    wake = closed_until_;
  } else {
    for (auto at = waiting_.begin(); at != waiting_.end() && writes_.size() < options_.at_once;) {
      const ObjectKey key = *at;
      const auto trial = trials_.find(key);
      if (trial != trials_.end() && trial->second.not_before > now) {
        wake = std::min(wake, trial->second.not_before);
        ++at;
      } else if (writes_.contains(key)) {  // it comes again when that one is answered
        ++at;
      } else if (bucket_.take(now)) {
        at = waiting_.erase(at);
        begin(key);
      } else {
        wake = std::min(wake, now + bucket_.wait_for(now));
        break;
      }
    }
  }
  stats_.waiting.set(static_cast<std::int64_t>(waiting_.size()));
  if (!waiting_.empty()) pump_.arm(std::max(wake - now, kPumpMin));
}

void StatusWriter::begin(const ObjectKey& key) {
  const HeldStatus* held = owner_.status_book().entry(key);
  const auto wanted = wanted_.find(key);
  if (held == nullptr || wanted == wanted_.end()) return;
  const StatusUpdate update =
      update_status(status_shape_of(key.kind), *held, wanted->second, time_text(owner_.wall_now()));
  if (update.change == StatusChange::kNone) return;
  Trial& trial = trials_.try_emplace(key, options_).first->second;
  // The same again: whoever stores it makes something else of it, or somebody else writes there.
  std::string text = print_json(wanted->second);
  if (trial.wanted == text) trial.not_before = turn_.now() + trial.backoff.next(random_);
  trial.wanted = std::move(text);
  trial.sent = turn_.now();
  trial.done_at.clear();
  KubeRequest request{.method = "PATCH",
                      .target = status_target(key, *held),
                      .content_type = "application/apply-patch+yaml",
                      .body = status_patch(key, *held, update.status)};
  writes_.emplace(key,
                  std::make_unique<Write>(*this, key, held->resource_version, std::move(request)));
}

void StatusWriter::finish(const ObjectKey& key, const std::string& version, std::uint16_t status,
                          Duration retry_after, const std::string& why) {
  const auto write = writes_.find(key);
  // Who calls is inside it.
  const std::unique_ptr<Write> done = std::move(write->second);
  writes_.erase(write);
  Trial& trial = trials_.try_emplace(key, options_).first->second;
  const TimePoint now = turn_.now();
  if (status == 200 || status == 201) {
    stats_.written.add();
    backoff_.reset();
    trial.done_at = version;
    waiting_.erase(key);
    // What is wanted may have moved on meanwhile.
    note_change();
  } else if (status == 409) {
    stats_.conflicts.add();
    trial.not_before = now + std::max(trial.backoff.next(random_), options_.backoff / 4);
    // What it is to be based on comes by the watch.
    waiting_.insert(key);
  } else if (status != 404) {  // gone, which the watch says as well
    stats_.failures.add();
    const Duration pause = std::max(backoff_.next(random_), options_.backoff / 4);
    closed_until_ = now + std::max(pause, std::min<Duration>(retry_after, options_.backoff_max));
    trial.not_before = closed_until_ + trial.backoff.next(random_);
    waiting_.insert(key);
    WEFT_LOG_LIMITED(kWarn, "the status of {}: {}", escape(key.to_string(), 256), escape(why, 256));
  }
  pump();
}

}  // namespace weft::control::kube
