#include "sidecar/proxy/hop.h"

#include <cstring>
#include <string>

#include "sidecar/core/hex.h"
#include "sidecar/core/strings.h"
#include "telemetry/trace_context.h"

namespace weft::proxy {

using http::HeaderId;

void strip_mesh_fields(http::Headers& headers, Sender sender) {
  headers.remove_if([sender](const http::Field& field) {
    switch (field.id) {
      case HeaderId::kXWeftPriority:
        return sender == Sender::kStranger;
      case HeaderId::kXWeftPeer:
      case HeaderId::kXWeftCause:
      case HeaderId::kXWeftDeadline:
      case HeaderId::kXWeftAttempt:
      case HeaderId::kXWeftRetry:
        return sender != Sender::kMeshPeer;
      default:
        break;
    }
    // Most names are over here.
    if (field.id != HeaderId::kOther || field.name.empty() || to_lower(field.name[0]) != 'x')
      return false;
    // Names of ours that no version knows yet are nobody's to send; nor is a client certificate
    // that only a proxy may vouch for (HttpConnectionManager.forward_client_cert_details SANITIZE,
    // the default and the only one there is).
    constexpr std::string_view kPrefix = "x-weft-";
    return equals_ignore_case(field.name.substr(0, kPrefix.size()), kPrefix) ||
           equals_ignore_case(field.name, "x-forwarded-client-cert");
  });
}

void apply_each(const std::vector<config::HeaderEdit>& edits, http::Headers& headers) {
  for (const config::HeaderEdit& edit : edits) {
    switch (edit.op) {
      case config::HeaderEdit::Op::kAppend:
        headers.add_copy(edit.name, edit.value);
        break;
      case config::HeaderEdit::Op::kAddIfAbsent:
        if (!headers.find(edit.name)) headers.add_copy(edit.name, edit.value);
        break;
      case config::HeaderEdit::Op::kSet:
        headers.remove(edit.name);
        headers.add_copy(edit.name, edit.value);
        break;
      case config::HeaderEdit::Op::kSetIfPresent:
        if (headers.remove(edit.name) != 0) headers.add_copy(edit.name, edit.value);
        break;
      case config::HeaderEdit::Op::kRemove:
        headers.remove(edit.name);
        break;
    }
  }
}

namespace {

// What a prefix rewrite puts in place of the matched part. Gateway API and Envoy agree for whole
// segments: "/api" -> "/" of
// "/api/x" is "/x", and never "//x" or "x".
std::string with_prefix_replaced(const config::Route& route, std::string_view target,
                                 const std::string& prefix) {
  const std::string_view path = target.substr(0, target.find('?'));
  std::string_view rest;
  switch (route.path.how) {
    case config::PathMatch::How::kPrefix:
    case config::PathMatch::How::kSegmentPrefix:
      rest = target.substr(route.path.text.value.size());
      break;
    case config::PathMatch::How::kExact:
      rest = target.substr(path.size());
      break;
    case config::PathMatch::How::kRegex:
    case config::PathMatch::How::kConnect:
      return std::string(target);
  }
  std::string made = prefix;
  if (made.ends_with('/') && rest.starts_with('/')) made.pop_back();
  const bool segments = route.path.how == config::PathMatch::How::kSegmentPrefix;
  if (segments && !rest.empty() && rest[0] != '/' && rest[0] != '?' && !made.ends_with('/'))
    made += '/';
  if (made.empty() && (rest.empty() || rest[0] != '/')) made = "/";
  return made + std::string(rest);
}

}  // namespace

void rewrite_request(const config::Route& route, const config::ForwardAction& action,
                     http::RequestHead& head) {
  if (!action.prefix_rewrite.empty()) {
    head.target =
        head.headers.copy(with_prefix_replaced(route, head.target, action.prefix_rewrite));
  } else if (action.regex_rewrite_pattern && action.regex_rewrite_pattern->regex != nullptr) {
    const std::string path =
        action.regex_rewrite_pattern->replace_all(head.path(), action.regex_rewrite_substitution);
    const std::string query(head.target.substr(head.path().size()));
    if (path.starts_with('/')) head.target = head.headers.copy(path + query);
  }
  if (!action.host_rewrite.empty()) head.authority = head.headers.copy(action.host_rewrite);
}

std::string_view redirect_location(const config::Route& route, const config::RedirectAction& action,
                                   http::RequestHead& head) {
  const std::string scheme = action.scheme.empty() ? std::string(head.scheme) : action.scheme;
  std::string authority = action.host.empty() ? std::string(head.host()) : action.host;
  if (authority.find(':') != std::string::npos && !authority.starts_with('['))
    authority = "[" + authority + "]";
  const std::uint16_t usual = scheme == "https" ? 443 : 80;
  std::optional<std::uint64_t> port;
  if (action.port) {
    port = *action.port;
  } else if (action.scheme.empty() || action.scheme == head.scheme) {
    // The port that was asked for stays unless the scheme, and with it the port's meaning, changes.
    const std::size_t colon = head.authority.rfind(':');
    if (colon != std::string_view::npos && !head.authority.ends_with(']'))
      port = parse_u64(head.authority.substr(colon + 1));
  }
  if (port && *port != usual) authority += ":" + std::to_string(*port);
  std::string target(head.target);
  if (!action.path.empty()) {
    target = action.path;
  } else if (!action.prefix_rewrite.empty()) {
    target = with_prefix_replaced(route, head.target, action.prefix_rewrite);
  }
  if (action.strip_query) target.resize(std::min(target.size(), target.find('?')));
  return head.headers.copy(scheme + "://" + authority + target);
}

bool PeerCause::neutral() const {
  using telemetry::Cause;
  switch (cause) {
    case Cause::kRateLimited:
    case Cause::kDenied:
    case Cause::kUpgradeDenied:
    case Cause::kBulkheadFull:
    case Cause::kQueueTimeout:
    case Cause::kCircuitOpen:
    case Cause::kOverload:
    case Cause::kDraining:
    case Cause::kFault:
      return true;
    default:
      return false;
  }
}

PeerCause parse_peer_cause(std::string_view text) {
  PeerCause peer;
  const std::size_t semicolon = text.find(';');
  peer.cause =
      telemetry::parse_cause(trim(text.substr(0, semicolon))).value_or(telemetry::Cause::kNone);
  peer.unprocessed = peer.cause != telemetry::Cause::kNone && semicolon != std::string_view::npos &&
                     trim(text.substr(semicolon + 1)) == "unprocessed";
  return peer;
}

void write_trace(const telemetry::TraceContext& context, http::Headers& headers) {
  const telemetry::TraceHeaderText text(context);
  const auto write = [&headers](HeaderId id, std::string_view value) {
    if (value.empty()) {
      headers.remove(id);
    } else {
      headers.set(id, headers.copy(value));
    }
  };
  write(HeaderId::kTraceparent, text.traceparent());
  if (!context.keep_tracestate) headers.remove(HeaderId::kTracestate);
  if (!context.formats.b3_single && !context.formats.b3_multi) return;
  write(HeaderId::kB3, text.b3());
  write(HeaderId::kXB3Traceid, text.b3_trace_id());
  write(HeaderId::kXB3Spanid, text.b3_span_id());
  write(HeaderId::kXB3Parentspanid, text.b3_parent_span_id());
  write(HeaderId::kXB3Sampled, text.b3_sampled());
  write(HeaderId::kXB3Flags, text.b3_flags());
}

std::string_view make_request_id(http::Headers& headers, std::uint64_t high, std::uint64_t low) {
  // RFC 9562 section 5.4: version and variant bits.
  high = (high & ~0xf000ULL) | 0x4000ULL;
  low = (low & ~0xc000000000000000ULL) | 0x8000000000000000ULL;
  const std::span<char> text = headers.arena().text(36);
  char* out = text.data();
  for (int byte = 0; byte < 16; ++byte) {
    if (byte == 4 || byte == 6 || byte == 8 || byte == 10) *out++ = '-';
    const std::uint64_t word = byte < 8 ? high : low;
    std::memcpy(out, hex_pair(static_cast<std::uint8_t>(word >> (56 - 8 * (byte % 8)))), 2);
    out += 2;
  }
  return {text.data(), text.size()};
}

}  // namespace weft::proxy
