#include "control/model/reference_grant.h"

namespace weft::control {

namespace {

void read_side(Reader& spec, std::string_view key, bool from) {
  spec.require(key);
  spec.each(key, ReferenceGrant::kItemsMax, [&](Reader& item) {
    std::string text;
    item.pass("group");
    if (item.require("kind")) item.text("kind", text);
    if (from) {
      if (item.require("namespace")) item.text("namespace", text, check_label_name);
    } else {
      item.text("name", text, check_object_name);
    }
  });
}

}  // namespace

ReferenceGrant read_reference_grant(Reader& document) {
  ReferenceGrant out;
  read_metadata(document, true, out.metadata);
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    read_side(spec, "from", true);
    read_side(spec, "to", false);
  });
  document.note("spec", "has no effect here: in a mesh no grant is needed for a backendRef");
  return out;
}

}  // namespace weft::control
