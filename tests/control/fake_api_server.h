#pragma once
// FakeApiServer: as much of the API server of Kubernetes as its client sees: lists in pages,
// watches with their history, 410, 429, cuts, tokens, reviews of tokens and of access; objects by
// name, made, replaced, patched (JSON Patch; server-side apply of a status), each at the version it
// is based on. In process, on an http::Service.
//
// Paths are those of a resource in all namespaces: "/api/v1/pods". A resource nobody has put an
// object into, or serve()d, is 404.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/xds/wire_rig.h"

namespace weft::control::testing {

class FakeApiServer final {
 public:
  using Json = nlohmann::json;

  explicit FakeApiServer(xds::testing::WireRig& rig);
  ~FakeApiServer();

  // The kinds that every cluster has, empty.
  void serve_core();
  void serve(const std::string& path);
  void put(const std::string& path, Json object);
  void remove(const std::string& path, const std::string& name_space, const std::string& name);
  // Raw bytes into every watch of that path.
  void shout(const std::string& path, const std::string& bytes);
  // Watches from before now are told 410.
  void forget_history() { oldest_ = version_; }
  void bookmark(const std::string& path);
  void end_watches();

  [[nodiscard]] std::size_t watches() const;
  [[nodiscard]] const Json* find(const std::string& path, const std::string& name_space,
                                 const std::string& name) const;

  std::optional<std::uint16_t> refuse;  // every answer, with retry_after
  std::string retry_after;
  std::string token = "secret";
  std::set<std::string> more_tokens;
  // Asked before anything else of a single object; an answer is given in place of ours. `done`: the
  // request has had its effect, and only its answer is another.
  std::function<std::optional<http::Reply>(const std::string& method, const std::string& path,
                                           bool done)>
      intercept;
  // What was changed, in order: who by its token, how, where, with what.
  struct Write {
    std::string token;
    std::string method;
    std::string path;
    nlohmann::json body;
    std::uint16_t status = 0;
  };
  std::vector<Write> writes;
  std::size_t page_max = 1000;
  std::map<std::string, std::string> tokens;  // reviewed: token -> "shop/cart"
  std::string audience = "weft.dev";
  bool silent_reviews = false;
  std::string version = "v1.34.1";
  std::string figures;  // behind any Service's /metrics; empty: nobody is there
  // What nobody may do: "patch leases.coordination.k8s.io"; everything else everybody may.
  std::set<std::string> denied;
  std::vector<Json> access_reviews;  // as they were asked
  // "GET /api/v1/pods?…", as they come.
  std::vector<std::string> requests;

 private:
  class Watcher;
  struct Event {
    std::uint64_t version;
    std::string line;
  };
  // Where a path leads: the table, and of which object; "/api/v1/pods", "shop", "cart-a", "status".
  struct Place {
    std::string table;
    std::string name_space;
    std::string name;
    std::string part;
  };
  [[nodiscard]] static Place place_of(const std::string& path);
  struct Table {
    std::map<std::string, Json> objects;  // "shop/cart"
    std::vector<Event> history;
  };

  void answer(const std::string& path, std::unique_ptr<http::ServerStream> stream,
              const http::RequestHead& head);
  void watch(const std::string& path, const std::string& query,
             std::unique_ptr<http::ServerStream> stream);
  [[nodiscard]] http::Reply list(const std::string& path, const std::string& query) const;
  [[nodiscard]] http::Reply review(const http::ServiceRequest& request);
  [[nodiscard]] http::Reply review_access(const http::ServiceRequest& request);
  [[nodiscard]] http::Reply single(const http::ServiceRequest& request);
  [[nodiscard]] http::Reply act(const http::ServiceRequest& request, const std::string& method);
  [[nodiscard]] std::optional<http::Reply> refusal(const http::RequestHead& head);
  void tell(const std::string& path, const std::string& type, const Json& object);

  xds::testing::WireRig& rig_;
  std::map<std::string, Table> tables_;
  std::set<std::string> handled_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  std::uint64_t version_ = 100;
  std::uint64_t oldest_ = 0;
};

// Objects as the API server has them.
[[nodiscard]] FakeApiServer::Json make_pod(const std::string& name, const std::string& address,
                                           const std::string& app, bool meshed = true,
                                           const std::string& name_space = "shop");
[[nodiscard]] FakeApiServer::Json make_service(const std::string& name,
                                               const std::string& name_space = "shop");

}  // namespace weft::control::testing
