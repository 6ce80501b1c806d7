#include "control/kubernetes/kube_token_reviewer.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/kubernetes/json.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

constexpr std::string_view kAccountPrefix = "system:serviceaccount:";
constexpr const char* kReviewPath = "/apis/authentication.k8s.io/v1/tokenreviews";

tl::unexpected<SigningError> deny(Signing what, std::string why) {
  return tl::unexpected<SigningError>(SigningError{what, std::move(why)});
}

bool holds_text(const Json& list, std::string_view wanted) {
  return std::ranges::any_of(list, [&](const Json& one) { return one == wanted; });
}

}  // namespace

tl::expected<ObjectName, SigningError> judge_review(std::uint16_t status, std::string_view body) {
  if (status != 200 && status != 201) {
    return deny(Signing::kInternal,
                fmt::format("the API server answers the review with {}", status));
  }
  const Json answer = parse_json(body);
  const Json* said = find(answer, {"status"});
  if (said == nullptr || !said->is_object()) {
    return deny(Signing::kInternal, "the API server's review cannot be read");
  }
  if (!flag_at(*said, {"authenticated"}, false)) {
    const std::string why = text_at(*said, {"error"});
    return deny(Signing::kBadToken, "the API server does not know the token" +
                                        (why.empty() ? "" : ": " + escape(why, 256)));
  }
  if (!holds_text(list_at(*said, {"audiences"}), pod::kTokenAudience)) {
    return deny(Signing::kBadToken,
                fmt::format("the token was not made for {}", pod::kTokenAudience));
  }
  const std::string user = text_at(*said, {"user", "username"});
  const bool account = user.starts_with(kAccountPrefix) &&
                       holds_text(list_at(*said, {"user", "groups"}), "system:serviceaccounts");
  const std::size_t colon = account ? user.find(':', kAccountPrefix.size()) : std::string::npos;
  if (colon == std::string::npos) {
    return deny(Signing::kBadToken, "the token is no ServiceAccount's");
  }
  ObjectName name{.name_space = user.substr(kAccountPrefix.size(), colon - kAccountPrefix.size()),
                  .name = user.substr(colon + 1)};
  if (!check_label_name(name.name_space).empty() || !check_object_name(name.name).empty()) {
    return deny(Signing::kBadToken, "the token is no ServiceAccount's");
  }
  return name;
}

class KubeTokenReviewer::Asking final : public Review, public http::CallHolder {
 public:
  Asking(KubeTokenReviewer& owner, std::string_view token, Holder& holder)
      : owner_(owner), holder_(holder) {
    ++owner_.under_way_;
    owner_.stats_.asked.add();
    const Json body = {{"apiVersion", "authentication.k8s.io/v1"},
                       {"kind", "TokenReview"},
                       {"spec", {{"token", token}, {"audiences", {pod::kTokenAudience}}}}};
    call_ = owner.client_.send({.method = "POST",
                                .target = kReviewPath,
                                .body = body.dump(-1, ' ', true, Json::error_handler_t::replace)},
                               *this);
  }
  ~Asking() override { --owner_.under_way_; }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    const auto name = judge_review(response.head.status, response.body);
    if (name) {
      owner_.stats_.authenticated.add();
      return holder_.on_reviewed(name->name_space, name->name);
    }
    (name.error().what == Signing::kInternal ? owner_.stats_.failed : owner_.stats_.refused).add();
    holder_.on_review_failed(name.error());
  }
  void on_failure(http::Call&, const Error& error) override {
    owner_.stats_.failed.add();
    const SigningError failed{Signing::kInternal, "the API server was asked: " + error.detail};
    holder_.on_review_failed(failed);
  }

 private:
  KubeTokenReviewer& owner_;
  Holder& holder_;
  std::unique_ptr<http::Call> call_;
};

std::unique_ptr<TokenReviewer::Review> KubeTokenReviewer::review(std::string_view token,
                                                                 Holder& holder) {
  if (under_way_ >= kAtOnceMax) return nullptr;
  // A longer one is nobody's, and is not carried on.
  return std::make_unique<Asking>(*this, token.substr(0, kTokenBytesMax), holder);
}

}  // namespace weft::control::kube
