#include "sidecar/http/http1_framing.h"

#include <algorithm>
#include <array>
#include <limits>

#include "sidecar/core/strings.h"
#include "sidecar/http/http1_chars.h"
#include "sidecar/http/normalize.h"

namespace weft::http {

namespace {

constexpr std::size_t kConnectionLinesMax = 4;
constexpr std::size_t kConnectionOptionsMax = 64;
constexpr std::size_t kLengthDigitsMax = 32;

auto bad(std::string_view what) { return fail(Fault::kProtocol, std::string(what)); }

// What the fields of this hop say.
struct Hop {
  std::string_view host;
  std::string_view length;
  std::string_view transfer;
  std::string_view upgrade;
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t transfers = 0;
  std::array<std::string_view, kConnectionLinesMax> connections;
  std::size_t connection_lines = 0;
  bool expects_continue = false;
  bool takes_trailers = false;
  // From Connection:
  bool close = false;
  bool keep_alive = false;
  bool upgrades = false;
  bool nominates = false;
};

// Calls `visit` with each element of a comma list, trimmed, until it returns false.
template <typename Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (true) {
    const std::size_t comma = list.find(',');
    if (!visit(trim(list.substr(0, comma))) || comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

bool has_element(std::string_view list, std::string_view wanted) {
  bool found = false;
  for_each_element(list, [&](std::string_view element) {
    found = equals_ignore_case(element, wanted);
    return !found;
  });
  return found;
}

// Which fields end at this hop; a table because it is asked for every field of every message.
constexpr std::array<bool, kHeaderIds> make_hop_fields() {
  std::array<bool, kHeaderIds> hop{};
  for (const HeaderId id :
       {HeaderId::kHost, HeaderId::kConnection, HeaderId::kKeepAlive, HeaderId::kProxyConnection,
        HeaderId::kTe, HeaderId::kTransferEncoding, HeaderId::kUpgrade, HeaderId::kContentLength,
        HeaderId::kExpect, HeaderId::kHttp2Settings}) {
    hop[static_cast<std::size_t>(id)] = true;
  }
  return hop;
}
constexpr auto kHopFields = make_hop_fields();

// Notes one field of this hop; false when it is to be passed on after all.
bool note(const Field& field, Hop& hop) {
  if (field.id == HeaderId::kHost) {
    hop.host = field.value;
    ++hop.hosts;
  } else if (field.id == HeaderId::kContentLength) {
    hop.length = field.value;
    ++hop.lengths;
  } else if (field.id == HeaderId::kTransferEncoding) {
    hop.transfer = field.value;
    ++hop.transfers;
  } else if (field.id == HeaderId::kConnection) {
    if (hop.connection_lines < kConnectionLinesMax)
      hop.connections[hop.connection_lines] = field.value;
    ++hop.connection_lines;
  } else if (field.id == HeaderId::kTe) {
    hop.takes_trailers |= has_element(field.value, "trailers");
  } else if (field.id == HeaderId::kUpgrade) {
    if (hop.upgrade.empty()) hop.upgrade = field.value;
  } else if (field.id == HeaderId::kExpect) {
    // An expectation nobody knows is the origin's to refuse.
    if (!equals_ignore_case(field.value, "100-continue")) return false;
    hop.expects_continue = true;
  }
  return true;
}

Status read_connection(Hop& hop) {
  if (hop.connection_lines > kConnectionLinesMax) return bad("too many connection lines");
  std::size_t options = 0;
  for (std::size_t i = 0; i < hop.connection_lines; ++i) {
    for_each_element(hop.connections[i], [&](std::string_view option) {
      if (equals_ignore_case(option, "close")) {
        hop.close = true;
      } else if (equals_ignore_case(option, "keep-alive")) {
        hop.keep_alive = true;
      } else if (equals_ignore_case(option, "upgrade")) {
        hop.upgrades = true;
      } else if (!option.empty()) {
        hop.nominates = true;
      }
      return ++options <= kConnectionOptionsMax;
    });
    if (options > kConnectionOptionsMax) return bad("too many connection options");
  }
  return {};
}

Result<Hop> take_hop_fields(Headers& headers) {
  Hop hop;
  headers.remove_if([&hop](const Field& field) {
    return kHopFields[static_cast<std::size_t>(field.id)] && note(field, hop);
  });
  if (Status read = read_connection(hop); !read) return fail(std::move(read.error()));
  for (std::size_t i = 0; hop.nominates && i < hop.connection_lines; ++i) {
    headers.remove_if(
        [&](const Field& field) { return has_element(hop.connections[i], field.name); });
  }
  return hop;
}

// Both lengths present, or one in a spelling that some parser reads otherwise, is how requests are
// smuggled: refuse instead of choosing (RFC 9112 section 6.3).
Result<Http1Framing> frame_body(const Hop& hop, Version version,
                                std::optional<std::uint64_t>& length) {
  Http1Framing framing;
  framing.keep_alive = version == Version::kHttp10 ? hop.keep_alive && !hop.close : !hop.close;
  if (hop.transfers != 0) {
    if (hop.lengths != 0) return bad("content-length together with transfer-encoding");
    if (version == Version::kHttp10) return bad("transfer-encoding with HTTP/1.0");
    if (hop.transfers > 1) return bad("transfer-encoding twice");
    if (!equals_ignore_case(hop.transfer, "chunked"))
      return bad("transfer-encoding is not chunked");
    framing.body = BodyKind::kChunked;
    return framing;
  }
  if (hop.lengths == 0) return framing;
  if (hop.lengths > 1) return bad("content-length twice");
  length = hop.length.size() <= kLengthDigitsMax ? parse_u64(hop.length) : std::nullopt;
  if (!length || *length > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return bad("bad content-length");
  framing.length = *length;
  framing.body = framing.length == 0 ? BodyKind::kNone : BodyKind::kLength;
  return framing;
}

// RFC 9112 section 3.2: the four forms of a target.
Status take_target(RequestHead& head, std::string_view host) {
  const std::string_view target = head.target;
  head.authority = host;
  if (head.method == Method::kConnect) {
    const std::size_t colon = target.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == target.size())
      return bad("CONNECT without host and port");
    head.authority = target;
    head.target = {};
    return {};
  }
  if (target[0] == '/') return {};
  if (target == "*") {
    if (head.method != Method::kOptions) return bad("asterisk target without OPTIONS");
    return {};
  }
  std::string_view rest = target;
  if (equals_ignore_case(target.substr(0, 7), "http://")) {
    rest.remove_prefix(7);
  } else if (equals_ignore_case(target.substr(0, 8), "https://")) {
    rest.remove_prefix(8);
  } else {
    return bad("bad target");
  }
  // The target's own authority wins (section 3.2.2), but a Host that is none is refused all the
  // same.
  if (!host.empty()) {
    if (Result<std::string_view> checked = canonical_authority(host, head.headers.arena());
        !checked) {
      return fail(std::move(checked.error()));
    }
  }
  const std::size_t slash = rest.find_first_of("/?");
  head.authority = rest.substr(0, slash);
  if (head.authority.empty()) return bad("bad host");
  if (slash == std::string_view::npos) {
    head.target = head.method == Method::kOptions ? "*" : "/";
  } else if (rest[slash] == '/') {
    head.target = rest.substr(slash);
  } else {
    const std::span<char> room = head.headers.arena().text(rest.size() - slash + 1);
    room[0] = '/';
    std::copy(rest.begin() + static_cast<std::ptrdiff_t>(slash), rest.end(), room.begin() + 1);
    head.target = {room.data(), room.size()};
  }
  return {};
}

// The one protocol a request wants to switch to, in lower case; empty when there is none that may
// pass. Another version of HTTP is ours to speak, not the origin's, so "h2c" is left out and the
// request is served as it is.
std::string_view wanted_protocol(const Hop& hop, Arena& arena) {
  std::string_view wanted;
  for_each_element(hop.upgrade, [&](std::string_view protocol) {
    const auto begins = [protocol](std::string_view name) {
      return equals_ignore_case(protocol.substr(0, name.size()), name);
    };
    const std::string_view name = protocol.substr(0, protocol.find('/'));
    if (!is_token(name) || begins("h2c") || begins("http/") || begins("tls/")) return true;
    wanted = protocol;
    return false;
  });
  if (wanted.empty() || wanted.size() > kProtocolBytesMax ||
      !std::all_of(wanted.begin(), wanted.end(),
                   [](char c) { return c == '/' || is_token_char(c); })) {
    return {};
  }
  const std::span<char> room = arena.text(wanted.size());
  std::transform(wanted.begin(), wanted.end(), room.begin(), [](char c) { return to_lower(c); });
  return {room.data(), room.size()};
}

}  // namespace

Result<Http1Framing> frame_request(RequestHead& head) {
  Result<Hop> hop = take_hop_fields(head.headers);
  if (!hop) return fail(std::move(hop.error()));
  if (hop->hosts > 1) return bad("host twice");
  if (hop->hosts == 0 && head.version != Version::kHttp10) return bad("no host");
  if (hop->hosts == 1 && hop->host.empty()) return bad("empty host");
  Result<Http1Framing> framing = frame_body(*hop, head.version, head.content_length);
  if (!framing) return framing;
  if (Status target = take_target(head, hop->host); !target) return fail(std::move(target.error()));
  if (hop->takes_trailers) head.headers.add(HeaderId::kTe, "trailers");
  head.expects_continue =
      hop->expects_continue && framing->body != BodyKind::kNone && head.version != Version::kHttp10;
  if (head.method == Method::kConnect) {
    if (framing->body != BodyKind::kNone) return bad("CONNECT with a body");
    framing->body = BodyKind::kTunnel;
  } else if (hop->upgrades && !hop->upgrade.empty() && framing->body == BodyKind::kNone &&
             head.version != Version::kHttp10) {
    // With a body the switch could not happen before its end; such a request is served without.
    head.protocol = wanted_protocol(*hop, head.headers.arena());
    if (!head.protocol.empty()) framing->body = BodyKind::kTunnel;
  }
  return framing;
}

Result<Http1Framing> frame_response(ResponseHead& head, const Asked& asked) {
  Result<Hop> hop = take_hop_fields(head.headers);
  if (!hop) return fail(std::move(hop.error()));
  Result<Http1Framing> framing = frame_body(*hop, head.version, head.content_length);
  if (!framing) return framing;
  if (head.status == 101) {
    const bool agreed = !asked.protocol.empty() && hop->upgrades &&
                        equals_ignore_case(hop->upgrade, asked.protocol);
    if (!agreed) return bad("a switch of protocols that was not asked for");
    framing->body = BodyKind::kTunnel;
  } else if (asked.method == Method::kConnect && asked.protocol.empty() && head.status >= 200 &&
             head.status < 300) {
    framing->body = BodyKind::kTunnel;
  } else if (response_has_no_body(asked.method, head.status)) {
    framing->body = BodyKind::kNone;
    if (head.is_informational() || head.status == 204) head.content_length.reset();
    return framing;
  } else if (framing->body == BodyKind::kNone && !head.content_length) {
    framing->body = BodyKind::kUntilClose;
    framing->keep_alive = false;
    return framing;
  } else {
    return framing;
  }
  // A tunnel has no length, whatever its head says (RFC 9112 section 6.3).
  head.content_length.reset();
  framing->keep_alive = false;
  return framing;
}

}  // namespace weft::http
