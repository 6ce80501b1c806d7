#include "control/cli/sidecar_pages.h"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "control/cli/command.h"
#include "control/cli/fetch.h"

namespace weft::control::cli {

namespace {

using nlohmann::json;

struct Asked {
  std::vector<std::string> workloads;
  std::vector<Page> pages;
};

Result<Asked> whom_to_ask(const std::string& mesh_json, const std::string& path) {
  const json mesh = json::parse(mesh_json, nullptr, false);
  if (!mesh.is_object() || !mesh.contains("sidecars") || !mesh["sidecars"].is_array()) {
    return fail(Fault::kInvalid, "the answer is not what weft-control gives");
  }
  Asked asked;
  for (const json& sidecar : mesh["sidecars"]) {
    const Result<SocketAddress> admin =
        SocketAddress::parse(printable(text_at(sidecar, {"admin"})));
    if (!admin) continue;
    asked.workloads.push_back(printable(text_at(sidecar, {"workload"})));
    asked.pages.push_back({*admin, path});
  }
  return asked;
}

}  // namespace

Result<std::vector<SidecarPage>> ask_sidecars(const std::string& control, const std::string& path) {
  const Result<SocketAddress> address = SocketAddress::parse(control);
  if (!address) return fail(Fault::kInvalid, "--control: " + address.error().detail);
  const Result<std::string> mesh = fetch({*address, "/mesh"});
  if (!mesh) {
    return fail(mesh.error().fault,
                fmt::format("weft-control at {}: {}", control, mesh.error().detail));
  }
  const Result<Asked> asked = whom_to_ask(*mesh, path);
  if (!asked) return fail(asked.error());
  const std::vector<Result<std::string>> answers = fetch_all(asked->pages);
  std::vector<SidecarPage> pages;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i]) {
      pages.push_back({asked->workloads[i], *answers[i]});
    } else {
      fmt::print(stderr, "weft: {} does not answer: {}\n", asked->workloads[i],
                 answers[i].error().detail);
    }
  }
  return pages;
}

}  // namespace weft::control::cli
