#include "tests/demo/stage.h"

#include <errno.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "sidecar/net/acceptor.h"
#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/number_log.h"

namespace weft::demo {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kControl = "control";
constexpr std::string_view kSidecar = "/sidecar";
constexpr std::size_t kWordsMax = 2000;

Status write_whole(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << text;
    if (!file.flush()) return fail(Fault::kInvalid, fresh + ": " + ::strerror(errno));
  }
  ::chmod(fresh.c_str(), 0600);
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return fail(Fault::kInvalid, path + ": " + ::strerror(errno));
  }
  return {};
}

}  // namespace

// ---- ScratchDirectory ----

Result<ScratchDirectory> ScratchDirectory::make() {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  if (error) return fail(Fault::kInvalid, "no directory for temporary files: " + error.message());
  std::string path = (base / "weft-demo.XXXXXX").string();
  if (::mkdtemp(path.data()) == nullptr) {
    return fail(Fault::kInvalid, path + ": " + ::strerror(errno));
  }
  return ScratchDirectory(std::move(path));
}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), kept_(other.kept_) {}

ScratchDirectory& ScratchDirectory::operator=(ScratchDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(kept_, other.kept_);
  return *this;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  if (!path_.empty() && !kept_) fs::remove_all(path_, ignored);
}

// ---- Stage ----

Result<std::unique_ptr<Stage>> Stage::open(Options options) {
  Result<ScratchDirectory> scratch = ScratchDirectory::make();
  if (!scratch) return fail(scratch.error());
  if (options.keep_files) scratch->keep();
  std::unique_ptr<Stage> stage(new Stage(std::move(options), std::move(*scratch)));
  if (Status free = stage->check_ports(); !free) return fail(free.error());
  if (Status up = stage->set_up(); !up) return fail(up.error());
  return stage;
}

Stage::Stage(Options options, ScratchDirectory scratch)
    : options_(std::move(options)), shop_(options_.network), scratch_(std::move(scratch)) {}

// Apps first, so that no sidecar waits for a request that will never end.
Stage::~Stage() {
  for (const Instance& instance : shop_.instances()) kill(instance.name);
  children_.clear();
}

Status Stage::check_ports() const {
  const auto check = [&](const SocketAddress& address, const std::string& what) -> Status {
    if (const Result<net::OwnedFd> bound = net::bind_listener(address); !bound) {
      return fail(Fault::kInvalid,
                  fmt::format("{} cannot start: {}. Is another demo running? --network N (1 to 99, "
                              "usually 5) gives this one other addresses",
                              what, bound.error().detail));
    }
    return {};
  };
  std::vector<std::pair<SocketAddress, std::string>> wanted = {
      {shop_.control(), "weft-control"}, {shop_.control_admin(), "weft-control's admin port"}};
  for (const Instance& instance : shop_.instances()) {
    wanted.emplace_back(instance.admin(), instance.name + "'s sidecar");
    wanted.emplace_back(instance.outbound(), instance.name + "'s sidecar");
    if (!instance.has_app()) continue;
    wanted.emplace_back(instance.inbound(), instance.name + "'s sidecar");
    wanted.emplace_back(instance.app(), instance.name);
  }
  for (const auto& [address, what] : wanted) {
    if (Status free = check(address, what); !free) return free;
  }
  return {};
}

Status Stage::set_up() {
  for (const char* name : {"config", "state", "run", "log", "numbers"}) {
    std::error_code error;
    fs::create_directory(directory() + "/" + name, error);
    fs::permissions(directory() + "/" + name, fs::perms::owner_all, error);
  }
  if (Status written = write_config("shop.yaml", shop_.shop_yaml(options_.collector)); !written) {
    return written;
  }
  if (Status written = write_config("canary.yaml", Shop::canary_yaml({})); !written) return written;
  for (const Instance& instance : shop_.instances()) {
    if (Status made = make_start_file(instance); !made) return made;
  }
  for (const std::string& part : parts()) {
    if (Status started = start(part); !started) return started;
  }
  const bool current = wait_until_current();
  if (const std::string death = first_death(); !death.empty()) return fail(Fault::kInvalid, death);
  if (!current) {
    const Result<RunResult> status = weft({"status"});
    return fail(Fault::kTimeout,
                fmt::format("the sidecars did not get their configuration in time\n{}{}",
                            status ? status->output : status.error().detail, last_words(kControl)));
  }
  for (const Instance& instance : shop_.instances()) {
    if (!instance.has_app() || wait_for_app(instance)) continue;
    return fail(Fault::kTimeout, instance.name + " does not answer\n" + last_words(instance.name));
  }
  return {};
}

Status Stage::make_start_file(const Instance& instance) {
  const std::string token_file = run_file(instance.name + ".token");
  const Result<RunResult> token =
      run({program("weft"), "token", "create", "--namespace", std::string(Shop::kNamespace),
           "--service-account", instance.account, "--ttl", "1h", "--state-dir",
           directory() + "/state"});
  if (!token) return fail(token.error());
  if (token->status != 0) return fail(Fault::kInvalid, "weft token create: " + token->output);
  if (Status written = write_whole(token_file, token->output); !written) return written;
  const Result<RunResult> config = run({program("weft"), "sidecar-config", "--workload",
                                        fmt::format("{}/{}", Shop::kNamespace, instance.name),
                                        "--config-dir", directory() + "/config", "--control",
                                        shop_.control().to_string(), "--token-file", token_file});
  if (!config) return fail(config.error());
  if (config->status != 0) return fail(Fault::kInvalid, "weft sidecar-config: " + config->output);
  return write_whole(run_file(instance.name + ".yaml"), config->output);
}

