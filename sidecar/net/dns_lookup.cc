#include "sidecar/net/dns_lookup.h"

#include <ares.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::net {

namespace {

constexpr std::size_t kHostNameMax = 253;
constexpr std::size_t kLabelMax = 63;

// RFC 1123 names, and underscores, which service names use. A dot at the end is allowed: no search
// domains then.
bool is_host_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > kHostNameMax) return false;
  std::size_t label = 0;
  for (const char c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
    if (c == '.' ? label == 0 : !good) return false;
    label = c == '.' ? 0 : label + 1;
    if (label > kLabelMax) return false;
  }
  return label != 0;
}

// RFC 6761 6.3: never a question for a server.
bool is_localhost(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  const std::size_t dot = name.rfind('.');
  return equals_ignore_case(dot == std::string_view::npos ? name : name.substr(dot + 1),
                            "localhost");
}

Error error_of(int status, const std::string& name) {
  const std::string detail = "resolve " + escape(name) + ": " + ares_strerror(status);
  switch (status) {
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
      return {Fault::kNameNotResolved, Side::kUpstream, detail};
    case ARES_ETIMEOUT:
      return {Fault::kTimeout, Side::kUpstream, detail};
    case ARES_EBADNAME:
      return {Fault::kInvalid, Side::kLocal, detail};
    case ARES_EBADRESP:
    case ARES_EFORMERR:
      return {Fault::kProtocol, Side::kUpstream, detail};
    default:
      return {Fault::kConnect, Side::kUpstream, detail};
  }
}

}  // namespace

DnsLookup::DnsLookup(DnsChannel& channel, std::string name, DnsFamily family, QueryHolder& holder)
    : channel_(&channel),
      loop_(channel.loop),
      name_(std::move(name)),
      family_(family),
      holder_(holder),
      deadline_(channel.loop.timers(), *this) {
  channel.enter(*this);
}

DnsLookup::~DnsLookup() { let_go(); }

void DnsLookup::start() {
  if (answer_at_home()) return loop_.defer(*this);
  if (!is_host_name(name_)) {
    return fail_with(
        {Fault::kInvalid, Side::kLocal, "resolve " + escape(name_) + ": not a host name"});
  }
  deadline_.arm(channel_->options.timeout);
  if (channel_->admit(*this)) return;
  channel_->stats.refused.add();
  fail_with({Fault::kLimit, Side::kLocal, "resolve " + name_ + ": too many questions are waiting"});
}

bool DnsLookup::answer_at_home() {
  if (const auto literal = IpAddress::parse(name_)) {
    accept({*literal}, DnsAnswer::kTtlMax, literal->is_v4() ? DnsType::kA : DnsType::kAaaa);
    return true;
  }
  if (!is_host_name(name_)) return false;
  auto v4 = channel_->hosts_file(name_, AF_INET);
  auto v6 = channel_->hosts_file(name_, AF_INET6);
  if (v4.empty() && v6.empty()) {
    if (!is_localhost(name_)) return false;
    v4.push_back(IpAddress::v4(0x7f00'0001));
    v6.push_back(*IpAddress::parse("::1"));
  }
  const Duration ttl = channel_->options.ttl_local;
  accept(std::move(v4), ttl, DnsType::kA);
  accept(std::move(v6), ttl, DnsType::kAaaa);
  return true;
}

bool DnsLookup::wants(DnsType type) const {
  switch (family_) {
    case DnsFamily::kV4:
      return type == DnsType::kA;
    case DnsFamily::kV6:
      return type == DnsType::kAaaa;
    case DnsFamily::kAuto:
    case DnsFamily::kV4Preferred:
    case DnsFamily::kAll:
      return true;
  }
  return false;
}

void DnsLookup::begin_asking() {
  // Both exist before the first is put, because c-ares may answer from inside and the last answer
  // finishes.
  if (wants(DnsType::kAaaa)) asked_[0] = channel_->make_question(*this, DnsType::kAaaa);
  if (wants(DnsType::kA)) asked_[1] = channel_->make_question(*this, DnsType::kA);
  DnsQuestion* const second = asked_[1];
  if (asked_[0] != nullptr) channel_->put(*asked_[0], name_);
  if (second != nullptr) channel_->put(*second, name_);
}

void DnsLookup::answered(DnsQuestion& question, int status, Bytes message) {
  for (DnsQuestion*& asked : asked_) {
    if (asked == &question) asked = nullptr;
  }
  if (status != ARES_SUCCESS) {
    if (!error_) error_ = error_of(status, name_);
  } else if (Result<DnsAnswer> answer = parse_dns_answer(message, question.type); !answer) {
    if (!error_)
      error_ = Error{answer.error().fault, Side::kUpstream,
                     "resolve " + name_ + ": " + answer.error().detail};
  } else {
    accept(std::move(answer->addresses), answer->ttl, question.type);
  }
  if (asked_[0] == nullptr && asked_[1] == nullptr) finish();
}

void DnsLookup::accept(std::vector<IpAddress> addresses, Duration ttl, DnsType type) {
  if (addresses.empty() || !wants(type)) return;
  ttl_ = std::min(ttl_.value_or(ttl), ttl);
  (type == DnsType::kA ? v4_ : v6_) = std::move(addresses);
}

void DnsLookup::fail_with(Error error) {
  error_ = std::move(error);
  finish();
}

// The event comes later: never from inside resolve(), never from inside c-ares.
void DnsLookup::finish() {
  let_go();
  loop_.defer(*this);
}

// Leaves the clock, the line and c-ares.
void DnsLookup::let_go() {
  deadline_.cancel();
  for (DnsQuestion*& asked : asked_) {
    if (asked != nullptr) std::exchange(asked, nullptr)->lookup = nullptr;
  }
  if (channel_ != nullptr && ListNode<DnsLookup>::linked()) channel_->leave_line(*this);
}

void DnsLookup::orphan() {
  let_go();
  channel_ = nullptr;
}

void DnsLookup::on_timer(Timer&) {
  let_go();
  error_ = Error{Fault::kTimeout, Side::kUpstream, "resolve " + name_ + ": no answer in time"};
  on_deferred();
}

void DnsLookup::on_deferred() {
  if (channel_ == nullptr) return;
  Resolved resolved{.ttl = std::max(ttl_.value_or(Duration::zero()), channel_->options.ttl_min)};
  const bool v6_alone = family_ == DnsFamily::kAuto && !v6_.empty();
  const bool v4_alone = family_ == DnsFamily::kV4Preferred && !v4_.empty();
  if (!v4_alone) resolved.addresses = std::move(v6_);
  if (!v6_alone) resolved.addresses.insert(resolved.addresses.end(), v4_.begin(), v4_.end());
  if (!resolved.addresses.empty()) return holder_.on_resolved(resolved);
  channel_->stats.failures.add();
  const Error error = failure();
  holder_.on_not_resolved(error);
}

Error DnsLookup::failure() const {
  if (error_) return *error_;
  return {Fault::kNameNotResolved, Side::kUpstream,
          "resolve " + name_ + ": it has no address of the family asked for"};
}

}  // namespace weft::net
