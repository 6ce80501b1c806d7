#include "control/model/backend_tls_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

void read_core_group(Reader& ref, std::string_view kind) {
  const config::Value* group = ref.find("group");
  if (group == nullptr) return;
  if (!group->is_scalar() || (!group->text().empty() && group->text() != "core")) {
    ref.refuse("group", fmt::format("want \"\" for kind {}", kind));
  }
}

void read_only_kind(Reader& ref, std::string_view wanted) {
  std::string kind;
  read_core_group(ref, wanted);
  if (ref.require("kind") && ref.text("kind", kind) && kind != wanted) {
    ref.refuse("kind", fmt::format("want {}, found '{}'", wanted, escape(kind, 64)));
  }
}

void read_tls_target(Reader& ref, BackendTlsPolicy& out) {
  BackendTlsPolicy::Target target{.service = {out.metadata.name.name_space, ""}, .section = ""};
  read_only_kind(ref, "Service");
  if (ref.require("name")) ref.text("name", target.service.name, check_object_name);
  ref.text("sectionName", target.section, check_section_name);
  if (std::ranges::find(out.targets, target) != out.targets.end()) {
    ref.refuse("names the same target as another one");
  }
  out.targets.push_back(std::move(target));
}

void read_ca(Reader& validation, BackendTlsPolicy& out) {
  validation.each("caCertificateRefs", BackendTlsPolicy::kRefsMax, [&](Reader& ref) {
    ObjectName name{out.metadata.name.name_space, ""};
    read_only_kind(ref, "ConfigMap");
    if (ref.require("name")) ref.text("name", name.name, check_object_name);
    out.ca.push_back(std::move(name));
  });
  std::string known;
  if (validation.text("wellKnownCACertificates", known) && !known.empty() && known != "System") {
    validation.refuse("wellKnownCACertificates",
                      fmt::format("want System, found '{}'", escape(known, 64)));
  }
  out.system_ca = !known.empty();
  if (out.system_ca && !out.ca.empty()) {
    validation.refuse("wellKnownCACertificates", "must not be there: caCertificateRefs are");
  } else if (!out.system_ca && out.ca.empty()) {
    validation.refuse("want one of caCertificateRefs and wellKnownCACertificates");
  }
}

std::string check_uri(std::string_view text) {
  const std::size_t colon = text.find("://");
  const bool visible = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  return colon != std::string_view::npos && colon > 0 && text.size() > colon + 3 && visible
             ? std::string()
             : "must be an absolute URI, as spiffe://example.org/ns/shop/sa/ledger";
}

void read_alt_name(Reader& name, BackendTlsPolicy& out) {
  BackendTlsPolicy::AltName read;
  if (name.require("type")) name.choice("type", read.uri, {{"Hostname", false}, {"URI", true}});
  const char* wanted = read.uri ? "uri" : "hostname";
  const char* other = read.uri ? "hostname" : "uri";
  if (name.require(wanted)) {
    name.text(wanted, read.value, read.uri ? check_uri : check_hostname_or_wildcard);
  }
  std::string beside;
  if (name.has(other) && name.text(other, beside) && !beside.empty()) {
    name.refuse(other, fmt::format("is not for this type, {} is", wanted));
  }
  out.alt_names.push_back(std::move(read));
}

}  // namespace

BackendTlsPolicy read_backend_tls_policy(Reader& document) {
  BackendTlsPolicy out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    spec.require("targetRefs");
    const bool listed = spec.each("targetRefs", BackendTlsPolicy::kTargetsMax,
                                  [&](Reader& ref) { read_tls_target(ref, out); });
    if (listed && out.targets.empty()) spec.refuse("targetRefs", "want 1 to 16 targets");
    spec.require("validation");
    spec.object("validation", [&](Reader& validation) {
      if (validation.require("hostname")) {
        validation.text("hostname", out.hostname, check_hostname);
      }
      read_ca(validation, out);
      validation.each("subjectAltNames", BackendTlsPolicy::kNamesMax,
                      [&](Reader& name) { read_alt_name(name, out); });
    });
    Labels options;
    if (spec.text_map("options", options, BackendTlsPolicy::kTargetsMax) && !options.empty()) {
      spec.refuse("options", "there are none here");
    }
  });
  return out;
}

}  // namespace weft::control
