#pragma once
// SharedPlaces: which workers use one cluster, and which of them have requests that wait for one of
// its connections while all are taken; so that the limit of the whole sidecar starves none of them
// (decisions D10).
//
// A worker that wants a place asks the others for their idle connections; a worker that gives one
// back while another wants it tells that one. Only a relaxed flag is read where nobody wants
// anything. Owner: SharedLimits. Thread: any; the mailbox carries what is told to the worker's own.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

namespace weft::upstream {

// How a worker's clusters are reached from another worker's thread.
class Mailbox {
 public:
  enum class Note : std::uint8_t { kPlaceFree, kPlaceWanted };
  // Ends in ClusterSet::on_note on the worker's own thread. Thread: any, while the worker runs.
  virtual void post(const std::string& cluster, Note note) = 0;

 protected:
  ~Mailbox() = default;
};

class SharedPlaces final {
 public:
  void join(Mailbox& mailbox) {
    const std::lock_guard lock(mutex_);
    members_.push_back({&mailbox, false});
  }
  void leave(const Mailbox& mailbox) {
    const std::lock_guard lock(mutex_);
    for (auto member = members_.begin(); member != members_.end(); ++member) {
      if (member->mailbox != &mailbox) continue;
      if (member->wants) wanting_.fetch_sub(1);
      members_.erase(member);
      return;
    }
  }

  // Whether a worker wants a place; `self_wants`: the caller is one of them. The caller has given
  // or taken a place before, which orders what it sees (both are read-modify-writes).
  [[nodiscard]] bool others_want(bool self_wants) const {
    return wanting_.load() > (self_wants ? 1U : 0U);
  }
  // Mine wants a place from now on; the others are asked for theirs. Look once more for a place
  // after it: one may have been given back just before.
  void want(const Mailbox& self, const std::string& cluster) {
    const std::lock_guard lock(mutex_);
    for (Member& member : members_) {
      if (member.mailbox != &self) {
        member.mailbox->post(cluster, Mailbox::Note::kPlaceWanted);
      } else if (!member.wants) {
        member.wants = true;
        wanting_.fetch_add(1);
      }
    }
  }
  void content(const Mailbox& self) {
    const std::lock_guard lock(mutex_);
    for (Member& member : members_) {
      if (member.mailbox != &self || !member.wants) continue;
      member.wants = false;
      wanting_.fetch_sub(1);
    }
  }
  // A place has become free that the caller does not use: one of the others hears it, in turn.
  void pass_on(const Mailbox& self, const std::string& cluster) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < members_.size(); ++i) {
      next_ = (next_ + 1) % members_.size();
      const Member& member = members_[next_];
      if (!member.wants || member.mailbox == &self) continue;
      member.mailbox->post(cluster, Mailbox::Note::kPlaceFree);
      return;
    }
  }

 private:
  struct Member {
    Mailbox* mailbox;
    bool wants;
  };
  std::atomic<std::uint32_t> wanting_{0};
  std::mutex mutex_;
  std::vector<Member> members_;
  std::size_t next_ = 0;
};

}  // namespace weft::upstream
