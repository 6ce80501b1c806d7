#include "tests/control/fake_api_server.h"

#include <algorithm>
#include <cstdlib>

namespace weft::control::testing {

namespace {

using Json = FakeApiServer::Json;

std::string api_query(std::string_view query, const std::string& key) {
  const std::string wanted = key + "=";
  for (std::size_t at = 0; at < query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    const std::string_view one = query.substr(at, end - at);
    if (one.starts_with(wanted)) return std::string(one.substr(wanted.size()));
    at = end + 1;
  }
  return {};
}

http::Reply api_reply(std::uint16_t status, const Json& body) {
  return {.status = status, .content_type = "application/json", .body = body.dump()};
}

// "fieldSelector=metadata.name%3Dx": whether it is that object.
bool is_selected(std::string_view query, const Json& object) {
  constexpr std::string_view kByName = "metadata.name%3D";
  const std::string selector = api_query(query, "fieldSelector");
  return !selector.starts_with(kByName) ||
         selector.substr(kByName.size()) == object["metadata"]["name"].get<std::string>();
}

std::string key_in(const Json& object) {
  return object["metadata"].value("namespace", "") + "/" +
         object["metadata"]["name"].get<std::string>();
}

}  // namespace

class FakeApiServer::Watcher final : public http::RequestSink {
 public:
  Watcher(std::string watched, std::string asked, std::unique_ptr<http::ServerStream> made)
      : path(std::move(watched)), query(std::move(asked)), stream(std::move(made)) {
    stream->set_sink(this);
    http::ResponseHead head;
    head.headers.add("content-type", "application/json");
    stream->send_head(head, false);
  }
  void say(const std::string& bytes) {
    if (!over) stream->send_body(Buffer(bytes), false);
  }
  void end() {
    if (!over) stream->send_body(Buffer(), true);
    over = true;
  }
  void on_body(Buffer&&, bool) override {}
  void on_trailers(http::Headers&&) override {}
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override { over = true; }

