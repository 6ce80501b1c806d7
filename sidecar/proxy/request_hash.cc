#include "sidecar/proxy/request_hash.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "sidecar/core/strings.h"
#include "sidecar/core/xxhash.h"
#include "sidecar/proxy/cookies.h"

namespace weft::proxy {

namespace {

using config::HashPolicy;
using Part = std::optional<std::uint64_t>;

// Several lines: sorted, each hash the seed of the next, so that their order does not matter.
Part hash_lines(std::vector<std::string_view>& lines) {
  std::sort(lines.begin(), lines.end());
  std::uint64_t hash = 0;
  for (const std::string_view line : lines) hash = xxh64(line, hash);
  return hash;
}

Part hash_text(const HashPolicy& policy, std::string_view text) {
  if (!policy.rewrite) return xxh64(text);
  return xxh64(policy.rewrite->replace_all(text, policy.substitution));
}

Part hash_header(const HashPolicy& policy, const http::RequestHead& head) {
  if (policy.name == ":authority" || policy.name == "host") {
    return head.authority.empty() ? Part() : hash_text(policy, head.authority);
  }
  std::optional<std::string_view> first;
  std::vector<std::string_view> all;
  std::vector<std::string> rewritten;
  for (const http::Field& field : head.headers) {
    if (!equals_ignore_case(field.name, policy.name)) continue;
    if (!first) {
      first = field.value;
      continue;
    }
    if (all.empty()) all.push_back(*first);
    all.push_back(field.value);
  }
  if (!first) return std::nullopt;
  if (all.empty()) return hash_text(policy, *first);
  if (policy.rewrite) {
    for (const std::string_view line : all)
      rewritten.push_back(policy.rewrite->replace_all(line, policy.substitution));
    all.assign(rewritten.begin(), rewritten.end());
  }
  return hash_lines(all);
}

Part hash_cookie(const HashPolicy& policy, const http::RequestHead& head, std::string_view source,
                 std::string& set_cookie) {
  if (const auto value = find_cookie(head, policy.name); value && !value->empty()) {
    return xxh64(*value);
  }
  if (!policy.cookie_ttl) return std::nullopt;
  const std::string value = fmt::format("{:016x}", xxh64(source));
  set_cookie = policy.name + "=\"" + value + "\"";
  if (*policy.cookie_ttl > Duration::zero()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*policy.cookie_ttl).count();
    set_cookie += fmt::format("; Max-Age={}", seconds);
  }
  if (!policy.cookie_path.empty()) set_cookie += "; Path=" + policy.cookie_path;
  set_cookie += policy.cookie_attributes + "; HttpOnly";
  return xxh64(value);
}

Part hash_query(const HashPolicy& policy, std::string_view target) {
  const std::size_t start = target.find('?');
  if (start == std::string_view::npos) return std::nullopt;
  std::string_view rest = target.substr(start + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view pair = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != policy.name) continue;
    return xxh64(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
  }
  return std::nullopt;
}

// Without its port: a client's next connection has another one.
Part hash_source(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  address = address.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  return xxh64(address);
}

}  // namespace

RequestHash hash_request(std::span<const HashPolicy> policies, const http::RequestHead& head,
                         std::string_view source) {
  RequestHash out;
  for (const HashPolicy& policy : policies) {
    Part part;
    switch (policy.of) {
      case HashPolicy::Of::kHeader:
        part = hash_header(policy, head);
        break;
      case HashPolicy::Of::kCookie:
        part = hash_cookie(policy, head, source, out.set_cookie);
        break;
      case HashPolicy::Of::kQueryParameter:
        part = hash_query(policy, head.target);
        break;
      case HashPolicy::Of::kSourceAddress:
        part = hash_source(source);
        break;
      case HashPolicy::Of::kPath:
        part = hash_text(policy, head.target);
        break;
    }
    if (part) out.value = (out.value ? std::rotl(*out.value, 1) : 0) ^ *part;
    if (policy.terminal && out.value) break;
  }
  return out;
}

}  // namespace weft::proxy
