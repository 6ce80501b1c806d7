#include "xds/hash_policies.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "sidecar/core/strings.h"

namespace weft::xds {

namespace rt = envoy::config::route::v3;

namespace {

// A header of a request, or one of the two parts of its head by which people hash.
void read_header_hash(const rt::RouteAction::HashPolicy::Header& header, const FieldPath& path,
                      Reading& in, config::HashPolicy& out) {
  out.name = to_lower(header.header_name());
  if (out.name == ":path") {
    out.of = config::HashPolicy::Of::kPath;
  } else if (out.name.starts_with(':') && out.name != ":authority") {
    in.refuse(path / "header_name", fmt::format("{} is not supported", escape(out.name)));
  }
  if (!header.has_regex_rewrite()) return;
  const auto at = path / "regex_rewrite";
  out.rewrite = in.regex(header.regex_rewrite().pattern(), at / "pattern");
  out.substitution = header.regex_rewrite().substitution();
}

void read_cookie_hash(const rt::RouteAction::HashPolicy::Cookie& cookie, const FieldPath& path,
                      Reading& in, config::HashPolicy& out) {
  out.of = config::HashPolicy::Of::kCookie;
  out.name = cookie.name();
  out.cookie_path = cookie.path();
  if (cookie.has_ttl()) out.cookie_ttl = duration_of(cookie.ttl());
  // Both are written into Set-Cookie, where these would end them (RFC 6265 4.1.1).
  constexpr std::string_view kSeparators("\0\r\n;,= \t\"\\", 11);
  if (out.name.find_first_of(kSeparators) != std::string::npos) {
    in.refuse(path / "name", fmt::format("\"{}\" is not a cookie name", escape(out.name)));
  }
  constexpr std::string_view kEnds("\0\r\n;", 4);
  if (out.cookie_path.find_first_of(kEnds) != std::string::npos) {
    in.refuse(path / "path", fmt::format("\"{}\" is not a cookie path", escape(out.cookie_path)));
  }
  for (int index = 0; index < cookie.attributes_size(); ++index) {
    const auto& attribute = cookie.attributes(index);
    const auto at = path.at("attributes", index);
    out.cookie_attributes += "; " + attribute.name();
    if (!attribute.value().empty()) out.cookie_attributes += "=" + attribute.value();
    if (attribute.value().find(';') != std::string::npos) {
      in.refuse(at / "value", "must not have a ';'");
    }
  }
}

}  // namespace

std::vector<config::HashPolicy> read_hash_policies(const rt::RouteAction& action,
                                                   const FieldPath& path, Reading& in) {
  std::vector<config::HashPolicy> out;
  for (int index = 0; index < action.hash_policy_size(); ++index) {
    const auto& policy = action.hash_policy(index);
    const auto at = path.at("hash_policy", index);
    config::HashPolicy read;
    read.terminal = policy.terminal();
    switch (policy.policy_specifier_case()) {
      case rt::RouteAction::HashPolicy::kHeader:
        read_header_hash(policy.header(), at / "header", in, read);
        break;
      case rt::RouteAction::HashPolicy::kCookie:
        read_cookie_hash(policy.cookie(), at / "cookie", in, read);
        break;
      case rt::RouteAction::HashPolicy::kQueryParameter:
        read.of = config::HashPolicy::Of::kQueryParameter;
        read.name = policy.query_parameter().name();
        break;
      case rt::RouteAction::HashPolicy::kConnectionProperties:
        if (!policy.connection_properties().source_ip()) continue;
        read.of = config::HashPolicy::Of::kSourceAddress;
        break;
      case rt::RouteAction::HashPolicy::kFilterState:
      case rt::RouteAction::HashPolicy::POLICY_SPECIFIER_NOT_SET:
        continue;  // noted, or refused, by the walk
    }
    out.push_back(std::move(read));
  }
  return out;
}

}  // namespace weft::xds