  const std::string path;
  const std::string query;
  std::unique_ptr<http::ServerStream> stream;
  bool over = false;
};

FakeApiServer::FakeApiServer(xds::testing::WireRig& rig) : rig_(rig) {
  rig.service.handle("POST", "/apis/authentication.k8s.io/v1/tokenreviews",
                     [this](const http::ServiceRequest& request) { return review(request); });
  for (const char* plural : {"selfsubjectaccessreviews", "subjectaccessreviews"}) {
    rig.service.handle(
        "POST", std::string("/apis/authorization.k8s.io/v1/") + plural,
        [this](const http::ServiceRequest& request) { return review_access(request); });
  }
  rig.service.handle("GET", "/version", [this](const http::ServiceRequest& request) {
    const auto refused = refusal(request.head);
    return refused ? *refused : api_reply(200, {{"gitVersion", version}});
  });
  rig.service.handle_rest([this](const http::ServiceRequest& request) { return single(request); });
}

FakeApiServer::~FakeApiServer() = default;

void FakeApiServer::serve_core() {
  for (const char* path :
       {"/api/v1/pods", "/api/v1/services", "/api/v1/nodes", "/api/v1/namespaces",
        "/api/v1/configmaps", "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        "/apis/discovery.k8s.io/v1/endpointslices"}) {
    serve(path);
  }
}

void FakeApiServer::serve(const std::string& path) {
  tables_[path];
  if (!handled_.insert(path).second) return;
  rig_.service.handle_stream(
      path,
      [this, path](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool,
                   Transport&) { answer(path, std::move(stream), head); },
      "GET");
}

std::optional<http::Reply> FakeApiServer::refusal(const http::RequestHead& head) {
  requests.push_back(std::string(head.method_name) + " " + std::string(head.target));
  const std::string said(head.headers.find(http::HeaderId::kAuthorization).value_or(""));
  const bool known = said == "Bearer " + token ||
                     (said.starts_with("Bearer ") && more_tokens.contains(said.substr(7)));
  if (!known) return api_reply(401, {{"message", "Unauthorized"}});
  if (!refuse) return std::nullopt;
  http::Reply reply = api_reply(*refuse, {{"message", "not now"}});
  if (!retry_after.empty()) reply.fields.emplace_back("retry-after", retry_after);
  return reply;
}

void FakeApiServer::answer(const std::string& path, std::unique_ptr<http::ServerStream> stream,
                           const http::RequestHead& head) {
  const std::string query(head.query());
  if (const auto refused = refusal(head)) {
    http::send_reply(*stream, head.method, *refused);
  } else if (api_query(query, "watch") == "1") {
    watch(path, query, std::move(stream));
  } else {
    http::send_reply(*stream, head.method, list(path, query));
  }
}

http::Reply FakeApiServer::list(const std::string& path, const std::string& query) const {
  const Table& table = tables_.at(path);
  const std::string limit = api_query(query, "limit");
  const std::size_t page =
      std::min(page_max, limit.empty() ? page_max : std::strtoul(limit.c_str(), nullptr, 10));
  // "17.5": the list of version 17, from its sixth object on.
  const std::string more = api_query(query, "continue");
  std::uint64_t listed_at = version_;
  std::size_t begin = 0;
  if (!more.empty()) {
    listed_at = std::strtoul(more.c_str(), nullptr, 10);
    begin = std::strtoul(more.substr(more.find('.') + 1).c_str(), nullptr, 10);
    if (listed_at < oldest_) return api_reply(410, {{"code", 410}, {"message", "too old"}});
  }
  Json items = Json::array();
  std::size_t at = 0;
  for (const auto& [key, object] : table.objects) {
    if (at++ < begin) continue;
    if (items.size() == page) break;
    if (!is_selected(query, object)) continue;
    items.push_back(object);
  }
  const std::size_t end =
      query.find("fieldSelector=") == std::string::npos ? begin + items.size() : at;
  Json metadata = {{"resourceVersion", std::to_string(listed_at)}};
  if (end < table.objects.size()) {
    metadata["continue"] = std::to_string(listed_at) + "." + std::to_string(end);
  }
  return api_reply(200, {{"kind", "List"}, {"metadata", metadata}, {"items", items}});
}

void FakeApiServer::watch(const std::string& path, const std::string& query,
                          std::unique_ptr<http::ServerStream> stream) {
  const std::uint64_t from = std::strtoul(api_query(query, "resourceVersion").c_str(), nullptr, 10);
  watchers_.push_back(std::make_unique<Watcher>(path, query, std::move(stream)));
  Watcher& watcher = *watchers_.back();
  if (from < oldest_) {
    watcher.say(Json{{"type", "ERROR"}, {"object", {{"kind", "Status"}, {"code", 410}}}}.dump() +
                "\n");
    return watcher.end();
  }
  for (const Event& event : tables_.at(path).history) {
    if (event.version > from && is_selected(query, Json::parse(event.line)["object"])) {
      watcher.say(event.line);
    }
  }
}

void FakeApiServer::tell(const std::string& path, const std::string& type, const Json& object) {
  const std::string line = Json{{"type", type}, {"object", object}}.dump() + "\n";
  tables_[path].history.push_back({version_, line});
  for (const auto& watcher : watchers_) {
    if (watcher->path == path && is_selected(watcher->query, object)) watcher->say(line);
  }
}

void FakeApiServer::shout(const std::string& path, const std::string& bytes) {
  for (const auto& watcher : watchers_) {
    if (watcher->path == path) watcher->say(bytes);
  }
}

void FakeApiServer::put(const std::string& path, Json object) {
  serve(path);
  object["metadata"]["resourceVersion"] = std::to_string(++version_);
  Json& held = tables_[path].objects[key_in(object)];
  const bool added = held.is_null();
  held = std::move(object);
  tell(path, added ? "ADDED" : "MODIFIED", held);
}

void FakeApiServer::remove(const std::string& path, const std::string& name_space,
                           const std::string& name) {
  Table& table = tables_[path];
  const auto found = table.objects.find(name_space + "/" + name);
  if (found == table.objects.end()) return;
  Json gone = std::move(found->second);
  table.objects.erase(found);
  gone["metadata"]["resourceVersion"] = std::to_string(++version_);
  tell(path, "DELETED", gone);
}

void FakeApiServer::bookmark(const std::string& path) {
  shout(path, Json{{"type", "BOOKMARK"},
                   {"object", {{"metadata", {{"resourceVersion", std::to_string(++version_)}}}}}}
                      .dump() +
                  "\n");
}

void FakeApiServer::end_watches() {
  for (const auto& watcher : watchers_) watcher->end();
}

std::size_t FakeApiServer::watches() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(watchers_, [](const auto& watcher) { return !watcher->over; }));
}

const Json* FakeApiServer::find(const std::string& path, const std::string& name_space,
                                const std::string& name) const {
  const auto table = tables_.find(path);
  if (table == tables_.end()) return nullptr;
  const auto found = table->second.objects.find(name_space + "/" + name);
  return found == table->second.objects.end() ? nullptr : &found->second;
}

http::Reply FakeApiServer::review(const http::ServiceRequest& request) {
  if (const auto refused = refusal(request.head)) return *refused;
  const Json asked = Json::parse(request.body, nullptr, false);
  const auto found = tokens.find(asked["spec"].value("token", ""));
  if (found == tokens.end()) {
    return api_reply(201, {{"status", {{"authenticated", false}, {"error", "unknown token"}}}});
  }
  const std::size_t slash = found->second.find('/');
  const std::string user = "system:serviceaccount:" + found->second.substr(0, slash) + ":" +
                           found->second.substr(slash + 1);
  return api_reply(
      201,
      {{"status",
        {{"authenticated", true},
         {"audiences", {audience}},
         {"user",
          {{"username", user}, {"groups", {"system:serviceaccounts", "system:authenticated"}}}}}}});
}

