#pragma once
// Schema: what weft's own kinds may hold, as JSON Schema (draft 2020-12), for editors and for
// checks without weft. Made by running each kind's reader over a Shape, so that it cannot differ
// from what is accepted; what no schema can say (limits between fields, what exists) only the
// reader says. Kinds of others have schemas of their own. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace weft::control {

// The kinds there are schemas of, in order.
[[nodiscard]] std::vector<std::string> kinds_with_schema();

// Of one kind, or of a document of any of them where `kind` is empty. Empty when there is none.
[[nodiscard]] std::string schema_of(std::string_view kind);

// The same of one kind before it is a JSON Schema: with the rules between fields and the keys of
// lists, in the words of Kubernetes (shape.h). JSON text, empty when there is none.
[[nodiscard]] std::string shape_of(std::string_view kind);

}  // namespace weft::control
