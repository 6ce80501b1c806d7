#pragma once
// Uses: which Services an app calls, as people declare it: the annotation weft.dev/uses of a pod or
// a Workload ("shop/cart, bank/*"), or `uses` of a Workload. Its sidecar is told of these and of no
// others, so that its memory does not grow with the mesh.
//
// An entry is "namespace/service", "service" (of the own namespace), "namespace/*" or "*/*". Plain
// data; the order and the number of times in which entries are written do not matter.

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "control/model/names.h"
#include "sidecar/core/result.h"

namespace weft::control {

inline constexpr std::string_view kUsesAnnotation = "weft.dev/uses";

class Uses final {
 public:
  static constexpr std::size_t kMax = 256;  // entries
  static constexpr std::string_view kAny = "*";

  // What is wrong with one entry; empty when nothing is.
  [[nodiscard]] static std::string check(std::string_view entry);
  // Entries with commas between them, as an annotation has them. The error says which is wrong; an
  // empty text is a good one: its app calls nobody.
  [[nodiscard]] static Result<Uses> parse(std::string_view text, std::string_view own_namespace);

  // REQUIRES a good entry. False: there are kMax already.
  bool add(std::string_view entry, std::string_view own_namespace);

  [[nodiscard]] bool everything() const;
  [[nodiscard]] bool covers(const ObjectName& service) const;
  // By namespace, then name; kAny stands for all there are.
  [[nodiscard]] const std::set<ObjectName>& entries() const { return entries_; }
  // "bank/*,shop/cart": equal ones give equal texts.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const Uses&) const = default;

 private:
  std::set<ObjectName> entries_;
};

}  // namespace weft::control