std::string Stage::config_file(std::string_view name) const {
  return fmt::format("{}/config/{}", directory(), name);
}
std::string Stage::state_file(std::string_view name) const {
  return fmt::format("{}/state/{}", directory(), name);
}
std::string Stage::run_file(std::string_view name) const {
  return fmt::format("{}/run/{}", directory(), name);
}
std::string Stage::numbers_file(const Instance& instance) const {
  return fmt::format("{}/numbers/{}", directory(), instance.name);
}
std::string Stage::log_file(std::string_view part) const {
  std::string name(part);
  std::ranges::replace(name, '/', '.');
  return fmt::format("{}/log/{}.log", directory(), name);
}
std::string Stage::program(std::string_view name) const {
  return fmt::format("{}/{}", options_.bin_dir, name);
}

Status Stage::write_config(std::string_view name, std::string_view text) {
  return write_whole(config_file(name), text);
}

void Stage::remove_config(std::string_view name) {
  std::error_code ignored;
  fs::remove(config_file(name), ignored);
}

std::string Stage::sidecar_of(const Instance& instance) {
  return instance.name + std::string(kSidecar);
}

std::vector<std::string> Stage::parts() const {
  std::vector<std::string> out = {std::string(kControl)};
  for (const Instance& instance : shop_.instances()) {
    if (instance.has_app()) out.push_back(instance.name);
    out.push_back(sidecar_of(instance));
  }
  return out;
}

Child::Command Stage::command_of(std::string_view part) const {
  Child::Command command{.output = log_file(part)};
  if (part == kControl) {
    command.arguments = {program("weft-control"),
                         "--config-dir",
                         directory() + "/config",
                         "--state-dir",
                         directory() + "/state",
                         "--listen",
                         shop_.control().to_string(),
                         "--admin",
                         shop_.control_admin().to_string(),
                         "--max-certificate-lifetime",
                         options_.leaf_lifetime};
  } else if (part.ends_with(kSidecar)) {
    const std::string_view name = part.substr(0, part.size() - kSidecar.size());
    command.arguments = {program("weft-sidecar"), "-c", run_file(fmt::format("{}.yaml", name))};
  } else {
    const Instance& instance = shop_.instance(part);
    command.arguments = {program("weft-demo"),
                         "app",
                         "--name",
                         instance.name,
                         "--listen",
                         instance.app().to_string(),
                         "--outbound",
                         instance.outbound().to_string(),
                         "--numbers",
                         numbers_file(instance),
                         "--latency",
                         options_.app_latency};
    if (!instance.next.empty()) {
      command.arguments.insert(command.arguments.end(), {"--next", instance.next});
    }
  }
  return command;
}

bool Stage::alive(std::string_view part) {
  const auto found = children_.find(part);
  return found != children_.end() && found->second.alive();
}

pid_t Stage::pid(std::string_view part) const {
  const auto found = children_.find(part);
  return found == children_.end() ? -1 : found->second.pid();
}

void Stage::kill(std::string_view part) {
  const auto found = children_.find(part);
  if (found != children_.end()) found->second.kill();
}

Status Stage::start(std::string_view part) {
  kill(part);
  Result<Child> child = Child::start(command_of(part));
  if (!child) return fail(child.error());
  children_.insert_or_assign(std::string(part), std::move(*child));
  return {};
}

bool Stage::wait_until_current(Duration patience) {
  return wait_until(patience, [&] {
    const Result<std::string> page = mesh_page();
    if (page && all_current(*page, shop_.instances().size())) return true;
    return false;
  });
}

bool Stage::wait_for_app(const Instance& instance, Duration patience) {
  return wait_until(patience, [&] { return get(instance.app(), "/hello").has_value(); });
}

Result<RunResult> Stage::weft(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program("weft"));
  arguments.insert(arguments.end(), {"--control", shop_.control_admin().to_string()});
  return run(arguments);
}

Result<std::string> Stage::mesh_page() const { return get(shop_.control_admin(), "/mesh"); }

std::vector<Sighting> Stage::sightings() const {
  std::vector<Sighting> out;
  for (const Instance& instance : shop_.instances()) {
    if (!instance.has_app()) continue;
    Sighting sighting{.instance = instance.name, .service = instance.service, .numbers = {}};
    if (const Result<NumberLog> log = NumberLog::open(numbers_file(instance))) {
      sighting.numbers = log->numbers();
    }
    out.push_back(std::move(sighting));
  }
  return out;
}

std::string Stage::last_words(std::string_view part) const {
  std::ifstream file(log_file(part), std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::string words = std::move(text).str();
  if (words.size() > kWordsMax) words.erase(0, words.find('\n', words.size() - kWordsMax) + 1);
  return words;
}

std::string Stage::first_death() {
  for (auto& [part, child] : children_) {
    if (child.alive()) continue;
    return fmt::format("{} has ended ({}):\n{}", part, child.ending(), last_words(part));
  }
  return {};
}

bool all_current(std::string_view mesh_page, std::size_t sidecars) {
  const nlohmann::json page = nlohmann::json::parse(mesh_page, nullptr, false);
  if (!page.is_object() || !page.contains("sidecars") || !page["sidecars"].is_array()) return false;
  std::size_t current = 0;
  for (const nlohmann::json& sidecar : page["sidecars"]) {
    if (sidecar.is_object() && sidecar.value("state", nlohmann::json()) == "current") ++current;
  }
  return current >= sidecars;
}

}  // namespace weft::demo
