#pragma once
// AdmissionReview: the API server's question about an object, and our answer: admission.k8s.io/v1,
// JSON in and JSON out.
//
// Whatever comes, the answer is a v1 review with the uid echoed where there is one: what is no
// review is refused with a message, what need not be touched is allowed without a patch, and
// nothing is dropped in silence. Pure; bounded by parse_json(). Source: mesh-standards 3.1.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/injection/injection_context.h"
#include "control/injection/injection_reason.h"
#include "control/json.h"
#include "sidecar/core/clock.h"

namespace weft::control::injection {

enum class ReviewVerdict : std::uint8_t {
  kPatched,    // allowed, with a patch
  kAllowed,    // allowed as it is
  kRefused,    // the object cannot be obeyed
  kMalformed,  // no review
};
inline constexpr std::size_t kReviewVerdicts =
    static_cast<std::size_t>(ReviewVerdict::kMalformed) + 1;
[[nodiscard]] std::string_view name_of(ReviewVerdict verdict);

struct ReviewAnswer {
  ReviewVerdict verdict = ReviewVerdict::kAllowed;
  // Of an injection: why, for metrics. kInjected when it was none.
  InjectionReason reason = InjectionReason::kInjected;
  std::string about;  // "shop/cart-", for logs; may hold bytes from outside
  std::string message;
  std::string body;  // the answer
};

// `context` without namespace: the request says where.
[[nodiscard]] ReviewAnswer review_injection(std::string_view body, InjectionContext context);
// Objects that weft reads: refused with their mistakes, allowed with their notes as warnings. What
// others own is let through: a route that hangs on no Service, a VirtualService of a gateway.
[[nodiscard]] ReviewAnswer review_object(std::string_view body, WallTime now);

}  // namespace weft::control::injection
