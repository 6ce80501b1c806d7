#include "control/kubernetes/resource_feed.h"

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

ResourceFeed::ResourceFeed(Turn& turn, KubeClient& client, Owner& owner, const Resource& resource,
                           Reflector::Store& store, Random& random,
                           const Reflector::Options& options)
    : turn_(turn),
      client_(client),
      owner_(owner),
      reflector_(resource, store, random, options),
      pause_(turn.timers(), *this) {}

ResourceFeed::~ResourceFeed() = default;

void ResourceFeed::stop() {
  stopped_ = true;
  pause_.cancel();
  call_.reset();
  turn_.retire(std::move(watch_));
}

void ResourceFeed::hurry() {
  if (stopped_ || !pause_.armed() || !reflector_.hurry()) return;
  pause_.cancel();
  go();
}

void ResourceFeed::go() {
  if (stopped_) return;
  const Reflector::Step step = reflector_.next();
  switch (step.what) {
    case Reflector::Step::What::kList:
      call_ = client_.list(step.target, *this);
      break;
    case Reflector::Step::What::kWatch:
      watching_since_ = turn_.now();
      watch_ = client_.watch(step.target, step.time, *this);
      break;
    case Reflector::Step::What::kWait:
      pause_.arm(step.time);
      break;
  }
}

Duration ResourceFeed::silent_for() const {
  return contact_ == TimePoint() ? Duration::zero() : turn_.now() - contact_;
}

void ResourceFeed::say_how_it_is() {
  const std::string& problem = reflector_.problem();
  if (problem.empty() == !complained_) return;
  complained_ = !problem.empty();
  if (!complained_) {
    WEFT_LOG(kInfo, "{} are heard of again", reflector_.resource().name);
    owner_.on_heard_again();
    return;
  }
  WEFT_LOG(kWarn, "{}{}", escape(problem, 512),
           reflector_.listed() ? "; what is known holds" : "; nothing is known yet");
}

void ResourceFeed::on_response(http::Call&, http::ClientResponse&& response) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  if (response.head.status == 200) {
    note_contact();
    reflector_.on_page(response.body);
  } else {
    reflector_.on_list_refused(response.head.status, retry_after_of(response.head), response.body);
  }
  say_how_it_is();
  go();
}

void ResourceFeed::on_failure(http::Call&, const Error& error) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  reflector_.on_list_failed(error);
  say_how_it_is();
  go();
}

void ResourceFeed::on_watch_open() {
  note_contact();
  reflector_.on_watch_open();
  say_how_it_is();
}

void ResourceFeed::on_watch_line(std::string_view line, bool too_long) {
  note_contact();
  reflector_.on_line(line, too_long);
  say_how_it_is();
  if (!reflector_.watch_is_over()) return;
  watch_.reset();  // it has more lines, which nobody is to hear
  go();
}

void ResourceFeed::on_watch_refused(const http::ResponseHead& head, std::string_view) {
  reflector_.on_watch_refused(head.status, retry_after_of(head));
  turn_.retire(std::move(watch_));
  say_how_it_is();
  go();
}

void ResourceFeed::on_watch_end(const std::string& why) {
  reflector_.on_watch_end(why, turn_.now() - watching_since_);
  turn_.retire(std::move(watch_));
  say_how_it_is();
  go();
}

void ResourceFeed::on_timer(Timer&) { go(); }

}  // namespace weft::control::kube
