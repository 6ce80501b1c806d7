#pragma once
// DnsLookup: one Query under way: found at home (a number, the hosts file, localhost) or asked of
// the servers as one or two questions; then one event to its holder. Owner: the holder. Dropping it
// leaves the line and silences its questions.

#include <optional>
#include <string>
#include <vector>

#include "sidecar/net/dns_channel.h"

namespace weft::net {

class DnsLookup final : public Resolver::Query,
                        public ListNode<DnsLookup>,
                        public ListNode<DnsLookup, AllLookups>,
                        private Deferred,
                        private TimerSink {
 public:
  DnsLookup(DnsChannel& channel, std::string name, DnsFamily family, QueryHolder& holder);
  ~DnsLookup() override;

  void start();         // finds the answer at home, or gets in line
  void begin_asking();  // its turn has come
  void answered(DnsQuestion& question, int status, Bytes message);
  void orphan();  // the Resolver has gone
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void on_deferred() override;
  void on_timer(Timer&) override;
  bool answer_at_home();
  [[nodiscard]] bool wants(DnsType type) const;
  void accept(std::vector<IpAddress> addresses, Duration ttl, DnsType type);
  void fail_with(Error error);
  void finish();
  void let_go();
  [[nodiscard]] Error failure() const;

  DnsChannel* channel_;  // null once the Resolver has gone
  Loop& loop_;
  std::string name_;
  DnsFamily family_;
  QueryHolder& holder_;
  Timer deadline_;
  DnsQuestion* asked_[2] = {nullptr, nullptr};
  std::vector<IpAddress> v4_;
  std::vector<IpAddress> v6_;
  std::optional<Duration> ttl_;
  std::optional<Error> error_;
};

}  // namespace weft::net
