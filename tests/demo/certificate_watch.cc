#include "tests/demo/certificate_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>

#include "tests/demo/ask.h"

namespace weft::demo {

namespace {

// Who calls that service, so that a knock looks like everybody else.
std::string caller_of(const Shop& shop, const Instance& instance) {
  for (const Instance& other : shop.instances()) {
    if (other.next == instance.service) return other.account;
  }
  return instance.account;
}

}  // namespace

void RenewalCount::see(const std::string& serial) {
  if (!serial.empty()) serials_.insert(serial);
}

void RenewalCount::start_anew() {
  before_ = renewals();
  serials_.clear();
}

std::string newest_serial(std::string_view certs_page, std::string_view principal) {
  const nlohmann::json page = nlohmann::json::parse(certs_page, nullptr, false);
  if (!page.is_object() || !page.contains("certificates")) return {};
  std::string serial;
  nlohmann::json newest;
  for (const nlohmann::json& one : page["certificates"]) {
    if (!one.is_object() || one.value("identity", "") != principal || !one.contains("not_after") ||
        one.value("kind", "") != "chain") {
      continue;
    }
    if (newest.is_null() || one["not_after"] > newest) {
      newest = one["not_after"];
      serial = one.value("serial", "");
    }
  }
  return serial;
}

std::size_t CertificateWatch::Report::renewals_min() const {
  std::size_t least = sidecars.empty() ? 0 : std::numeric_limits<std::size_t>::max();
  for (const auto& [name, count] : sidecars) least = std::min(least, count.renewals());
  return least;
}

CertificateWatch::CertificateWatch(const Shop& shop, const Badges& badges)
    : shop_(shop), badges_(badges) {
  for (const Instance& instance : shop.instances()) report_.sidecars[instance.name];
  thread_ = std::thread([this] { watch(); });
}

CertificateWatch::~CertificateWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  over_changed_.notify_all();
  thread_.join();
}

CertificateWatch::Report CertificateWatch::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

void CertificateWatch::look_away(const std::string& instance) {
  const std::lock_guard quiet(looking_);
  const std::lock_guard lock(mutex_);
  away_.insert(instance);
}

void CertificateWatch::look_again(const std::string& instance) {
  const std::lock_guard lock(mutex_);
  if (away_.erase(instance) == 0) return;
  const auto count = report_.sidecars.find(instance);
  if (count != report_.sidecars.end()) count->second.start_anew();
}

void CertificateWatch::watch() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    lock.unlock();
    for (const Instance& instance : shop_.instances()) look_at(instance);
    lock.lock();
    over_changed_.wait_for(lock, kEvery, [&] { return over_; });
  }
}

void CertificateWatch::look_at(const Instance& instance) {
  const std::lock_guard quiet(looking_);
  {
    const std::lock_guard lock(mutex_);
    if (over_ || away_.contains(instance.name)) return;
  }
  const Result<std::string> certs = get(instance.admin(), "/certs");
  const std::string refusal = instance.has_app() ? knock(instance) : std::string();
  const std::lock_guard lock(mutex_);
  if (certs) report_.sidecars[instance.name].see(newest_serial(*certs, instance.principal()));
  if (instance.has_app()) ++report_.handshakes;
  if (!refusal.empty()) report_.refusals.push_back(refusal);
}

// What is wrong; any HTTP answer is good enough: the handshake is what counts.
std::string CertificateWatch::knock(const Instance& instance) const {
  const Result<TlsMaterial> badge = badges_.member(caller_of(shop_, instance));
  if (!badge) return badge.error().detail;
  const Result<Asked> asked = ask_secured(instance.inbound(), *badge, {.target = "/hello"});
  if (!asked) return fmt::format("{}: {}", instance.name, to_string(asked.error()));
  if (asked->tls.peer.uri() != instance.principal()) {
    return fmt::format("{} says it is {}", instance.name, asked->tls.peer.uri());
  }
  return {};
}

}  // namespace weft::demo
