#include "sidecar/proxy/mirror.h"

#include <algorithm>
#include <string>
#include <utility>

#include "sidecar/proxy/hop.h"

namespace weft::proxy {

using http::HeaderId;
using telemetry::MirrorResult;
using upstream::Verdict;

// ---- the request's end ----

Mirror::Feed::~Feed() {
  if (mirror_ == nullptr) return;
  Mirror& mirror = *std::exchange(mirror_, nullptr);
  mirror.feed_ = nullptr;
  // What is left of the body will never come.
  if (!mirror.ended_) mirror.give_up();
}

void Mirror::Feed::give(const Buffer& bytes, bool end) {
  if (mirror_ != nullptr) mirror_->give(bytes.share(0, bytes.size()), end);
}

void Mirror::Feed::give(const http::Headers& trailers) {
  if (mirror_ == nullptr) return;
  mirror_->trailers_ = trailers.clone();
  mirror_->give({}, true);
}

// ---- the copy ----

Mirror::Mirror(Turn& turn, Owner& owner, upstream::ClusterRef cluster, http::RequestHead&& head,
               bool end)
    : turn_(turn),
      owner_(owner),
      cluster_(std::move(cluster)),
      head_(std::move(head)),
      ends_with_head_(end),
      ended_(end),
      end_given_(end),
      time_limit_(turn.timers(), *this) {}

void Mirror::start(std::optional<std::uint64_t> hash, Feed& feed) {
  upstream::PickContext context;
  context.hash = hash;
  upstream::Endpoint* endpoint = cluster_->pick(context);
  if (endpoint == nullptr) return finish(MirrorResult::kFailed);
  feed_ = &feed;
  feed.mirror_ = this;
  time_limit_.arm(kTimeLimit);
  attempt_ = std::make_unique<Attempt>(turn_, *this, *cluster_, *endpoint, head_, ends_with_head_,
                                       Attempt::Plan{});
  if (!attempt_->start()) finish(MirrorResult::kFailed);
}

void Mirror::give(Buffer&& bytes, bool end) {
  if (done_) return;
  held_.append(std::move(bytes));
  ended_ = end;
  pass_on();
}

void Mirror::pass_on() {
  if (end_given_) return;
  std::size_t unread = held_.size();
  if (attempt_->streaming()) {
    const bool ends = ended_ && !trailers_;
    if (!held_.empty() || ends) attempt_->stream().send_body(std::exchange(held_, {}), ends);
    if (ended_ && trailers_) attempt_->stream().send_trailers(*trailers_);
    if (ended_) {
      end_given_ = true;
      attempt_->request_sent();
    }
    unread = attempt_->stream().buffered();
  }
  // Nobody waits for a copy; what it does not take in time would only fill our memory.
  if (unread > kUnreadMax) finish(MirrorResult::kDropped);
}

void Mirror::finish(MirrorResult result) {
  if (std::exchange(done_, true)) return;
  time_limit_.cancel();
  if (feed_ != nullptr) std::exchange(feed_, nullptr)->mirror_ = nullptr;
  cluster_->metrics().mirrors(result).add();
  if (attempt_ != nullptr) {
    attempt_->give_up();
    turn_.retire(std::move(attempt_));
  }
  owner_.on_mirror_done(*this);
}

void Mirror::on_attempt_open(Attempt&) { pass_on(); }

void Mirror::on_attempt_head(http::ResponseHead&& head, bool end) {
  attempt_->judge(verdict_of(head.status));
  if (end) finish(MirrorResult::kSent);
}

// Read off, so that the connection stays of use.
void Mirror::on_attempt_body(Buffer&& bytes, bool end) {
  if (done_) return;
  attempt_->stream().consume(bytes.size());
  if (end) finish(MirrorResult::kSent);
}

void Mirror::on_attempt_trailers(http::Headers&&) {
  if (!done_) finish(MirrorResult::kSent);
}

void Mirror::on_attempt_failed(const Error&) { finish(MirrorResult::kFailed); }

void Mirror::on_timer(Timer&) {
  if (done_) return;
  if (attempt_ != nullptr) attempt_->judge(Verdict::kTimeout);
  finish(MirrorResult::kDropped);
}

// ---- all copies ----

MirrorSet::~MirrorSet() { clear(); }

void MirrorSet::clear() {
  while (Mirror* mirror = mirrors_.front()) mirror->give_up();
}

void MirrorSet::begin(upstream::ClusterRef cluster, http::RequestHead&& head, bool end,
                      std::optional<std::uint64_t> hash, Mirror::Feed& feed) {
  if (count_ >= kAtOnceMax) {
    cluster->metrics().mirrors(MirrorResult::kDropped).add();
    return;
  }
  auto mirror = std::make_unique<Mirror>(turn_, *this, std::move(cluster), std::move(head), end);
  Mirror& begun = *mirror;
  mirrors_.push_back(*mirror.release());
  ++count_;
  begun.start(hash, feed);
}

void MirrorSet::on_mirror_done(Mirror& mirror) {
  mirror.unlink();
  --count_;
  turn_.retire(std::unique_ptr<Mirror>(&mirror));
}

// ---- its head ----

std::string_view shadow_host(http::RequestHead& head) {
  constexpr std::string_view kSuffix = "-shadow";
  const std::string_view authority = head.authority;
  if (authority.empty() || authority.starts_with('[')) return authority;
  const std::size_t colon = std::min(authority.rfind(':'), authority.size());
  std::string made(authority.substr(0, colon));
  made += kSuffix;
  made += authority.substr(colon);
  return head.headers.copy(made);
}

http::RequestHead mirror_head(const http::RequestHead& head, const config::MirrorPolicy& policy,
                              const telemetry::TraceContext& trace) {
  http::RequestHead copy = head.clone();
  // Nobody waits before the body is sent.
  copy.expects_continue = false;
  copy.headers.remove(HeaderId::kXWeftDeadline);
  if (policy.suffix_host) copy.authority = shadow_host(copy);
  telemetry::TraceContext context = trace;
  if (policy.sampled)
    context.sampling = *policy.sampled ? telemetry::Sampling::kYes : telemetry::Sampling::kNo;
  write_trace(context, copy.headers);
  return copy;
}

}  // namespace weft::proxy
