#pragma once
// TokenReviewer: who stands behind a token that is not one of our own: asked of whoever issued it.
//
// The answer comes later, never from inside the call; dropping the Review cancels it. Owner of the
// implementation: Control; used by the CertificateService. Thread: its loop's.

#include <memory>
#include <string>
#include <string_view>

#include "control/authority.h"

namespace weft::control {

class TokenReviewer {
 public:
  // One under way. Exactly one of the holder's calls comes, as the last act; the holder may then
  // destroy it.
  class Review {
   public:
    virtual ~Review() = default;
  };
  class Holder {
   public:
    virtual void on_reviewed(const std::string& name_space, const std::string& service_account) = 0;
    virtual void on_review_failed(const SigningError& error) = 0;

   protected:
    ~Holder() = default;
  };

  // Null when there are too many already.
  [[nodiscard]] virtual std::unique_ptr<Review> review(std::string_view token, Holder& holder) = 0;

 protected:
  ~TokenReviewer() = default;
};

}  // namespace weft::control
