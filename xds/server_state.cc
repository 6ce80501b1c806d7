#include "xds/server_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "xds/resource.h"
#include "xds/wire.h"

namespace weft::xds {

namespace discovery = envoy::service::discovery::v3;

namespace {

bool is_cluster(std::string_view type) { return type == message_name(kClusterType); }
bool is_endpoint(std::string_view type) { return type == message_name(kEndpointType); }
bool is_generation(std::string_view type) { return type == message_name(kGenerationType); }
// What a route may still name: told to go only after the routes were told.
bool leaves_late(std::string_view type) { return is_cluster(type) || is_endpoint(type); }

std::shared_ptr<const Resource> resource_in(const ResourceSet::Type* table, std::string_view name) {
  if (table == nullptr) return nullptr;
  const auto at = table->resources.find(name);
  return at == table->resources.end() ? nullptr : at->second;
}

// What a cluster's endpoints are subscribed by: eds_cluster_config.service_name, else its own name.
std::string_view endpoints_of(const Resource& cluster) {
  constexpr std::uint32_t kEdsClusterConfig = 3;
  constexpr std::uint32_t kServiceName = 2;
  const std::string_view config = peek_field(cluster.body.value(), kEdsClusterConfig).value_or("");
  const std::string_view service = peek_field(config, kServiceName).value_or("");
  return service.empty() ? std::string_view(cluster.name) : service;
}

bool has_everything(const google::protobuf::RepeatedPtrField<std::string>& names) {
  return std::find(names.begin(), names.end(), kEverything) != names.end();
}

// Looking a name up costs as much as walking past this many that are the same.
constexpr std::size_t kFewNames = 16;

std::string hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

}  // namespace

// ---- what the client says ----

Result<ServerState::Type*> ServerState::find(std::string_view type_url) {
  const std::string_view name = message_name(type_url);
  if (name.empty()) return fail(Fault::kProtocol, "a request without type_url");
  auto at = types_.find(name);
  if (at == types_.end()) {
    if (types_.size() >= kTypesMax)
      return fail(Fault::kLimit, fmt::format("more than {} types on one stream", kTypesMax));
    at = types_.emplace(std::string(name), Type{}).first;
    at->second.report.type = name;
    at->second.leaves_late = leaves_late(name);
    at->second.closes = is_generation(name);
  }
  return &at->second;
}

Status ServerState::name_limit(std::size_t names) const {
  if (names <= kNamesMax) return {};
  return fail(Fault::kLimit, fmt::format("a subscription to more than {} names", kNamesMax));
}

void ServerState::take_answer(Type& type, const google::rpc::Status* refusal) {
  type.unanswered = false;
  type.overtaken = false;
  type.report.answered_generation = type.unanswered_generation;
  if (refusal == nullptr) {
    type.report.refused_why.clear();
    return;
  }
  ++type.report.refusals;
  type.report.refused_why = refusal->message().substr(0, kNackBytesMax);
  if (type.report.refused_why.empty()) type.report.refused_why = "refused without a reason";
}

// All but kEverything, which is none.
template <typename Texts>
NameSet ServerState::intern_all(const Texts& texts) {
  std::vector<Name> names;
  names.reserve(static_cast<std::size_t>(texts.size()));
  for (const std::string& text : texts) {
    if (text != kEverything) names.push_back(pool_->intern(text));
  }
  return NameSet(std::move(names));
}

Status ServerState::on_request(const discovery::DiscoveryRequest& request) {
  Result<Type*> found = find(request.type_url());
  if (!found) return fail(found.error());
  Type& type = **found;
  const std::string& name = type.report.type;
  const auto count = static_cast<std::size_t>(request.resource_names_size());
  if (Status s = name_limit(count); !s) return s;

  // A nonce of another stream in a type's first request means nothing; no nonce in a later one
  // starts the type afresh.
  const bool first = !type.seen || request.response_nonce().empty();
  if (!first && request.response_nonce() != type.nonce)
    return {};  // 2.2.6: an answer to something older
  if (!first && type.unanswered)
    take_answer(type, request.has_error_detail() ? &request.error_detail() : nullptr);

  Wanted interest{.everything = has_everything(request.resource_names()),
                  .names = intern_all(request.resource_names())};
  // 2.2.11: no names at all, before there were any, is everything.
  if (count == 0 && is_complete_type(name) && (first || type.interest.names.empty())) {
    interest.everything = first || type.interest.everything;
  }
  const Wanted before = std::exchange(type.interest, std::move(interest));
  if (first) {
    note_seen(type);
    type.unanswered = false;
    type.due.clear();
    type.due_whole = false;
    // 2.2.10: the client holds this very set, from an earlier stream. Only where it asks for
    // everything: of names it may have let one go since that version and taken it up again.
    if (type.interest.everything && !request.version_info().empty() &&
        request.version_info() == version_of_type(name, type)) {
      type.report.version = request.version_info();
      return {};
    }
    make_all_due(name, type);
    return {};
  }
  const bool widened = type.interest.everything && !before.everything;
  if (widened) make_all_due(name, type);
  // 2.2.5: named anew, so sent, whatever was sent before.
  NameSet fresh = type.interest.names;
  fresh.erase_if([&](const std::string& wanted) { return before.names.contains(wanted); });
  type.due_whole = type.due_whole || (is_complete_type(name) && !fresh.empty());
  type.due.insert_all(fresh);
  type.due.erase_if([&](const std::string& due) { return !type.interest.covers(due); });
  return {};
}

Status ServerState::on_request(const discovery::DeltaDiscoveryRequest& request) {
  Result<Type*> found = find(request.type_url());
  if (!found) return fail(found.error());
  Type& type = **found;
  const std::string& name = type.report.type;
  const ResourceSet::Type* table = table_of(name);
  const std::size_t there = table == nullptr ? 0 : table->resources.size();
  const auto named = static_cast<std::size_t>(request.resource_names_subscribe_size());
  const auto unnamed = static_cast<std::size_t>(request.resource_names_unsubscribe_size());
  if (Status s = name_limit(type.interest.names.size() + named); !s) return s;
  // A name given up under a wildcard is due as well, whether it exists or not.
  if (type.due.size() > there) {
    if (Status s = name_limit(type.due.size() - there + unnamed); !s) return s;
  }
  if (!request.response_nonce().empty() && type.unanswered &&
      request.response_nonce() == type.nonce) {
    take_answer(type, request.has_error_detail() ? &request.error_detail() : nullptr);
  }
  const bool first = !type.seen;
  note_seen(type);
  const bool by_silence =
      first && is_complete_type(name) && request.resource_names_subscribe_size() == 0;

  // 2.3.2: subscriptions change whatever the nonce says.
  const auto& subscribed = request.resource_names_subscribe();
  const bool widened = by_silence || has_everything(subscribed);
  const NameSet wanted = intern_all(subscribed);
  type.interest.names.insert_all(wanted);
  type.due.insert_all(wanted);  // 2.3.4: also when it is subscribed already
  if (widened) {
    type.interest.everything = true;
    make_all_due(name, type);
  }
  const auto& unsubscribed = request.resource_names_unsubscribe();
  if (has_everything(unsubscribed)) {
    type.interest.everything = false;
    type.due.erase_if([&](const std::string& due) { return !type.interest.covers(due); });
  }
  const NameSet unwanted = intern_all(unsubscribed);
  if (!unwanted.empty()) {
    const auto is_unwanted = [&](const std::string& one) { return unwanted.contains(one); };
    type.interest.names.erase_if(is_unwanted);
    // 2.3.5: what the wildcard still holds is told once more.
    if (type.interest.everything) {
      type.due.insert_all(unwanted);
    } else {
      type.due.erase_if(is_unwanted);
    }
  }
  if (first) compare_with_held(request, table, type);
  return {};
}

// 2.3.7: of what it held when it came, only what differs is told.
void ServerState::compare_with_held(const discovery::DeltaDiscoveryRequest& request,
                                    const ResourceSet::Type* table, Type& type) {
  const auto& held = request.initial_resource_versions();
  if (held.empty()) return;
  std::vector<Name> others;
  for (const auto& [name, version] : held) {
    if (!type.interest.covers(name)) continue;
    const std::shared_ptr<const Resource> resource = resource_in(table, name);
    if (resource == nullptr || resource->version != version) others.push_back(pool_->intern(name));
  }
  type.due.erase_if([&](const std::string& due) {
    const auto version = held.find(due);
    if (version == held.end()) return false;
    const std::shared_ptr<const Resource> resource = resource_in(table, due);
    return resource != nullptr && resource->version == version->second;
  });
  type.due.insert_all(NameSet(std::move(others)));
  type.due_empty = false;
}

void ServerState::make_all_due(std::string_view name, Type& type) {
  if (is_complete_type(name)) {
    type.due_whole = variant_ == Variant::kSotw;
    type.due_empty =
        true;  // Envoy starts when it has heard of listeners and clusters, and there may be none
  }
  if (type.due_whole) return;
  if (type.interest.everything) {
    if (const ResourceSet::Type* table = table_of(name)) {
      std::vector<Name> names;
      names.reserve(table->resources.size());
      for (const auto& [resource, body] : table->resources)
        names.push_back(pool_->intern(resource));
      type.due.insert_all(NameSet(std::move(names)));
    }
  }
  type.due.insert_all(type.interest.names);
}

// ---- what there is to say ----

const NameSet* ServerState::names_of(std::string_view type) const {
  const auto found = types_.find(type);
  return found == types_.end() ? nullptr : &found->second.interest.names;
}

const ResourceSet::Type* ServerState::table_of(std::string_view name) const {
  return set_ == nullptr ? nullptr : set_->find(name);
}

void ServerState::on_resources(std::shared_ptr<const ResourceSet> set) {
  const std::shared_ptr<const ResourceSet> before = std::exchange(set_, std::move(set));
  for (auto& [name, type] : types_) {
    if (type.seen)
      note_difference(name, type, before == nullptr ? nullptr : before->find(name), table_of(name));
  }
}

void ServerState::note_difference(const std::string& name, Type& type,
                                  const ResourceSet::Type* before, const ResourceSet::Type* after) {
  if (before == after) return;
  const auto note = [&](const std::string& resource, const std::shared_ptr<const Resource>& old,
                        const std::shared_ptr<const Resource>& now) {
    if (old == now) return;
    if (old != nullptr && now != nullptr && old->version == now->version) return;
    if (variant_ == Variant::kSotw && is_complete_type(name)) {
      type.due_whole = true;
      if (now != nullptr) type.leaving.erase(resource);
      if (now == nullptr && leaves_late(name)) type.leaving[resource] = old;
    } else {
      type.due.insert(pool_->intern(resource));
    }
    if (is_cluster(name) && old != nullptr && now != nullptr) note_changed_cluster(*now);
  };
  static const ResourceSet::Table kNone;
  const ResourceSet::Table& left = before == nullptr ? kNone : before->resources;
  const ResourceSet::Table& right = after == nullptr ? kNone : after->resources;
  const Wanted& interest = type.interest;
  if (!interest.everything && interest.names.size() < (left.size() + right.size()) / kFewNames) {
    for (const std::string& wanted : interest.names)
      note(wanted, resource_in(before, wanted), resource_in(after, wanted));
    return;
  }
  auto old = left.begin();
  auto now = right.begin();
  while (old != left.end() || now != right.end()) {
    // Most are the same object: a thousand streams walk past them without comparing a name.
    if (old != left.end() && now != right.end() && old->second == now->second) {
      ++old;
      ++now;
      continue;
    }
    const int order = old == left.end()    ? 1
                      : now == right.end() ? -1
                                           : old->first.compare(now->first);
    const std::string& resource = order < 0 ? old->first : now->first;
    if (interest.covers(resource))
      note(resource, order <= 0 ? old->second : nullptr, order >= 0 ? now->second : nullptr);
    if (order <= 0) ++old;
    if (order >= 0) ++now;
  }
}

// 2.4: Envoy makes a changed cluster anew and waits for its endpoints, though those did not change.
void ServerState::note_changed_cluster(const Resource& cluster) {
  const auto endpoints = types_.find(message_name(kEndpointType));
  if (endpoints == types_.end()) return;
  const std::string_view name = endpoints_of(cluster);
  if (endpoints->second.interest.covers(name)) endpoints->second.due.insert(pool_->intern(name));
}

// ---- what to say next ----

void ServerState::note_seen(Type& type) {
  if (!std::exchange(type.seen, true)) put_in_order();
}

// Once for each type of a stream, and not for each of its responses.
void ServerState::put_in_order() {
  steps_.clear();
  for (auto& [name, type] : types_) {
    if (type.seen) steps_.push_back({&name, &type, Phase::kTell});
  }
  std::sort(steps_.begin(), steps_.end(),
            [](const Step& a, const Step& b) { return rank_of(*a.name) < rank_of(*b.name); });
  const auto last = std::find_if(steps_.begin(), steps_.end(),
                                 [](const Step& step) { return step.type->closes; });
  std::vector<Step> removals;
  for (const Step& step : steps_) {
    if (step.type->leaves_late) removals.push_back({step.name, step.type, Phase::kRemove});
  }
  steps_.insert(last, removals.begin(), removals.end());
}

bool ServerState::has_due(const Step& step) const {
  const Type& type = *step.type;
  if (step.phase == Phase::kRemove) return !type.due.empty() || !type.leaving.empty();
  if (type.due_whole || type.due_empty) return true;
  if (!type.leaves_late) return !type.due.empty();
  const ResourceSet::Type* table = table_of(*step.name);
  return std::any_of(type.due.begin(), type.due.end(), [table](const std::string& name) {
    return resource_in(table, name) != nullptr;
  });
}

std::optional<std::string> ServerState::next_response() {
  if (set_ == nullptr) return std::nullopt;
  for (const Step& step : steps_) {
    Type& type = *step.type;
    if (type.unanswered) {
      if (type.overtaken) continue;
      return std::nullopt;
    }
    if (!has_due(step)) continue;
    if (std::optional<std::string> response = tell(step)) return response;
  }
  if (!awaits_answer() && !types_.empty()) settled_generation_ = set_->generation;
  return std::nullopt;
}

std::optional<std::string> ServerState::tell(const Step& step) {
  Type& type = *step.type;
  std::string nonce = std::to_string(nonces_ + 1);
  ResponseWriter writer(variant_, *step.name, nonce);
  const bool whole = variant_ == Variant::kSotw && is_complete_type(*step.name);
  const bool said = whole ? tell_whole(step, writer) : tell_due(step, writer);
  const bool expected = std::exchange(type.due_empty, false);
  if (!said && !expected) return std::nullopt;
  if (variant_ == Variant::kSotw && writer.bytes() > kSotwBytesMax) {
    type.report.problem =
        fmt::format("a response of {} bytes; the limit is {}", writer.bytes(), kSotwBytesMax);
    return std::nullopt;
  }
  type.report.problem.clear();
  if (variant_ == Variant::kDelta) {
    writer.set_version(std::to_string(set_->generation));
  } else {
    if (!whole) type.report.version = version_of_type(*step.name, type);
    writer.set_version(type.report.version);
  }
  writer.set_control_plane(control_plane_);
  ++nonces_;
  ++type.report.responses;
  type.nonce = std::move(nonce);
  type.unanswered = true;
  type.unanswered_generation = set_->generation;
  type.report.told_generation = set_->generation;
  // The Generation closes whatever was told since it was told last, even when it is the same one.
  const auto generation = types_.find(message_name(kGenerationType));
  if (generation != types_.end() && !type.closes) {
    for (const std::string& name : generation->second.interest.names) {
      if (resource_in(table_of(generation->first), name) != nullptr)
        generation->second.due.insert(pool_->intern(name));
    }
  }
  return writer.take();
}

// A complete type in state of the world: everything there is, and until the last step what is about
// to go.
bool ServerState::tell_whole(const Step& step, ResponseWriter& writer) {
  Type& type = *step.type;
  type.due_whole = false;
  type.due.clear();
  if (step.phase == Phase::kRemove) type.leaving.clear();
  std::uint64_t digest = 0;
  const auto tell_all = [&](const auto& table) {
    for (const auto& [name, resource] : table) {
      if (!type.interest.covers(name)) continue;
      writer.add(*resource);
      digest += digest_of(*resource);
    }
  };
  if (const ResourceSet::Type* table = table_of(*step.name)) tell_all(table->resources);
  tell_all(type.leaving);
  type.report.version = hex(digest);
  return true;
}

bool ServerState::tell_due(const Step& step, ResponseWriter& writer) {
  Type& type = *step.type;
  const ResourceSet::Type* table = table_of(*step.name);
  const bool may_remove = step.phase == Phase::kRemove || !type.leaves_late;
  bool said = false;
  bool full = false;
  type.due.erase_if([&](const std::string& name) {
    if (full) return false;
    const std::shared_ptr<const Resource> resource = resource_in(table, name);
    if (variant_ == Variant::kDelta) {
      const std::size_t more =
          resource == nullptr ? field_size(1, name.size()) : ResponseWriter::bytes_of(*resource);
      full = said && writer.bytes() + more > kDeltaBytes;
      if (full) return false;
    }
    if (resource != nullptr) {
      writer.add(*resource);
      said = true;
    } else if (!may_remove) {
      return false;
    } else if (variant_ == Variant::kDelta) {
      writer.remove(name);
      said = true;
    }
    return true;
  });
  return said;
}

std::string ServerState::version_of_type(std::string_view name, const Type& type) const {
  const ResourceSet::Type* table = table_of(name);
  if (table == nullptr) return hex(0);
  if (type.interest.everything) return hex(table->digest);
  std::uint64_t digest = 0;
  for (const std::string& wanted : type.interest.names) {
    if (const std::shared_ptr<const Resource> resource = resource_in(table, wanted))
      digest += digest_of(*resource);
  }
  return hex(digest);
}

// ---- what became of it ----

bool ServerState::awaits_answer() const {
  return std::any_of(types_.begin(), types_.end(),
                     [](const auto& type) { return type.second.unanswered; });
}

void ServerState::stop_waiting() {
  for (auto& [name, type] : types_) type.overtaken = type.unanswered;
}

bool ServerState::settled() const {
  return set_ != nullptr && settled_generation_ == set_->generation;
}

bool ServerState::refused() const {
  return std::any_of(types_.begin(), types_.end(), [](const auto& type) {
    return !type.second.report.refused_why.empty() || !type.second.report.problem.empty();
  });
}

std::vector<ServerState::TypeReport> ServerState::report() const {
  std::vector<TypeReport> out;
  for (const auto& [name, type] : types_) {
    if (!type.seen) continue;
    TypeReport& report = out.emplace_back(type.report);
    report.everything = type.interest.everything;
    report.names = type.interest.names.size();
    report.unanswered = type.unanswered;
  }
  return out;
}

}  // namespace weft::xds
