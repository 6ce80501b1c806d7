// What an API server, or whoever plays one, may send to the webhook: bodies of admission reviews.
//
// Whatever it is: the answer is a review of v1 with a uid and a verdict, a refusal says why, and
// the same question gets the same answer. A patch can be applied to the pod that was asked about,
// and asking about the patched pod gets none.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "control/injection/admission_review.h"
#include "control/injection/pod_wishes.h"
#include "control/json.h"
#include "sidecar/core/base64.h"

namespace {

using namespace weft::control;

void review_require(bool holds) {
  if (!holds) std::abort();
}

// Returns the patch, where there is one.
std::optional<Json> judge_answer(const injection::ReviewAnswer& answer) {
  using injection::ReviewVerdict;
  const Json body = parse_json(answer.body);
  review_require(text_at(body, {"apiVersion"}) == "admission.k8s.io/v1");
  review_require(text_at(body, {"kind"}) == "AdmissionReview");
  const Json* response = find(body, {"response"});
  review_require(response != nullptr && response->at("uid").is_string());
  const bool allowed = response->at("allowed").get<bool>();
  review_require(allowed == (answer.verdict == ReviewVerdict::kPatched ||
                             answer.verdict == ReviewVerdict::kAllowed));
  if (!allowed) {
    review_require(!text_at(*response, {"status", "message"}).empty());
    for (const char c : text_at(*response, {"status", "message"}))
      review_require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  }
  review_require(response->contains("patch") == (answer.verdict == ReviewVerdict::kPatched));
  if (!response->contains("patch")) return std::nullopt;
  review_require(text_at(*response, {"patchType"}) == "JSONPatch");
  const auto patch = weft::decode_base64(text_at(*response, {"patch"}));
  review_require(patch.has_value());
  Json ops = Json::parse(*patch, nullptr, false);
  review_require(ops.is_array() && !ops.empty());
  return ops;
}

void judge_injection_of(std::string_view body, const injection::InjectionContext& context) {
  const injection::ReviewAnswer answer = injection::review_injection(body, context);
  review_require(injection::review_injection(body, context).body == answer.body);
  const std::optional<Json> patch = judge_answer(answer);
  if (!patch) return;
  Json review = parse_json(body);
  Json& object = review["request"]["object"];
  object = object.patch(*patch);
  const std::string again = print_json(review);
  // A patched pod may be larger than what is read.
  if (again.size() > kJsonBytesMax) return;
  review_require(!judge_answer(injection::review_injection(again, context)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  injection::InjectionContext context;
  judge_injection_of(body, context);
  context.namespace_labels[injection::kInjectLabel] = "enabled";
  judge_injection_of(body, context);
  context.native = false;
  judge_injection_of(body, context);
  const weft::WallTime now{};
  const injection::ReviewAnswer answer = injection::review_object(body, now);
  review_require(!judge_answer(answer));
  review_require(injection::review_object(body, now).body == answer.body);
  return 0;
}
