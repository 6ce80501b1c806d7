#include "control/replica_view.h"

#include <algorithm>
#include <array>

#include "control/json.h"

namespace weft::control {

namespace {

// Those whose status says how many sidecars have them.
constexpr std::array<Kind, 8> kCounted = {
    Kind::kHttpRoute,     Kind::kGrpcRoute,  Kind::kTlsRoute,       Kind::kTcpRoute,
    Kind::kTrafficPolicy, Kind::kMeshConfig, Kind::kVirtualService, Kind::kDestinationRule};

std::optional<Kind> counted_kind(std::string_view name) {
  const auto found =
      std::ranges::find_if(kCounted, [&](Kind kind) { return name_of(kind) == name; });
  return found == kCounted.end() ? std::nullopt : std::optional<Kind>(*found);
}

bool is_number(const Json& value) { return value.is_number_unsigned(); }

Duration duration_in(const Json& number) {
  // At most some centuries.
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(std::min<std::uint64_t>(number.get<std::uint64_t>(), 1ULL << 43)));
}

bool take_sidecar(const Json& row, ReplicaView& out) {
  if (!row.is_array() || row.size() != 4 || !row[0].is_string() || !is_number(row[1]) ||
      !row[2].is_boolean() || !is_number(row[3])) {
    return false;
  }
  out.sidecars.insert_or_assign(row[0].get<std::string>(),
                                ReplicaView::Sidecar{.generation = row[1].get<std::uint64_t>(),
                                                     .refused = row[2].get<bool>(),
                                                     .connected = duration_in(row[3])});
  return true;
}

// Beside the rows, so that a replica of an earlier version can read the page as well.
bool take_answered(const Json& row, ReplicaView& out) {
  if (!row.is_array() || row.size() < 2 || !row[0].is_string() || !is_number(row[1])) return false;
  const auto sidecar = out.sidecars.find(row[0].get<std::string>());
  if (sidecar != out.sidecars.end()) sidecar->second.since_answer = duration_in(row[1]);
  return true;
}

bool take_refusal(const Json& row, ReplicaView& out) {
  if (!row.is_array() || row.size() < 3 || !row[0].is_string() || !row[1].is_string() ||
      !row[2].is_string()) {
    return false;
  }
  const auto sidecar = out.sidecars.find(row[0].get<std::string>());
  if (sidecar == out.sidecars.end()) return true;
  sidecar->second.refusals.push_back(
      {row[1].get<std::string>(),
       row[2].get<std::string>().substr(0, ReplicaView::kRefusalBytesMax)});
  return true;
}

template <typename Take>
bool take_rows(const Json& page, const char* list, std::size_t most, ReplicaView& out, Take take) {
  const Json* rows = find(page, {list});
  if (rows == nullptr) return true;  // of an earlier version
  if (!rows->is_array() || rows->size() > most) return false;
  for (const Json& row : *rows) {
    if (!take(row, out)) return false;
  }
  return true;
}

bool take_object(const Json& row, ReplicaView& out) {
  if (!row.is_array() || row.size() != 5 || !row[0].is_string() || !row[1].is_string() ||
      !row[2].is_string() || !is_number(row[3]) || !is_number(row[4])) {
    return false;
  }
  const std::optional<Kind> kind = counted_kind(row[0].get<std::string>());
  // Of a newer weft there may be others.
  if (!kind) return true;
  out.objects.insert_or_assign(
      ObjectKey{*kind, {row[1].get<std::string>(), row[2].get<std::string>()}},
      ReplicaView::Held{.version = row[3].get<std::uint64_t>(),
                        .since = row[4].get<std::uint64_t>()});
  return true;
}

}  // namespace

ReplicaView make_replica_view(const Registry& registry, const std::vector<ClientReport>& clients) {
  ReplicaView out{.generation = registry.mesh()->generation};
  std::size_t refusals = 0;
  for (const ClientReport& client : clients) {
    if (client.workload.empty() || out.sidecars.size() >= ReplicaView::kSidecarsMax) continue;
    ReplicaView::Sidecar& one = out.sidecars[client.workload];
    one = {.generation = client.generation,
           .refused = !client.refused.empty(),
           .connected = std::chrono::floor<std::chrono::milliseconds>(client.connected)};
    if (client.since_answer) {
      one.since_answer = std::chrono::floor<std::chrono::milliseconds>(*client.since_answer);
    }
    for (const ClientReport::Refusal& refusal : client.refused) {
      if (refusals++ >= ReplicaView::kRefusalsMax) break;
      one.refusals.push_back({refusal.type, refusal.why.substr(0, ReplicaView::kRefusalBytesMax)});
    }
  }
  for (const auto& [key, held] : registry.accepted()) {
    if (std::ranges::find(kCounted, key.kind) == kCounted.end()) continue;
    if (out.objects.size() >= ReplicaView::kObjectsMax) break;
    if (!registry.mistakes_of(key).empty()) continue;
    out.objects.emplace(key, ReplicaView::Held{.version = metadata_of(held.object).generation,
                                               .since = held.generation});
  }
  return out;
}

std::string replica_view_text(const ReplicaView& view) {
  const auto in_ms = [](Duration duration) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, ms));
  };
  Json sidecars = Json::array();
  Json answered = Json::array();
  Json refusals = Json::array();
  for (const auto& [workload, one] : view.sidecars) {
    sidecars.push_back({workload, one.generation, one.refused, in_ms(one.connected)});
    if (one.since_answer) {
      answered.push_back(Json::array({workload, in_ms(*one.since_answer)}));
    }
    for (const ClientReport::Refusal& refusal : one.refusals) {
      refusals.push_back(Json::array({workload, refusal.type, refusal.why}));
    }
  }
  Json objects = Json::array();
  for (const auto& [key, held] : view.objects) {
    objects.push_back(
        {name_of(key.kind), key.name.name_space, key.name.name, held.version, held.since});
  }
  return print_json({{"version", WEFT_VERSION},
                     {"generation", view.generation},
                     {"answered", std::move(answered)},
                     {"refusals", std::move(refusals)},
                     {"sidecars", std::move(sidecars)},
                     {"objects", std::move(objects)}}) +
         "\n";
}

std::optional<ReplicaView> parse_replica_view(std::string_view text) {
  if (text.size() > ReplicaView::kBytesMax) return std::nullopt;
  const Json page = parse_json(text);
  const Json* sidecars = find(page, {"sidecars"});
  const Json* objects = find(page, {"objects"});
  if (sidecars == nullptr || !sidecars->is_array() || objects == nullptr || !objects->is_array() ||
      sidecars->size() > ReplicaView::kSidecarsMax || objects->size() > ReplicaView::kObjectsMax) {
    return std::nullopt;
  }
  ReplicaView out;
  if (const Json* generation = find(page, {"generation"})) {
    if (!is_number(*generation)) return std::nullopt;
    out.generation = generation->get<std::uint64_t>();
  }
  for (const Json& row : *sidecars) {
    if (!take_sidecar(row, out)) return std::nullopt;
  }
  for (const Json& row : *objects) {
    if (!take_object(row, out)) return std::nullopt;
  }
  if (!take_rows(page, "answered", ReplicaView::kSidecarsMax, out, take_answered) ||
      !take_rows(page, "refusals", ReplicaView::kRefusalsMax, out, take_refusal)) {
    return std::nullopt;
  }
  return out;
}

}  // namespace weft::control
