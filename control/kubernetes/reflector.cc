#include "control/kubernetes/reflector.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

constexpr std::size_t kTokenBytesMax = 64 * 1024;  // of a continue token, a resourceVersion

// A few words of an answer that is none, for people.
std::string words_of(std::string_view body) {
  const Json status = Json::parse(body, nullptr, false);
  const std::string message = text_at(status, {"message"});
  return message.empty() ? std::string() : ": " + escape(message, 256);
}

}  // namespace

Reflector::Reflector(const Resource& resource, Store& store, Random& random, const Options& options)
    : resource_(resource),
      store_(store),
      random_(random),
      options_(options),
      backoff_(options.backoff, options.backoff_max),
      selector_(resource.only.empty()
                    ? ""
                    : "&fieldSelector=" +
                          percent_encode(fmt::format("metadata.name={}", resource.only))),
      page_(std::max<std::uint32_t>(1, options.page)) {}

Reflector::Step Reflector::next() {
  if (wait_ > Duration::zero()) {
    return {.what = Step::What::kWait, .time = std::exchange(wait_, Duration::zero())};
  }
  const std::string path = resource_.path(version_);
  if (phase_ == Phase::kList) {
    std::string target = fmt::format("{}?limit={}{}", path, page_, selector_);
    if (!continue_.empty()) target += "&continue=" + percent_encode(continue_);
    return {.what = Step::What::kList, .target = std::move(target)};
  }
  broken_ = false;
  stats_.watches.add();
  const auto jitter = static_cast<std::uint64_t>(options_.watch_jitter.count());
  const Duration time =
      options_.watch + Duration(static_cast<std::int64_t>(random_.below(jitter + 1)));
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {
      .what = Step::What::kWatch,
      .target = fmt::format("{}?watch=1&allowWatchBookmarks=true&resourceVersion={}"
                            "&timeoutSeconds={}{}",
                            path, percent_encode(resource_version_), seconds.count(), selector_),
      .time = seconds};
}

// ---- failures ----

void Reflector::fail(std::string why, Duration retry_after) {
  stats_.failures.add();
  problem_ = std::move(why);
  hasty_ = false;
  // Never at once, or a server that says no to everything is asked without a pause.
  const Duration pause = std::max(backoff_.next(random_), options_.backoff / 8);
  wait_ = std::max(pause, std::min(retry_after, options_.retry_after_max));
}

bool Reflector::hurry() { return std::exchange(hasty_, false) && !std::exchange(hurried_, true); }

// Of no answer, of a server that is starting or ending, of a token that is being replaced.
bool Reflector::is_everybodys(std::uint16_t status, Duration retry_after) {
  return (status == 401 || status >= 500) && retry_after == Duration::zero();
}

void Reflector::begin_again() {
  phase_ = Phase::kList;
  continue_.clear();
  listing_ = false;
  broken_ = true;
}

// 410 Gone: there is nothing to do but to list again. The delays of an outage before it are not its
// own; but a server that says so of a version it has just given must not be asked without a pause.
void Reflector::miss(Duration retry_after) {
  stats_.relists.add();
  begin_again();
  if (!fresh_) backoff_.reset();
  fail(fmt::format("watch of {}: what was missed is not known", resource_.name), retry_after);
}

void Reflector::be_well() {
  problem_.clear();
  hurried_ = false;
  absent_ = 0;
}

// The kind is not installed: its other versions are tried, then it is looked for now and then.
void Reflector::note_absent() {
  if (version_ + 1 < resource_.versions_count()) {
    ++version_;
    return begin_again();
  }
  version_ = 0;
  begin_again();
  problem_.clear();
  wait_ = options_.absent_look;
  // A server that is just being started may not know its kinds yet.
  const bool sure = ++absent_ >= options_.absent_looks;
  if (listed_ && !sure) return;
  if (!listed_ || absent_ == options_.absent_looks) {
    store_.on_list_begun();
    store_.on_listed();
  }
  listed_ = true;
}

// ---- the list ----

void Reflector::take_item(Json&& object) {
  const ObjectName name = name_in(object);
  if (name.name.empty() || ++items_ > options_.objects_max) return stats_.skipped.add();
  store_.on_list_item(name, std::move(object));
}

