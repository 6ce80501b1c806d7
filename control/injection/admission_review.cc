#include "control/injection/admission_review.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/injection/injection.h"
#include "control/model/object.h"
#include "control/model/objections.h"
#include "sidecar/config/document.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

constexpr const char* kReviewVersion = "admission.k8s.io/v1";
constexpr std::size_t kUidMax = 256;
// Kubernetes shows the first 4,096 bytes of all warnings and cuts each at 256.
constexpr std::size_t kWarningsMax = 16;
constexpr std::size_t kWarningBytesMax = 240;
constexpr std::size_t kMessageBytesMax = 2048;

// What was asked, as far as it can be understood.
struct Review {
  Json whole;
  const Json* request = nullptr;
  std::string uid;
  std::string wrong;  // empty: it is a review
};

std::string one_line(std::string_view text, std::size_t bytes_max) {
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    out += c == '\n' ? ';' : static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return out;
}

Review read_review(std::string_view body) {
  Review review;
  review.whole = parse_json(body);
  if (review.whole.is_discarded()) {
    review.wrong = "the body is no JSON, or larger or deeper than weft reads";
    return review;
  }
  review.request = member(&review.whole, "request");
  review.uid = text_of(member(review.request, "uid")).substr(0, kUidMax);
  const std::string version = text_of(member(&review.whole, "apiVersion"));
  if (version != kReviewVersion || text_of(member(&review.whole, "kind")) != "AdmissionReview") {
    review.wrong =
        fmt::format("want an AdmissionReview of {}, found {} {}", kReviewVersion,
                    escape(version, 80), escape(text_of(member(&review.whole, "kind")), 80));
  } else if (review.request == nullptr || !review.request->is_object()) {
    review.wrong = "the review has no request";
  } else if (review.uid.empty()) {
    review.wrong = "the request has no uid";
  }
  return review;
}

class AnswerWriter final {
 public:
  explicit AnswerWriter(const Review& review) {
    response_ = {{"uid", review.uid}, {"allowed", true}};
  }
  void refuse(int code, const std::string& message) {
    response_["allowed"] = false;
    response_["status"] = {{"code", code}, {"message", one_line(message, kMessageBytesMax)}};
  }
  void patch(const Json& ops) {
    const std::string text = print_json(ops);
    std::string encoded(base64_size(text.size()), '=');
    encode_base64(as_bytes(text), encoded);
    response_["patchType"] = "JSONPatch";
    response_["patch"] = std::move(encoded);
  }
  void warn(const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings) {
      Json& list = response_["warnings"];
      if (list.size() >= kWarningsMax) return;
      list.push_back("weft: " + one_line(warning, kWarningBytesMax));
    }
  }
  // Keys become <webhook's name>/<key> in the API server's audit log.
  void audit(const char* key, const std::string& value) {
    response_["auditAnnotations"][key] = one_line(value, kMessageBytesMax);
  }
  [[nodiscard]] std::string text() const {
    return print_json(
        {{"apiVersion", kReviewVersion}, {"kind", "AdmissionReview"}, {"response", response_}});
  }

 private:
  Json response_;
};

ReviewAnswer malformed(const Review& review) {
  AnswerWriter answer(review);
  answer.refuse(400, "weft: " + review.wrong);
  return {.verdict = ReviewVerdict::kMalformed, .message = review.wrong, .body = answer.text()};
}

ReviewAnswer allowed(const Review& review) {
  return {.verdict = ReviewVerdict::kAllowed, .body = AnswerWriter(review).text()};
}

std::string name_in_review(const Json& object, const std::string& name_space) {
  const Json* metadata = member(&object, "metadata");
  std::string name = text_of(member(metadata, "name"));
  if (name.empty()) name = text_of(member(metadata, "generateName"));
  return name_space + "/" + name;
}

// The namespace of the request counts: a pod's own may be missing, and is checked later.
std::string namespace_of(const Json& request, const Json& object) {
  std::string name = text_of(member(&request, "namespace"));
  if (name.empty()) name = text_of(member(member(&object, "metadata"), "namespace"));
  return name.empty() ? "default" : name;
}

std::string drop_position(const std::string& mistake) {
  // "object:1:120: spec.rules: …": an object of the API has no lines.
  if (!mistake.starts_with("object:")) return mistake;
  const std::size_t at = mistake.find(": ");
  return at == std::string::npos ? mistake : mistake.substr(at + 2);
}

