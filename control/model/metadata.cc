#include "control/model/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::size_t kLabelsMax = 128;
// What Kubernetes allows for all together; kubectl keeps a whole object in one.
constexpr std::size_t kAnnotationBytesMax = 256 * 1024;

std::string check_time(std::string_view text) {
  // What the API server writes: always of this form, so that text order is time order.
  static constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  const bool good = std::ranges::equal(text, kForm, [](char c, char form) {
    return form == '0' ? c >= '0' && c <= '9' : c == form;
  });
  return good ? std::string() : "must be a time such as 2026-01-31T08:00:00Z";
}

}  // namespace

void read_metadata(Reader& document, bool namespaced, Metadata& out) {
  if (!document.require("metadata")) return;
  document.object("metadata", [&](Reader& metadata) {
    if (metadata.require("name")) metadata.text("name", out.name.name, check_object_name);
    if (namespaced) {
      out.name.name_space = "default";
      // A name in the wrong namespace would be another object's.
      const bool bad = metadata.has("namespace") &&
                       !metadata.text("namespace", out.name.name_space, check_label_name);
      if (bad) out.name.name.clear();
    } else if (metadata.has("namespace")) {
      metadata.refuse("namespace", "this kind has no namespace");
    }
    metadata.text_map("labels", out.labels, kLabelsMax, check_label_key, check_label_value);
    metadata.text_map("annotations", out.annotations, kLabelsMax, check_label_key, nullptr,
                      kAnnotationBytesMax);
    metadata.text("creationTimestamp", out.created, check_time);
    const config::Value* generation = metadata.find("generation");
    if (generation != nullptr) {
      out.generation =
          static_cast<std::uint64_t>(std::max<std::int64_t>(generation->as_int().value_or(0), 0));
    }
    // What the API server adds to an object that is read back from it.
    for (const char* key :
         {"resourceVersion", "uid", "managedFields", "finalizers", "ownerReferences", "selfLink"}) {
      metadata.pass(key);
    }
  });
}

bool selects(const Labels& selector, const Labels& labels) {
  return !selector.empty() && std::ranges::all_of(selector, [&](const auto& pair) {
    const auto found = labels.find(pair.first);
    return found != labels.end() && found->second == pair.second;
  });
}

}  // namespace weft::control
