#include "control/check/cluster_reader.h"

#include <fmt/format.h>

#include <utility>

#include "control/authority.h"
#include "control/kubernetes/json.h"
#include "control/kubernetes/resource.h"
#include "control/kubernetes/root_secret.h"

namespace weft::control::check {

namespace {

using kube::Resource;

constexpr std::string_view kWebhooksGroup = "admissionregistration.k8s.io";
constexpr std::string_view kReviewsGroup = "authorization.k8s.io";

// As the API server sees the account whose rights are asked about.
Json account_of(const std::string& revision_suffix) {
  const std::string name_space(Authority::kOwnNamespace);
  return {
      {"user", fmt::format("system:serviceaccount:{}:{}{}", name_space, Authority::kOwnAccount,
                           revision_suffix)},
      {"groups",
       {"system:serviceaccounts", "system:serviceaccounts:" + name_space, "system:authenticated"}}};
}

}  // namespace

ClusterReader::ClusterReader(kube::KubeClient& client, Owner& owner, Options options)
    : client_(client), owner_(owner), options_(std::move(options)) {
  facts_.server = options_.server;
  facts_.revision = options_.revision.empty() ? "default" : options_.revision;
}

void ClusterReader::start() {
  ask({.target = "/version"}, false, [this](Heard&& heard) {
    if (!heard.failure.empty()) {
      problem_ =
          fmt::format("the API server at {} cannot be asked: {}", facts_.server, heard.failure);
      return;
    }
    facts_.version = read_answer(heard.status, heard.body);
    if (heard.status == 401) {
      problem_ = fmt::format("the API server at {} does not know who we are (401)", facts_.server);
    }
  });
  advance();
}

void ClusterReader::ask(kube::KubeRequest request, bool list, Take take) {
  waiting_.push_back({.request = std::move(request), .list = list, .take = std::move(take)});
}

void ClusterReader::ask_object(const std::string& target, Answer& into, bool list) {
  ask({.target = target}, list, [&into](Heard&& heard) {
    if (heard.failure.empty()) {
      into = read_answer(heard.status, heard.body);
    } else {
      into.problem = heard.failure;
    }
  });
}

void ClusterReader::ask_permission(const Permission& permission) {
  const std::string suffix = options_.revision.empty() ? "" : "-" + options_.revision;
  const bool self = options_.before_install;
  Json spec = self ? Json::object() : account_of(suffix);
  spec["resourceAttributes"] = permission.attributes();
  const Json review = {{"apiVersion", std::string(kReviewsGroup) + "/v1"},
                       {"kind", self ? "SelfSubjectAccessReview" : "SubjectAccessReview"},
                       {"spec", std::move(spec)}};
  ask({.method = "POST",
       .target = Resource::path_of(kReviewsGroup, "v1", "",
                                   self ? "selfsubjectaccessreviews" : "subjectaccessreviews"),
       .body = review.dump()},
      false, [this, permission](Heard&& heard) {
        AnsweredPermission out{.permission = permission, .problem = heard.failure};
        if (out.problem.empty()) {
          const Answer answer = read_answer(heard.status, heard.body);
          out.allowed = flag_at(answer.object, {"status", "allowed"}, false);
          out.problem = answer.absent ? "there are no access reviews" : answer.problem;
        }
        facts_.permissions.push_back(std::move(out));
      });
}

void ClusterReader::ask_everything() {
  const std::string own(Authority::kOwnNamespace);
  const std::string suffix = options_.revision.empty() ? "" : "-" + options_.revision;
  for (const std::string& name : options_.definitions) {
    ask_object(Resource::path_of("apiextensions.k8s.io", "v1", "", "customresourcedefinitions") +
                   "/" + name,
               facts_.definitions[name]);
  }
  ask_object("/api/v1/namespaces/" + own, facts_.name_space);
  ask_object(Resource::path_of("apps", "v1", own, "deployments") + "/weft-control" + suffix,
             facts_.deployment);
  ask_object(Resource::path_of("", "v1", own, "secrets") + "/" + kube::RootSecret::kName,
             facts_.root);
  ask_object(Resource::path_of(kWebhooksGroup, "v1", "", "mutatingwebhookconfigurations") +
                 "/weft-injector" + suffix,
             facts_.injector);
  ask_object(Resource::path_of(kWebhooksGroup, "v1", "", "validatingwebhookconfigurations") +
                 "/weft-validator" + suffix,
             facts_.validator);
  ask({.target = Resource::path_of("", "v1", own, "services") + "/weft-control" + suffix +
                 ":http-metrics/proxy/metrics"},
      false, [this](Heard&& heard) {
        if (heard.status == 200) {
          facts_.figures = std::move(heard.body);
        } else {
          facts_.figures_problem = heard.failure.empty()
                                       ? fmt::format("the API server answers {}", heard.status)
                                       : heard.failure;
        }
      });
  ask_object("/api/v1/namespaces", facts_.namespaces, true);
  ask_object("/api/v1/resourcequotas", facts_.quotas, true);
  ask_object("/api/v1/limitranges", facts_.ranges, true);
  for (const Permission& permission : options_.permissions) ask_permission(permission);
}

void ClusterReader::ask_pods(const std::string& from) {
  std::string target = fmt::format("/api/v1/pods?limit={}", kPodsPage);
  if (!from.empty()) target += "&continue=" + kube::percent_encode(from);
  ask({.target = std::move(target)}, true, [this](Heard&& heard) {
    if (!heard.failure.empty()) {
      facts_.pods_problem = heard.failure;
    } else if (heard.status != 200) {
      facts_.pods_problem = fmt::format("the API server answers {}", heard.status);
    } else if (const std::string next = take_pods(heard.body, facts_); !next.empty()) {
      if (++pages_ < kPagesMax) return ask_pods(next);
      facts_.pods_problem = "there are too many of them";
    }
  });
}

void ClusterReader::advance() {
  while (!waiting_.empty() && running_.size() < kCallsMax) {
    Question question = std::move(waiting_.front());
    waiting_.pop_front();
    std::unique_ptr<http::Call> call = question.list
                                           ? client_.list(question.request.target, *this)
                                           : client_.send(std::move(question.request), *this);
    const http::Call* key = call.get();
    running_[key] = {.call = std::move(call), .take = std::move(question.take)};
  }
  if (!running_.empty()) return;
  switch (stage_) {
    case Stage::kVersion:
      stage_ = problem_.empty() ? Stage::kQuestions : Stage::kDone;
      if (problem_.empty()) {
        ask_everything();
        return advance();
      }
      break;
    case Stage::kQuestions:
      take_namespaces(facts_);
      if (options_.before_install) {
        stage_ = Stage::kDone;  // whether a pod is meshed is not asked before anything could be
        break;
      }
      stage_ = Stage::kPods;
      ask_pods("");
      return advance();
    case Stage::kPods:
      stage_ = Stage::kDone;
      break;
    case Stage::kDone:
      return;
  }
  owner_.on_read();
}

void ClusterReader::on_heard(http::Call& call, Heard&& heard) {
  auto node = running_.extract(&call);
  node.mapped().take(std::move(heard));
  advance();
}

void ClusterReader::on_response(http::Call& call, http::ClientResponse&& response) {
  on_heard(call, {.status = response.head.status, .body = std::move(response.body)});
}

void ClusterReader::on_failure(http::Call& call, const Error& error) {
  on_heard(call, {.failure = error.detail});
}

}  // namespace weft::control::check
