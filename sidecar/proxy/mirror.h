#pragma once
// Mirror: one copy of a request on its way to somebody whose answer nobody reads, and MirrorSet:
// all copies of one worker.
//
// A copy lives by itself: it goes on when the request has been answered, and whatever becomes of it
// the request does not learn. It waits for nobody: a copy whose body is not taken in time (beyond
// kUnreadMax), one too many (kAtOnceMax) or older than kTimeLimit is given up. The mirrored
// cluster's limits and circuit breaker are asked as for any request; there is one attempt.
//
// Owner: MirrorSet, one per worker. Thread: its worker. A Feed is the request's end of it; when the
// request is cut short, so is the copy.

#include <cstdint>
#include <memory>
#include <optional>

#include "sidecar/config/route_extras.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/slab.h"
#include "sidecar/proxy/attempt.h"
#include "telemetry/proxy_metrics.h"
#include "telemetry/trace_context.h"

namespace weft::proxy {

class Mirror final : public Attempt::Owner,
                     public TimerSink,
                     public ListNode<Mirror>,
                     public SlabAllocated<Mirror> {
 public:
  static constexpr std::size_t kUnreadMax = 64 * 1024;
  static constexpr Duration kTimeLimit = std::chrono::seconds(5);

  class Owner {
   public:
    // Exactly once, and last.
    virtual void on_mirror_done(Mirror& mirror) = 0;

   protected:
    ~Owner() = default;
  };

  // The request's end: what came of its body goes in. Harmless once the copy is gone.
  class Feed final {
   public:
    Feed() = default;
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;
    ~Feed();
    void give(const Buffer& bytes, bool end);
    void give(const http::Headers& trailers);

   private:
    friend class Mirror;
    Mirror* mirror_ = nullptr;
  };

  Mirror(Turn& turn, Owner& owner, upstream::ClusterRef cluster, http::RequestHead&& head,
         bool end);
  // Attempts it; may be done before this returns.
  void start(std::optional<std::uint64_t> hash, Feed& feed);
  // The worker ends, or the request came to nothing.
  void give_up() { finish(telemetry::MirrorResult::kDropped); }

  // Attempt::Owner
  void on_attempt_open(Attempt& attempt) override;
  void on_attempt_informational(http::ResponseHead&&) override {}
  void on_attempt_head(http::ResponseHead&& head, bool end) override;
  void on_attempt_body(Buffer&& bytes, bool end) override;
  void on_attempt_trailers(http::Headers&& trailers) override;
  void on_attempt_sent(std::size_t) override {}
  void on_attempt_failed(const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  void give(Buffer&& bytes, bool end);
  void pass_on();
  void finish(telemetry::MirrorResult result);

  Turn& turn_;
  Owner& owner_;
  upstream::ClusterRef cluster_;
  http::RequestHead head_;
  const bool ends_with_head_;
  std::unique_ptr<Attempt> attempt_;
  Buffer held_;
  std::optional<http::Headers> trailers_;
  Feed* feed_ = nullptr;
  bool ended_;
  bool end_given_;
  bool done_ = false;
  Timer time_limit_;
};

class MirrorSet final : public Mirror::Owner {
 public:
  static constexpr std::size_t kAtOnceMax = 128;

  explicit MirrorSet(Turn& turn) : turn_(turn) {}
  ~MirrorSet();

  // `head` as it goes to the mirrored cluster. `end`: there is no body.
  void begin(upstream::ClusterRef cluster, http::RequestHead&& head, bool end,
             std::optional<std::uint64_t> hash, Mirror::Feed& feed);
  void clear();
  void on_mirror_done(Mirror& mirror) override;

 private:
  Turn& turn_;
  IntrusiveList<Mirror> mirrors_;
  std::size_t count_ = 0;
};

// "cart:80" -> "cart-shadow:80"; an IPv6 literal stays as it is.
[[nodiscard]] std::string_view shadow_host(http::RequestHead& head);

// The copy's head: no field of ours that speaks of the first hop, its own host and trace.
[[nodiscard]] http::RequestHead mirror_head(const http::RequestHead& head,
                                            const config::MirrorPolicy& policy,
                                            const telemetry::TraceContext& trace);

}  // namespace weft::proxy