http::Reply FakeApiServer::review_access(const http::ServiceRequest& request) {
  if (const auto refused = refusal(request.head)) return *refused;
  access_reviews.push_back(Json::parse(request.body, nullptr, false));
  const Json& asked = access_reviews.back()["spec"]["resourceAttributes"];
  const std::string group = asked.value("group", "");
  const std::string what = asked.value("verb", "") + " " + asked.value("resource", "") +
                           (group.empty() ? "" : ".") + group;
  return api_reply(201, {{"status", {{"allowed", !denied.contains(what)}}}});
}

// "/api/v1/namespaces/NS/PLURAL[/NAME[/PART]]", or without a namespace "/apis/G/V/PLURAL[/NAME…]".
FakeApiServer::Place FakeApiServer::place_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 1; at < path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    parts.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  const std::size_t root = !parts.empty() && parts[0] == "api" ? 2 : 3;
  Place place;
  std::size_t at = root;
  if (parts.size() > root + 2 && parts[root] == "namespaces") {
    place.name_space = parts[root + 1];
    at += 2;
  }
  for (std::size_t i = 0; i < root && i < parts.size(); ++i) place.table += "/" + parts[i];
  if (at < parts.size()) place.table += "/" + parts[at];
  if (at + 1 < parts.size()) place.name = parts[at + 1];
  if (at + 2 < parts.size()) place.part = parts[at + 2];
  return place;
}

http::Reply FakeApiServer::single(const http::ServiceRequest& request) {
  if (const auto refused = refusal(request.head)) return *refused;
  const std::string path(request.head.path());
  const std::string method(request.head.method_name);
  if (intercept) {
    if (auto instead = intercept(method, path, false)) return *instead;
  }
  http::Reply reply = act(request, method);
  if (method != "GET") {
    const std::string said(
        request.head.headers.find(http::HeaderId::kAuthorization).value_or("Bearer "));
    writes.push_back({.token = said.substr(7),
                      .method = method,
                      .path = path,
                      .body = Json::parse(request.body, nullptr, false),
                      .status = reply.status});
  }
  if (intercept) {
    if (auto instead = intercept(method, path, true)) return *instead;
  }
  return reply;
}

http::Reply FakeApiServer::act(const http::ServiceRequest& request, const std::string& method) {
  const Place place = place_of(std::string(request.head.path()));
  if (request.head.path().ends_with("/proxy/metrics")) {
    if (figures.empty()) return api_reply(503, {{"message", "no endpoints available"}});
    return {.body = figures};
  }
  Json body = Json::parse(request.body, nullptr, false);
  if (method == "POST") {
    const std::string made = body["metadata"].value("name", "");
    if (find(place.table, place.name_space, made) != nullptr) {
      return api_reply(409, {{"message", "already exists"}});
    }
    put(place.table, std::move(body));
    return api_reply(201, *find(place.table, place.name_space, made));
  }
  const Json* held = find(place.table, place.name_space, place.name);
  if (held == nullptr) return api_reply(404, {{"message", "not found"}});
  if (method == "GET") return api_reply(200, *held);
  Json next = *held;
  if (body.is_array()) {  // JSON Patch
    try {
      next = held->patch(body);
    } catch (const Json::exception&) {
      return api_reply(422, {{"message", "the patch does not apply"}});
    }
  } else {
    const std::string expected = body["metadata"].value("resourceVersion", "");
    if (!expected.empty() && expected != (*held)["metadata"]["resourceVersion"]) {
      return api_reply(409, {{"message", "the object has been modified"}});
    }
    if (method == "PUT") next = std::move(body);
    if (method == "PATCH" && place.part == "status") next["status"] = body["status"];
  }
  // What changes nothing has no version of its own.
  next["metadata"]["resourceVersion"] = (*held)["metadata"]["resourceVersion"];
  if (next != *held) put(place.table, std::move(next));
  return api_reply(200, *find(place.table, place.name_space, place.name));
}

// ---- objects ----

Json make_pod(const std::string& name, const std::string& address, const std::string& app,
              bool meshed, const std::string& name_space) {
  Json pod = {{"metadata",
               {{"name", name},
                {"namespace", name_space},
                {"labels", {{"app", app}}},
                {"creationTimestamp", "2026-01-31T08:00:00Z"}}},
              {"spec",
               {{"serviceAccountName", app},
                {"nodeName", "node-1"},
                {"containers",
                 {{{"name", "app"}, {"ports", {{{"name", "http"}, {"containerPort", 8080}}}}}}}}},
              {"status",
               {{"phase", "Running"},
                {"podIP", address},
                {"podIPs", {{{"ip", address}}}},
                {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  if (meshed) {
    pod["metadata"]["annotations"] = {{"weft.dev/status", "injected"}};
    pod["spec"]["initContainers"] = {{{"name", "weft-sidecar"}, {"restartPolicy", "Always"}}};
  }
  return pod;
}

Json make_service(const std::string& name, const std::string& name_space) {
  return {{"metadata", {{"name", name}, {"namespace", name_space}}},
          {"spec",
           {{"clusterIP", "10.96.0.10"},
            {"selector", {{"app", name}}},
            {"ports", {{{"name", "http"}, {"port", 80}, {"targetPort", "http"}}}}}}};
}

}  // namespace weft::control::testing
