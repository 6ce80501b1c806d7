#include "control/kubernetes/root_secret.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/authority.h"
#include "control/kubernetes/json.h"
#include "control/kubernetes/resource.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/log.h"
#include "tls/primitives.h"

namespace weft::control::kube {

namespace {

std::string secrets_path() {
  return Resource::path_of("", "v1", Authority::kOwnNamespace, "secrets");
}

std::string base64_of(std::string_view bytes) {
  std::string out(base64_size(bytes.size()), '\0');
  encode_base64(as_bytes(bytes), out);
  return out;
}

}  // namespace

RootSecret::RootSecret(Turn& turn, KubeClient& client, Random& random, Owner& owner)
    : client_(client), random_(random), owner_(owner), pause_(turn.timers(), *this) {}

RootSecret::~RootSecret() { tls::wipe(pem_); }

void RootSecret::look() {
  creating_ = false;
  ask();
}

void RootSecret::create(std::string pem) {
  pem_ = std::move(pem);
  creating_ = true;
  ask();
}

void RootSecret::ask() {
  if (!creating_) {
    call_ = client_.send({.target = secrets_path() + "/" + kName}, *this);
    return;
  }
  const Json secret = {{"apiVersion", "v1"},
                       {"kind", "Secret"},
                       {"metadata",
                        {{"name", kName},
                         {"namespace", Authority::kOwnNamespace},
                         {"labels", {{"app.kubernetes.io/managed-by", "weft"}}}}},
                       {"type", "Opaque"},
                       {"data", {{kEntry, base64_of(pem_)}}}};
  call_ = client_.send({.method = "POST", .target = secrets_path(), .body = secret.dump()}, *this);
}

void RootSecret::try_later(std::string why, Duration at_least) {
  if (why != problem_) WEFT_LOG(kWarn, "the root's Secret: {}", why);
  problem_ = std::move(why);
  pause_.arm(std::max({backoff_.next(random_), Duration(std::chrono::milliseconds(100)),
                       std::min<Duration>(at_least, std::chrono::minutes(1))}));
}

void RootSecret::on_secret(const std::string& body) {
  const Json secret = Json::parse(body, nullptr, false);
  std::optional<std::string> pem = decode_base64(text_at(secret, {"data", kEntry}));
  // One that somebody has emptied is not made anew: certificates of the old root are about.
  if (!pem || pem->empty()) {
    return try_later(fmt::format("{} holds no {}", kName, kEntry), std::chrono::seconds(30));
  }
  problem_.clear();
  tls::wipe(pem_);
  pem_.clear();
  owner_.on_root(*pem);
  tls::wipe(*pem);
}

void RootSecret::on_response(http::Call&, http::ClientResponse&& response) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  const std::uint16_t status = response.head.status;
  if (status == 200 || status == 201) return on_secret(response.body);
  if (creating_ && status == 409) return look();  // somebody else was first
  if (!creating_ && status == 404) {
    // After a create that was lost between two answers.
    if (!pem_.empty()) return create(std::move(pem_));
    return owner_.on_no_root();
  }
  try_later(fmt::format("the API server answers {}", status), retry_after_of(response.head));
}

void RootSecret::on_failure(http::Call&, const Error& error) {
  const std::unique_ptr<http::Call> done = std::move(call_);
  // Whether it was created is not known; trying again finds out (409).
  try_later(error.detail);
}

void RootSecret::on_timer(Timer&) { ask(); }

}  // namespace weft::control::kube
