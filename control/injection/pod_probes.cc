#include "control/injection/pod_probes.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string_view>

#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

struct ProbePlace {
  std::string_view parent;  // "lifecycle", or empty
  std::string_view key;
  std::string_view ending;
};
constexpr std::array<ProbePlace, 5> kProbePlaces = {{{"", "livenessProbe", "livez"},
                                                     {"", "readinessProbe", "readyz"},
                                                     {"", "startupProbe", "startupz"},
                                                     {"lifecycle", "postStart", "poststartz"},
                                                     {"lifecycle", "preStop", "prestopz"}}};
constexpr std::array<std::string_view, 3> kHandlers = {"httpGet", "tcpSocket", "grpc"};

// The probe or hook; nullptr where there is none.
Json* find_probe(Json& container, const ProbePlace& place) {
  Json* at = &container;
  for (const std::string_view key : {place.parent, place.key}) {
    if (key.empty()) continue;
    const auto found = at->find(key);
    if (found == at->end() || !found->is_object()) return nullptr;
    at = &*found;
  }
  return at;
}

// As the kubelet reads a port: a number, a name of the container's, a number in quotes.
std::optional<std::uint16_t> resolve_port(const Json& container, const Json* port) {
  if (port == nullptr) return std::nullopt;
  std::uint64_t number = 0;
  if (port->is_number_integer()) {
    const auto value = port->get<std::int64_t>();
    number = value > 0 ? static_cast<std::uint64_t>(value) : 0;
  } else if (port->is_string()) {
    const auto& text = port->get_ref<const std::string&>();
    for (const Json& own : list_of(member(&container, "ports"))) {
      if (name_of_part(own) != text) continue;
      const Json* own_number = member(&own, "containerPort");
      if (own_number != nullptr && own_number->is_number_unsigned())
        number = own_number->get<std::uint64_t>();
    }
    if (number == 0) number = parse_u64(text).value_or(0);
  }
  if (number < 1 || number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(number);
}

class ProbeRewriter final {
 public:
  ProbeRewriter(ProbeTable& table, std::vector<std::string>& warnings)
      : table_(table), warnings_(warnings) {}

  void rewrite(Json& container) {
    if (!container.is_object()) return;
    for (const ProbePlace& place : kProbePlaces) {
      Json* probe = find_probe(container, place);
      if (probe == nullptr) continue;
      for (const std::string_view handler : kHandlers) {
        const auto found = probe->find(handler);
        if (found == probe->end() || !found->is_object()) continue;
        // A hook's tcpSocket has never worked, and has no grpc.
        if (!place.parent.empty() && handler != "httpGet") continue;
        rewrite(container, place, *probe, handler);
        break;
      }
    }
  }

 private:
  void rewrite(Json& container, const ProbePlace& place, Json& probe, std::string_view handler) {
    const std::string name = name_of_part(container);
    const Json original = probe[std::string(handler)];
    if (!text_of(member(&original, "host")).empty()) return;  // not necessarily this pod
    const std::optional<std::uint16_t> port = resolve_port(container, member(&original, "port"));
    if (!port) {
      warnings_.push_back(
          fmt::format("container {}: {}: its port is not one of the container's; it is left as it "
                      "is and fails where only mTLS is accepted",
                      escape(name, 80), place.key));
      return;
    }
    const std::string path = fmt::format("/app-health/{}/{}", name, place.ending);
    Json entry{{std::string(handler), original}, {"port", *port}};
    if (const Json* timeout = member(&probe, "timeoutSeconds"); timeout != nullptr)
      entry["timeoutSeconds"] = *timeout;
    table_[path] = std::move(entry);
    probe.erase(std::string(handler));
    probe["httpGet"] = {{"path", path}, {"port", pod::kStatusPort}};
  }

  ProbeTable& table_;
  std::vector<std::string>& warnings_;
};

template <typename Call>
void for_each_list(Json& pod, bool with_init_containers, const Call& call) {
  Json& spec = pod["spec"];
  for (const char* list : {"initContainers", "containers"}) {
    if (!with_init_containers && std::string_view(list) == "initContainers") continue;
    const auto found = spec.find(list);
    if (found == spec.end() || !found->is_array()) continue;
    for (Json& container : *found) call(container);
  }
}

}  // namespace

ProbeTable rewrite_probes(Json& pod, bool with_init_containers,
                          std::vector<std::string>& warnings) {
  ProbeTable table = Json::object();
  ProbeRewriter rewriter(table, warnings);
  for_each_list(pod, with_init_containers, [&](Json& container) { rewriter.rewrite(container); });
  return table;
}

void restore_probes(Json& pod, const ProbeTable& table) {
  for_each_list(pod, true, [&](Json& container) {
    if (!container.is_object()) return;
    for (const ProbePlace& place : kProbePlaces) {
      Json* probe = find_probe(container, place);
      if (probe == nullptr) continue;
      const std::string path = text_of(member(member(probe, "httpGet"), "path"));
      const Json* entry = member(&table, path);
      if (entry == nullptr || !path.ends_with(place.ending)) continue;
      for (const std::string_view handler : kHandlers) {
        const Json* original = member(entry, handler);
        if (original == nullptr) continue;
        const Json kept = *original;
        probe->erase("httpGet");
        (*probe)[std::string(handler)] = kept;
        break;
      }
    }
  });
}

}  // namespace weft::control::injection
