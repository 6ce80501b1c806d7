#pragma once
// DnsForwarder: whole DNS messages to the servers of resolv_conf and their answers back, unread but
// for what makes an answer one to this question: it comes from a server that was asked, with the
// number that was chosen here (from the system's secrets, none twice under way) and the question
// that was put.
//
// c-ares asks: the next server when one fails or says nothing; over TCP what does not fit 512 bytes
// (this c-ares reads no more over UDP without writing EDNS of its own into the query). A server
// that says SERVFAIL, NOTIMP or REFUSED has failed.
//
// Faults: kTimeout: nobody says anything in time; kConnect: the servers fail, cannot be reached, or
// there are none. The holder hears exactly one event, in a later turn, and may let go of its
// Question then; dropping a Question before is silent, and its place stays taken until c-ares is
// done with it. Owner: DnsServer. Thread: its loop's. Outlives its Questions.

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "sidecar/core/buffer.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/error.h"
#include "sidecar/net/ares_channel.h"
#include "sidecar/net/loop.h"

namespace weft::net {

class ForwardHolder {
 public:
  virtual void on_forward_answer(Bytes message) = 0;
  virtual void on_forward_failure(const Error& error) = 0;

 protected:
  ~ForwardHolder() = default;
};

class DnsForwarder final {
 public:
  struct Options {
    AresChannel::Options channel;
    std::uint32_t questions_max = 512;           // under way, heard or not
    Duration timeout = std::chrono::seconds(5);  // of one question in all
  };
  struct Stats {
    Counter asked;
    Counter answered;
    Counter timeouts;
    Counter failures;
    Counter refused;  // by questions_max
    Gauge under_way;
    Histogram time;  // of those that were answered
  };
  class Question {
   public:
    virtual ~Question() = default;
  };

  DnsForwarder(Loop& loop, Options options);
  ~DnsForwarder();
  DnsForwarder(const DnsForwarder&) = delete;
  DnsForwarder& operator=(const DnsForwarder&) = delete;

  // `query` is a header and one question at least; its first two bytes are written here. Null: as
  // many as may are under way.
  [[nodiscard]] std::unique_ptr<Question> ask(std::vector<std::uint8_t> query,
                                              ForwardHolder& holder);

  [[nodiscard]] const AresChannel& channel() const { return channel_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  class Asked;
  struct Pending;  // what c-ares calls back with, whatever became of the Question

  static void answered(void* argument, int status, int timeouts, unsigned char* message, int size);
  [[nodiscard]] std::uint16_t choose_number();

  Loop& loop_;
  const Options options_;
  Stats stats_;
  std::set<std::uint16_t> numbers_;  // under way
  AresChannel channel_;
};

}  // namespace weft::net