void Reflector::on_page(std::string_view body) {
  if (!listing_) {
    listing_ = true;
    items_ = 0;
    store_.on_list_begun();
  }
  const Json page = parse_list(body, [this](Json&& item) { take_item(std::move(item)); });
  std::string version = text_at(page, {"metadata", "resourceVersion"});
  std::string more = text_at(page, {"metadata", "continue"});
  if (page.is_discarded() || version.empty() || version.size() > kTokenBytesMax ||
      more.size() > kTokenBytesMax) {
    begin_again();
    return fail(fmt::format("the list of {} cannot be read", resource_.name));
  }
  be_well();
  continue_ = std::move(more);
  if (!continue_.empty()) return;
  resource_version_ = std::move(version);
  phase_ = Phase::kWatch;
  listing_ = false;
  listed_ = true;
  fresh_ = true;
  stats_.lists.add();
  store_.on_listed();
}

void Reflector::on_list_refused(std::uint16_t status, Duration retry_after, std::string_view body) {
  if (status == 404 && !resource_.always_there) return note_absent();
  // Too much time went by between two pages: what was read may be changed by now.
  const bool gone = status == 410 && !continue_.empty();
  begin_again();
  if (gone) stats_.relists.add();
  fail(fmt::format("list of {}: {}{}", resource_.name, status, words_of(body)), retry_after);
  hasty_ = is_everybodys(status, retry_after);
}

void Reflector::on_list_failed(const Error& error) {
  // Objects of this size need smaller pages.
  if (error.fault == Fault::kBodyTooLarge) page_ = std::max<std::uint32_t>(1, page_ / 2);
  begin_again();
  fail(fmt::format("list of {}: {}", resource_.name, error.detail));
  hasty_ = error.fault != Fault::kBodyTooLarge;
}

// ---- the watch ----

void Reflector::on_line(std::string_view line, bool too_long) {
  if (watch_is_over()) return;
  stats_.events.add();
  if (too_long) return stats_.skipped.add();
  Json event = parse_object(line);
  const std::string type = text_at(event, {"type"});
  if (event.is_discarded() || type.empty() || find(event, {"object"}) == nullptr) {
    return stats_.skipped.add();
  }
  on_event(type, event["object"]);
}

void Reflector::on_event(std::string_view type, Json& object) {
  if (type == "ERROR") return on_error_event(object);
  std::string version = text_at(object, {"metadata", "resourceVersion"});
  if (version.empty() || version.size() > kTokenBytesMax) return stats_.skipped.add();
  be_well();
  backoff_.reset();
  fresh_ = false;
  resource_version_ = std::move(version);
  if (type == "BOOKMARK") return;
  const ObjectName name = name_in(object);
  const bool put = type == "ADDED" || type == "MODIFIED";
  if (name.name.empty() || (!put && type != "DELETED")) return stats_.skipped.add();
  if (put) {
    store_.on_put(name, std::move(object));
  } else {
    store_.on_removed(name);
  }
}

void Reflector::on_error_event(const Json& status) {
  const Json* code = find(status, {"code"});
  const std::int64_t number =
      code != nullptr && code->is_number_integer() ? code->get<std::int64_t>() : 0;
  if (number == 410 || text_at(status, {"reason"}) == "Expired") {
    return miss();
  }
  const Json* seconds = find(status, {"details", "retryAfterSeconds"});
  Duration retry_after{};
  if (seconds != nullptr && seconds->is_number_integer()) {
    retry_after =
        std::chrono::seconds(std::clamp<std::int64_t>(seconds->get<std::int64_t>(), 0, 24 * 3600));
  }
  broken_ = true;
  fail(fmt::format("watch of {}: {} {}", resource_.name, number,
                   escape(text_at(status, {"message"}), 256)),
       retry_after);
}

void Reflector::on_watch_refused(std::uint16_t status, Duration retry_after) {
  if (status == 410) return miss(retry_after);
  if (status == 404 && !resource_.always_there) {
    version_ = 0;
    return begin_again();
  }
  // The version itself may be what it does not like.
  if (status == 400) begin_again();
  fail(fmt::format("watch of {}: {}", resource_.name, status), retry_after);
  hasty_ = is_everybodys(status, retry_after);
}

void Reflector::on_watch_end(const std::string& why, Duration lasted) {
  if (watch_is_over()) return;  // a reason was found already
  if (lasted >= kWorthwhile) {
    fresh_ = false;
    return backoff_.reset();
  }
  fail(fmt::format("watch of {}: {}", resource_.name, why.empty() ? "ended at once" : why));
  hasty_ = !why.empty();
}

}  // namespace weft::control::kube
