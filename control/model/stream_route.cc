#include "control/model/stream_route.h"

#include <fmt/format.h>

namespace weft::control {

namespace {

StreamRoute read_stream_route(Reader& document, Kind kind) {
  StreamRoute out;
  out.kind = kind;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    StreamRule rule;
    read_parents(spec, out.metadata.name, out.parents);
    spec.unsupported("useDefaultGateways");
    if (kind == Kind::kTlsRoute) {
      spec.require("hostnames");
      const bool read = spec.texts("hostnames", rule.server_names, StreamRoute::kServerNamesMax,
                                   check_hostname_or_wildcard);
      if (read && rule.server_names.empty()) spec.refuse("hostnames", "want 1 to 16 names");
    }
    spec.require("rules");
    std::size_t rules = 0;
    const bool listed = spec.each("rules", 1, [&](Reader& one) {
      ++rules;
      rule.line = one.position().line;
      one.text("name", rule.name, check_section_name);
      one.require("backendRefs");
      read_backends(one, out.metadata.name, nullptr, rule.backends);
    });
    if (listed && rules != 1) spec.refuse("rules", "want exactly one rule");
    out.rules.push_back(std::move(rule));
  });
  return out;
}

}  // namespace

StreamRoute read_tcp_route(Reader& document) {
  return read_stream_route(document, Kind::kTcpRoute);
}

StreamRoute read_tls_route(Reader& document) {
  return read_stream_route(document, Kind::kTlsRoute);
}

}  // namespace weft::control
