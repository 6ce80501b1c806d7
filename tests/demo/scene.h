#pragma once
// Scene: what a promise is tried on: the Stage, the Load, the CertificateWatch, the rate that this
// machine carries; and what every promise does with them.
//
// Owner: run_once(). Thread: the director's; blocking.

#include <string>
#include <string_view>
#include <vector>

#include "tests/demo/badges.h"
#include "tests/demo/certificate_watch.h"
#include "tests/demo/journal.h"
#include "tests/demo/load.h"
#include "tests/demo/stage.h"

namespace weft::demo {

class Scene final {
 public:
  Scene(Stage& stage, Badges badges);

  [[nodiscard]] Stage& stage() { return stage_; }
  [[nodiscard]] const Shop& shop() const { return stage_.shop(); }
  [[nodiscard]] Load& load() { return load_; }
  [[nodiscard]] CertificateWatch& watch() { return watch_; }
  [[nodiscard]] const Badges& badges() const { return badges_; }

  // Requests a second; set by calibrate().
  [[nodiscard]] double rate() const { return rate_; }
  // The largest of `wanted`, half of it, a quarter… that this machine carries beside everything:
  // answered in time and none failed.
  void calibrate(double wanted);

  // Traffic at rate() until end().
  void begin() { load_.begin({.rate = rate_}); }
  [[nodiscard]] std::vector<Sent> end() { return load_.end(); }
  // So many requests at rate().
  [[nodiscard]] std::vector<Sent> send(std::uint64_t count);
  [[nodiscard]] Joined join(const std::vector<Sent>& sent) const;

  // Writes the route and waits until every sidecar has it.
  [[nodiscard]] bool apply(const Weights& weights);
  // Waits until no sidecar holds an instance of the shop for broken.
  [[nodiscard]] bool wait_for_healthy();

 private:
  // Why this machine does not carry that rate; empty: it does.
  [[nodiscard]] std::string try_rate(double rate);

  Stage& stage_;
  const Badges badges_;
  Load load_;
  CertificateWatch watch_;
  double rate_ = 0;
};

// Progress for whoever watches: a line, at once.
void say(std::string_view line);

}  // namespace weft::demo
