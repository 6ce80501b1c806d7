#include "control/kubernetes/webhook_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sidecar/core/base64.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

constexpr std::string_view kAdmission = "admissionregistration.k8s.io";

std::string base64_bundle(std::string_view pem) {
  std::string out(base64_size(pem.size()), '\0');
  encode_base64(as_bytes(pem), out);
  return out;
}

Resource configurations(std::string_view plural, std::string_view kind, std::string_view name) {
  return {.name = plural,
          .group = kAdmission,
          .versions = {"v1"},
          .plural = plural,
          .kind = kind,
          .always_there = true,
          .only = name};
}

}  // namespace

std::string bundle_patch(const Json& configuration, const std::string& bundle) {
  Json patch = Json::array();
  const Json& webhooks = list_at(configuration, {"webhooks"});
  for (std::size_t at = 0; at < std::min(webhooks.size(), WebhookKeeper::kWebhooksMax); ++at) {
    // One that calls a URL is somebody's own affair.
    if (find(webhooks[at], {"clientConfig", "service"}) == nullptr) continue;
    if (text_at(webhooks[at], {"clientConfig", "caBundle"}) == bundle) continue;
    const std::string path = fmt::format("/webhooks/{}/", at);
    patch.push_back(
        {{"op", "test"}, {"path", path + "name"}, {"value", text_at(webhooks[at], {"name"})}});
    patch.push_back({{"op", "add"}, {"path", path + "clientConfig/caBundle"}, {"value", bundle}});
  }
  if (patch.empty()) return {};
  Json version = {{"op", "test"},
                  {"path", "/metadata/resourceVersion"},
                  {"value", text_at(configuration, {"metadata", "resourceVersion"})}};
  patch.insert(patch.begin(), std::move(version));
  return print_json(patch);
}

// One configuration, as it is now.
class WebhookKeeper::Kept final : public Reflector::Store,
                                  public http::CallHolder,
                                  public TimerSink {
 public:
  Kept(WebhookKeeper& keeper, const Resource& resource, const Reflector::Options& options)
      : feed(keeper.turn_, keeper.client_, keeper, resource, *this, keeper.random_, options),
        keeper_(keeper),
        target_(fmt::format("{}/{}", resource.path(0), resource.only)),
        pause_(keeper.turn_.timers(), *this) {}

  void stop() {
    feed.stop();
    call_.reset();
    pause_.cancel();
  }

  void on_list_begun() override { staged_ = Json(); }
  void on_list_item(const ObjectName&, Json&& object) override { staged_ = std::move(object); }
  void on_listed() override {
    now_ = std::exchange(staged_, Json());
    look();
  }
  void on_put(const ObjectName&, Json&& object) override {
    now_ = std::move(object);
    look();
  }
  void on_removed(const ObjectName&) override { now_ = Json(); }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    const std::unique_ptr<http::Call> done = std::move(call_);
    const std::uint16_t status = response.head.status;
    if (status != 200) {
      return try_later(fmt::format("the API server answers {}: {}", status,
                                   text_at(parse_json(response.body), {"message"})));
    }
    keeper_.stats_.patched.add();
    WEFT_LOG(kInfo, "{}: the caBundle is the mesh's root again", target_);
    // Its new version comes by the watch; whoever writes another one each time is not raced.
    pause_.arm(std::max<Duration>(backoff_.next(keeper_.random_), std::chrono::milliseconds(100)));
  }
  void on_failure(http::Call&, const Error& error) override {
    const std::unique_ptr<http::Call> done = std::move(call_);
    try_later(error.detail);
  }
  void on_timer(Timer&) override { look(); }

  ResourceFeed feed;

 private:
  void look() {
    if (call_ != nullptr || pause_.armed() || !now_.is_object()) return;
    std::string patch = bundle_patch(now_, keeper_.bundle_);
    if (patch.empty()) return backoff_.reset();
    call_ = keeper_.client_.send({.method = "PATCH",
                                  .target = target_ + "?fieldManager=weft-control-ca",
                                  .content_type = "application/json-patch+json",
                                  .body = std::move(patch)},
                                 *this);
  }
  void try_later(const std::string& why) {
    keeper_.stats_.failures.add();
    WEFT_LOG_LIMITED(kWarn, "{}: {}", target_, escape(why, 256));
    pause_.arm(std::max<Duration>(backoff_.next(keeper_.random_), std::chrono::milliseconds(100)));
  }

  WebhookKeeper& keeper_;
  const std::string target_;
  Timer pause_;
  Backoff backoff_{std::chrono::milliseconds(500), std::chrono::seconds(30)};
  std::unique_ptr<http::Call> call_;
  Json staged_;
  Json now_;
};

WebhookKeeper::WebhookKeeper(Turn& turn, KubeClient& client, Random& random, const Options& options)
    : turn_(turn),
      client_(client),
      random_(random),
      injector_("weft-injector"),
      validator_("weft-validator") {
  if (options.revision != "default") {
    injector_ += "-" + options.revision;
    validator_ += "-" + options.revision;
  }
  for (const Resource& resource :
       {configurations("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", injector_),
        configurations("validatingwebhookconfigurations", "ValidatingWebhookConfiguration",
                       validator_)}) {
    kept_.push_back(std::make_unique<Kept>(*this, resource, options.reflector));
  }
}

WebhookKeeper::~WebhookKeeper() = default;

void WebhookKeeper::start(const std::string& root_pem) {
  bundle_ = base64_bundle(root_pem);
  for (const auto& kept : kept_) kept->feed.start();
}

void WebhookKeeper::stop() {
  for (const auto& kept : kept_) kept->stop();
}

void WebhookKeeper::on_heard_again() {
  for (const auto& kept : kept_) kept->feed.hurry();
}

std::vector<const ResourceFeed*> WebhookKeeper::feeds() const {
  std::vector<const ResourceFeed*> out;
  for (const auto& kept : kept_) out.push_back(&kept->feed);
  return out;
}

}  // namespace weft::control::kube
