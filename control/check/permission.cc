#include "control/check/permission.h"

#include <algorithm>
#include <set>

#include "sidecar/config/document.h"
#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"

namespace weft::control::check {

namespace {

std::vector<Json> objects_in(const std::vector<cli::Manifest>& manifests) {
  std::vector<Json> out;
  for (const cli::Manifest& manifest : manifests) {
    const auto documents = config::parse_documents(manifest.text, manifest.file);
    WEFT_ASSERT(documents);  // they are our own
    for (const config::Document& one : *documents) {
      out.push_back(parse_json(config::to_json(one.root)));
    }
  }
  return out;
}

// "apps/v1" -> "apps", "v1" -> "".
std::string group_in(const Json& object) {
  const std::string version = text_at(object, {"apiVersion"});
  const std::size_t slash = version.find('/');
  return slash == std::string::npos ? std::string() : version.substr(0, slash);
}

void add_rule(const Json& rule, const std::string& name_space, std::set<Permission>& out) {
  std::vector<std::string> names;
  for (const Json& name : list_at(rule, {"resourceNames"})) names.push_back(text_of(&name));
  if (names.empty()) names.emplace_back();
  for (const Json& group : list_at(rule, {"apiGroups"})) {
    for (const Json& resource : list_at(rule, {"resources"})) {
      const std::string whole = text_of(&resource);
      const std::size_t slash = std::min(whole.find('/'), whole.size());
      for (const Json& verb : list_at(rule, {"verbs"})) {
        for (const std::string& name : names) {
          out.insert({.verb = text_of(&verb),
                      .group = text_of(&group),
                      .resource = whole.substr(0, slash),
                      .subresource = slash == whole.size() ? "" : whole.substr(slash + 1),
                      .name = name,
                      .name_space = name_space});
        }
      }
    }
  }
}

}  // namespace

std::string Permission::to_string() const {
  std::string out = verb + " " + resource;
  if (!subresource.empty()) out += "/" + subresource;
  if (!group.empty()) out += "." + group;
  if (!name.empty()) out += " " + name;
  if (!name_space.empty()) out += " in " + name_space;
  return out;
}

Json Permission::attributes() const {
  Json out = {{"verb", verb}, {"group", group}, {"resource", resource}};
  if (!subresource.empty()) out["subresource"] = subresource;
  if (!name.empty()) out["name"] = name;
  if (!name_space.empty()) out["namespace"] = name_space;
  return out;
}

std::string plural_of(std::string_view kind) {
  std::string out;
  for (const char c : kind) out += to_lower(c);
  const bool consonant = out.size() > 1 && std::string_view("aeiou").find(out[out.size() - 2]) ==
                                               std::string_view::npos;
  if (out.ends_with('y') && consonant) return out.substr(0, out.size() - 1) + "ies";
  return out + (out.ends_with('s') || out.ends_with('x') ? "es" : "s");
}

std::vector<Permission> permissions_to_install(const std::vector<cli::Manifest>& manifests) {
  std::set<Permission> out;
  for (const Json& object : objects_in(manifests)) {
    // What server-side apply is to the API server.
    for (const char* verb : {"create", "patch"}) {
      out.insert({.verb = verb,
                  .group = group_in(object),
                  .resource = plural_of(text_at(object, {"kind"})),
                  .subresource = "",
                  .name = "",
                  .name_space = text_at(object, {"metadata", "namespace"})});
    }
  }
  return {out.begin(), out.end()};
}

std::vector<Permission> permissions_granted(const std::vector<cli::Manifest>& manifests) {
  std::set<Permission> out;
  for (const Json& object : objects_in(manifests)) {
    const std::string kind = text_at(object, {"kind"});
    if (kind != "ClusterRole" && kind != "Role") continue;
    const std::string name_space =
        kind == "Role" ? text_at(object, {"metadata", "namespace"}) : std::string();
    for (const Json& rule : list_at(object, {"rules"})) add_rule(rule, name_space, out);
  }
  return {out.begin(), out.end()};
}

}  // namespace weft::control::check
