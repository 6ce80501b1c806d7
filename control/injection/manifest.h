#pragma once
// Manifest: files as people apply them, and the pods in them: several documents of YAML or JSON,
// Lists, and everything that makes pods from a template.
//
// A document in which nothing changes is given back as it was written, comments and all; one that
// changes is written anew. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "control/injection/injection_context.h"
#include "control/json.h"
#include "sidecar/core/result.h"

namespace weft::control::injection {

enum class ManifestTask : std::uint8_t { kInject, kUninject };

struct ManifestChange {
  std::string object;  // "Deployment shop/cart"
  bool changed = false;
  std::string detail;  // why not
  std::vector<std::string> warnings;
  Json patch;  // RFC 6902, of the whole document; only when it changed
};

struct ManifestResult {
  std::string text;  // all documents, changed or not
  std::vector<ManifestChange> changes;
};

// `source` names the file in messages. kInvalid: the first document that cannot be read or obeyed.
[[nodiscard]] Result<ManifestResult> change_manifest(std::string_view text, std::string_view source,
                                                     ManifestTask task,
                                                     const InjectionContext& context, bool json);

}  // namespace weft::control::injection
