#include "control/webhook.h"

#include <chrono>
#include <utility>

#include "control/injection/pod_wishes.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

bool is_json(const http::ServiceRequest& request) {
  const std::string_view type =
      request.head.headers.find(http::HeaderId::kContentType).value_or(std::string_view());
  return equals_ignore_case(trim(type.substr(0, type.find(';'))), "application/json");
}

http::Reply not_json() { return {.status = 415, .body = "want content-type: application/json\n"}; }

void tell_review(std::string_view what, const injection::ReviewAnswer& answer) {
  using enum injection::ReviewVerdict;
  const auto line = [&] {
    return fmt::format("webhook: {} {}: {}{}{}", what, escape(answer.about, 300),
                       injection::name_of(answer.verdict), answer.message.empty() ? "" : ": ",
                       escape(answer.message, 512));
  };
  if (answer.verdict == kMalformed || answer.verdict == kRefused) {
    WEFT_LOG_LIMITED(kWarn, "{}", line());
  } else if (answer.verdict == kPatched) {
    WEFT_LOG_LIMITED(kInfo, "{}", line());
  } else {
    WEFT_LOG(kDebug, "{}", line());
  }
}

http::Reply reply_with(injection::ReviewAnswer&& answer) {
  return {.content_type = "application/json", .body = std::move(answer.body)};
}

std::size_t webhook_place(auto value) { return static_cast<std::size_t>(value); }

}  // namespace

Webhook::Webhook(injection::InjectionContext context, WallTime (*wall_clock)())
    : context_(std::move(context)), wall_clock_(wall_clock) {}

void Webhook::serve(http::Service& service) {
  service.handle("POST", kInject,
                 [this](const http::ServiceRequest& request) { return inject(request, true); });
  service.handle("POST", kInjectPods,
                 [this](const http::ServiceRequest& request) { return inject(request, false); });
  service.handle("POST", kValidate,
                 [this](const http::ServiceRequest& request) { return validate(request); });
}

http::Reply Webhook::inject(const http::ServiceRequest& request, bool namespace_asks) {
  if (!is_json(request)) return not_json();
  const auto begun = std::chrono::steady_clock::now();
  injection::InjectionContext context = context_;
  if (namespace_asks) context.namespace_labels[injection::kInjectLabel] = "enabled";
  injection::ReviewAnswer answer = injection::review_injection(request.body, std::move(context));
  stats_.seconds.observe(std::chrono::steady_clock::now() - begun);
  stats_.injections[webhook_place(answer.verdict)].add();
  if (!answer.about.empty() && answer.verdict != injection::ReviewVerdict::kRefused)
    stats_.reasons[webhook_place(answer.reason)].add();
  tell_review("inject", answer);
  return reply_with(std::move(answer));
}

http::Reply Webhook::validate(const http::ServiceRequest& request) {
  if (!is_json(request)) return not_json();
  const auto begun = std::chrono::steady_clock::now();
  injection::ReviewAnswer answer = injection::review_object(request.body, wall_clock_());
  stats_.seconds.observe(std::chrono::steady_clock::now() - begun);
  stats_.validations[webhook_place(answer.verdict)].add();
  tell_review("validate", answer);
  return reply_with(std::move(answer));
}

}  // namespace weft::control