// Whether it is anybody's but the mesh's.
bool is_of_others(const Json& object) {
  const std::string version = text_of(member(&object, "apiVersion"));
  const Json* spec = member(&object, "spec");
  if (version.starts_with("gateway.networking.k8s.io/") &&
      text_of(member(&object, "kind")).ends_with("Route")) {
    const Json& parents = list_of(member(spec, "parentRefs"));
    return std::ranges::none_of(parents, [](const Json& parent) {
      const std::string kind = text_of(member(&parent, "kind"));
      return kind == "Service" || kind == "ServiceEntry";
    });
  }
  if (version.starts_with("networking.istio.io/")) {
    const Json& gateways = list_of(member(spec, "gateways"));
    return !gateways.empty() &&
           std::ranges::none_of(gateways, [](const Json& gateway) { return gateway == "mesh"; });
  }
  return false;
}

}  // namespace

std::string_view name_of(ReviewVerdict verdict) {
  switch (verdict) {
    case ReviewVerdict::kPatched:
      return "patched";
    case ReviewVerdict::kAllowed:
      return "allowed";
    case ReviewVerdict::kRefused:
      return "refused";
    case ReviewVerdict::kMalformed:
      return "malformed";
  }
  return {};
}

ReviewAnswer review_injection(std::string_view body, InjectionContext context) {
  const Review review = read_review(body);
  if (!review.wrong.empty()) return malformed(review);
  const Json* object = member(review.request, "object");
  const bool pod = text_of(member(member(review.request, "kind"), "kind")) == "Pod" &&
                   member(review.request, "subResource") == nullptr;
  if (!pod || text_of(member(review.request, "operation")) != "CREATE") return allowed(review);
  AnswerWriter answer(review);
  ReviewAnswer out;
  if (object == nullptr) {
    Review broken = review;
    broken.wrong = "the request has no object";
    return malformed(broken);
  }
  context.name_space = namespace_of(*review.request, *object);
  out.about = name_in_review(*object, context.name_space);
  const Result<Injection> done = inject(*object, context);
  if (!done) {
    out.verdict = ReviewVerdict::kRefused;
    out.message = done.error().detail;
    answer.refuse(400, "weft: " + out.message);
  } else {
    out.verdict = done->injected() ? ReviewVerdict::kPatched : ReviewVerdict::kAllowed;
    out.reason = done->reason;
    out.message = done->detail;
    if (done->injected()) answer.patch(make_patch(*object, done->pod));
    if (done->disappoints) answer.warn({"no sidecar: " + done->detail});
    answer.warn(done->warnings);
    answer.audit("injection", std::string(name_of(done->reason)));
  }
  out.body = answer.text();
  return out;
}

ReviewAnswer review_object(std::string_view body, WallTime now) {
  const Review review = read_review(body);
  if (!review.wrong.empty()) return malformed(review);
  const Json* object = member(review.request, "object");
  const std::string operation = text_of(member(review.request, "operation"));
  // Of a deletion there is no object.
  if (object == nullptr || (operation != "CREATE" && operation != "UPDATE") ||
      is_of_others(*object)) {
    return allowed(review);
  }
  ReviewAnswer out;
  out.about = name_in_review(*object, namespace_of(*review.request, *object));
  AnswerWriter answer(review);
  std::vector<std::string> mistakes;
  std::vector<std::string> notes;
  const auto document = config::parse_documents(print_json(*object), "object");
  if (!document) {
    mistakes.push_back(document.error().detail);
  } else if (!document->empty()) {
    const ReadObject read = read_object(document->front());
    mistakes = read.mistakes;
    notes = read.notes;
    if (read.object) {
      for (std::string objection :
           {objection_to_nowhere(*read.object), objection_to_times(*read.object, now)}) {
        if (!objection.empty()) mistakes.push_back(std::move(objection));
      }
    }
  }
  for (const std::string& mistake : mistakes)
    out.message += (out.message.empty() ? "" : "\n") + drop_position(mistake);
  std::ranges::transform(notes, notes.begin(), drop_position);
  if (!mistakes.empty()) {
    out.verdict = ReviewVerdict::kRefused;
    answer.refuse(422, out.message);
  }
  answer.warn(notes);
  out.body = answer.text();
  return out;
}

}  // namespace weft::control::injection
