#pragma once
// CertificateWatch: looks once a second at which certificate each sidecar has, and knocks at each
// with a fresh handshake: a renewal that came too late, or is not used, shows as a refused
// handshake even where every other connection is an old one.
//
// A thread of its own from construction to destruction; calls are from one other thread.

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/demo/badges.h"
#include "tests/demo/shop.h"

namespace weft::demo {

// How often a sidecar's certificate was another than before. Pure.
class RenewalCount final {
 public:
  // Of one look at a /certs page: the serial of the newest certificate for `principal`.
  void see(const std::string& serial);
  // The sidecar is another process now: its first certificate renews nothing.
  void start_anew();
  [[nodiscard]] std::size_t renewals() const {
    return before_ + (serials_.empty() ? 0 : serials_.size() - 1);
  }

 private:
  std::set<std::string> serials_;
  std::size_t before_ = 0;  // what was counted before the last start_anew()
};
// The serial of the chain's leaf for that identity which lasts longest; empty: none.
[[nodiscard]] std::string newest_serial(std::string_view certs_page, std::string_view principal);

class CertificateWatch final {
 public:
  static constexpr std::chrono::seconds kEvery{1};

  struct Report {
    std::map<std::string, RenewalCount> sidecars;
    std::size_t handshakes = 0;
    std::vector<std::string> refusals;  // "web-a: …"

    [[nodiscard]] std::size_t renewals_min() const;
  };

  CertificateWatch(const Shop& shop, const Badges& badges);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  [[nodiscard]] Report report() const;
  // That instance is about to be killed: its silence says nothing. When this returns, no look at
  // it is under way. After look_again() it counts as a new process.
  void look_away(const std::string& instance);
  void look_again(const std::string& instance);

 private:
  void watch();
  void look_at(const Instance& instance);
  [[nodiscard]] std::string knock(const Instance& instance) const;

  const Shop& shop_;
  const Badges& badges_;
  mutable std::mutex mutex_;
  mutable std::mutex looking_;  // held while an instance is looked at
  std::condition_variable over_changed_;
  Report report_;
  std::set<std::string> away_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace weft::demo
