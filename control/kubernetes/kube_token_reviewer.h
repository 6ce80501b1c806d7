#pragma once
// KubeTokenReviewer: asks the API server whose projected token this is (authentication.k8s.io/v1
// TokenReview).
//
// Believed is only a token that was made for our audience and names a ServiceAccount: a token for
// the API server itself proves nothing here, as whoever we showed it to could be it there. Nothing
// is remembered. Owner: Control. Thread: its loop's. Source: mesh-standards' CSR flow; Kubernetes
// TokenReview.

#include <memory>
#include <string>

#include "control/kubernetes/kube_client.h"
#include "control/model/names.h"
#include "control/token_reviewer.h"

namespace weft::control::kube {

class KubeTokenReviewer final : public TokenReviewer {
 public:
  static constexpr std::size_t kAtOnceMax = 64;
  static constexpr std::size_t kTokenBytesMax = 16 * 1024;
  struct Stats {
    Counter asked;
    Counter authenticated;
    Counter refused;
    Counter failed;  // no answer that could be understood
  };

  explicit KubeTokenReviewer(KubeClient& client) : client_(client) {}
  KubeTokenReviewer(const KubeTokenReviewer&) = delete;
  KubeTokenReviewer& operator=(const KubeTokenReviewer&) = delete;

  [[nodiscard]] std::unique_ptr<Review> review(std::string_view token, Holder& holder) override;
  [[nodiscard]] const Stats& stats() const { return stats_; }

 private:
  class Asking;

  KubeClient& client_;
  std::size_t under_way_ = 0;
  Stats stats_;
};

// What a TokenReview's answer proves: namespace and account, or why nothing. Pure.
[[nodiscard]] tl::expected<ObjectName, SigningError> judge_review(std::uint16_t status,
                                                                  std::string_view body);

}  // namespace weft::control::kube
