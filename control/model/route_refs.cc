#include "control/model/route_refs.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

bool is_core_group(std::string_view group) { return group.empty() || group == "core"; }

// "" is a group's name, so that its text cannot be checked as one.
bool read_ref_group(Reader& ref, std::string& group) {
  const config::Value* value = ref.find("group");
  if (value != nullptr && value->is_scalar()) {
    group = value->text();
    const std::string wrong = group.empty() ? "" : check_object_name(group);
    if (!wrong.empty()) ref.refuse("group", fmt::format("'{}' {}", escape(group, 64), wrong));
  } else if (value != nullptr) {
    ref.refuse("group", "want text");
  }
  return value != nullptr;
}

// The pattern of the Gateway API's type Kind.
std::string check_kind_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto inside = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; };
  const bool good = !text.empty() && text.size() <= 63 && letter(text.front()) &&
                    text.back() != '-' && std::ranges::all_of(text, inside);
  return good ? "" : "must be a kind: letters, digits and '-', beginning with a letter";
}

void read_parent(Reader& ref, const ObjectName& route, std::vector<ParentRef>& out) {
  std::string group = "gateway.networking.k8s.io";
  std::string kind = "Gateway";
  ParentRef parent{.service = {route.name_space, ""}};
  if (read_ref_group(ref, group)) parent.written.group = group;
  if (ref.text("kind", kind, check_kind_name)) parent.written.kind = kind;
  if (ref.require("name")) ref.text("name", parent.service.name, check_object_name);
  if (ref.text("namespace", parent.service.name_space, check_label_name)) {
    parent.written.name_space = parent.service.name_space;
  }
  std::uint16_t port = 0;
  if (ref.integer("port", port, 1, 65535)) parent.port = port;
  ref.text("sectionName", parent.section, check_section_name);
  if (!is_core_group(group) || kind != "Service") {
    ref.note("kind", fmt::format("{} is not a parent here, only Services are", escape(kind, 64)));
    return;
  }
  if (std::ranges::find(out, parent) != out.end()) {
    ref.refuse("names the same parent as another one: give each its own port or sectionName");
  }
  out.push_back(std::move(parent));
}

}  // namespace

void read_parents(Reader& spec, const ObjectName& route, std::vector<ParentRef>& out) {
  // Valid, as it is in the Gateway API: somebody attaches it later.
  if (!spec.has("parentRefs")) spec.note("parentRefs", "is missing: the route holds nowhere");
  spec.each("parentRefs", kParentsMax, [&](Reader& ref) { read_parent(ref, route, out); });
}

BackendRef read_backend_ref(Reader& ref, const ObjectName& route) {
  BackendRef out{.service = {route.name_space, ""}, .home = route.name_space};
  std::string group;
  std::string kind = "Service";
  read_ref_group(ref, group);
  ref.text("kind", kind, check_kind_name);
  if (ref.require("name")) ref.text("name", out.service.name, check_object_name);
  ref.text("namespace", out.service.name_space, check_label_name);
  ref.integer("port", out.port, 1, 65535);
  if (!is_core_group(group) || kind != "Service") {
    out.unusable = fmt::format("kind {} is not a Service", escape(kind, 64));
  } else if (out.port == 0) {
    ref.refuse("port", "is required for a Service");
  }
  return out;
}

void read_backends(Reader& rule, const ObjectName& route, ReadBackendFilters filters,
                   std::vector<BackendRef>& out) {
  rule.each("backendRefs", kBackendsMax, [&](Reader& ref) {
    BackendRef read = read_backend_ref(ref, route);
    ref.integer("weight", read.weight, 0, 1'000'000);
    if (filters != nullptr) filters(ref, read);
    out.push_back(std::move(read));
  });
}

}  // namespace weft::control
