#include "xds/client_state.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/xxhash.h"
#include "xds/resource.h"
#include "xds/wire.h"

namespace weft::xds {

namespace discovery = envoy::service::discovery::v3;

namespace {

constexpr int kInvalidArgument = 3;  // google.rpc.Code
// Our own, which carries no name inside: there is one.
constexpr std::string_view kGenerationName = "generation";

std::string type_url_of(std::string_view type) {
  return std::string(kTypeUrlPrefix) + std::string(type);
}

std::string reason(std::string_view why) {
  return std::string(why.substr(0, ClientState::kReasonBytesMax));
}

}  // namespace

// A resource of a response, before it is known whether anybody wants it.
struct ClientState::Arrival {
  Change change;
  bool has_body = true;
  std::string flaw;  // not empty: refused for what it is
};

// ---- what is wanted ----

void ClientState::subscribe(std::string_view name, Interest interest) {
  auto at = types_.find(name);
  if (at == types_.end()) {
    if (interest.empty()) return;
    at = types_.emplace(std::string(name), Type{}).first;
  }
  Type& type = at->second;
  for (const std::string& wanted : interest.names) {
    if (!type.interest.names.contains(wanted) && type.told.names.contains(wanted))
      type.again.insert(wanted);
  }
  if (interest.everything == type.interest.everything && interest.names == type.interest.names)
    return;
  type.interest = std::move(interest);
  std::erase_if(type.records,
                [&](const auto& record) { return !type.interest.covers(record.first); });
  type.dirty = true;
}

void ClientState::open() {
  close();
  open_ = true;
}

void ClientState::close() {
  open_ = false;
  node_sent_ = false;
  answers_.clear();
  for (auto& [name, type] : types_) {
    type.nonce.clear();
    type.asked = false;
    type.dirty = !type.interest.empty();
    type.explicit_names = false;
    type.told = {};
    type.again.clear();
  }
}

// ---- what to say ----

std::optional<ClientState::Request> ClientState::next_request() {
  WEFT_ASSERT(open_);
  while (true) {
    const auto by_rank = [](const auto& a, const auto& b) {
      if (a.second.dirty != b.second.dirty) return a.second.dirty;
      // What is wanted decides what else there is: said late, all of that would be taken away
      // first.
      const bool wanted_first = a.first == message_name(kDestinationType);
      const bool other_first = b.first == message_name(kDestinationType);
      if (wanted_first != other_first) return wanted_first;
      return rank_of(a.first) < rank_of(b.first);
    };
    const auto next = std::min_element(types_.begin(), types_.end(), by_rank);
    if (next == types_.end() || !next->second.dirty) break;
    next->second.dirty = false;
    if (has_news(next->first, next->second)) return make_subscription(next->first, next->second);
  }
  if (answers_.empty()) return std::nullopt;
  Answer answer = std::move(answers_.front());
  answers_.pop_front();
  return make_answer(std::move(answer));
}

// Whether the server must be told about the interest in a request of its own.
bool ClientState::has_news(std::string_view name, const Type& type) const {
  if (!type.asked) return !type.interest.empty();
  if (variant_ == Variant::kDelta) {
    return !type.again.empty() || type.interest.everything != type.told.everything ||
           type.interest.names != type.told.names;
  }
  // An answer says the names as well, so one that waits says both.
  return std::none_of(answers_.begin(), answers_.end(),
                      [name](const Answer& answer) { return answer.type == name; });
}

template <typename Message>
void ClientState::sign(Message& request) {
  if (node_sent_) return;
  *request.mutable_node() = node_;
  node_sent_ = true;
}

ClientState::Request ClientState::make_subscription(const std::string& name, Type& type) {
  if (variant_ == Variant::kSotw) {
    discovery::DiscoveryRequest request;
    request.set_type_url(type_url_of(name));
    request.set_version_info(type.version);
    request.set_response_nonce(type.nonce);
    fill_names(request, name, type);
    sign(request);
    type.asked = true;
    return request;
  }
  discovery::DeltaDiscoveryRequest request;
  request.set_type_url(type_url_of(name));
  if (!type.asked) {
    for (const auto& [resource, record] : type.records) {
      if (record.held && !record.version.empty())
        (*request.mutable_initial_resource_versions())[resource] = record.version;
    }
  }
  fill_names(request, name, type);
  sign(request);
  type.asked = true;
  return request;
}

ClientState::Request ClientState::make_answer(Answer&& answer) {
  const auto blame = [&](auto& request) {
    if (answer.why.empty()) return;
    request.mutable_error_detail()->set_code(kInvalidArgument);
    request.mutable_error_detail()->set_message(std::move(answer.why));
  };
  if (variant_ == Variant::kDelta) {
    discovery::DeltaDiscoveryRequest request;
    request.set_type_url(type_url_of(answer.type));
    request.set_response_nonce(std::move(answer.nonce));
    blame(request);
    sign(request);
    return request;
  }
  discovery::DiscoveryRequest request;
  request.set_type_url(type_url_of(answer.type));
  request.set_version_info(std::move(answer.version));
  request.set_response_nonce(std::move(answer.nonce));
  if (Type* type = find(answer.type)) fill_names(request, answer.type, *type);
  blame(request);
  sign(request);
  return request;
}

void ClientState::fill_names(discovery::DiscoveryRequest& request, std::string_view name,
                             Type& type) const {
  const bool by_silence =
      is_complete_type(name) && type.interest.names.empty() && !type.explicit_names;
  if (type.interest.everything && !by_silence) request.add_resource_names(std::string(kEverything));
  for (const std::string& wanted : type.interest.names) request.add_resource_names(wanted);
  if (request.resource_names_size() > 0) type.explicit_names = true;
}

void ClientState::fill_names(discovery::DeltaDiscoveryRequest& request, std::string_view name,
                             Type& type) const {
  const Interest& wanted = type.interest;
  const bool by_silence = !type.asked && is_complete_type(name) && wanted.names.empty();
  if (wanted.everything && !type.told.everything && !by_silence) {
    request.add_resource_names_subscribe(std::string(kEverything));
  }
  if (!wanted.everything && type.told.everything)
    request.add_resource_names_unsubscribe(std::string(kEverything));
  for (const std::string& resource : wanted.names) {
    if (!type.told.names.contains(resource) || type.again.contains(resource))
      request.add_resource_names_subscribe(resource);
  }
  for (const std::string& resource : type.told.names) {
    if (!wanted.names.contains(resource)) request.add_resource_names_unsubscribe(resource);
  }
  type.told = wanted;
  type.again.clear();
}

// ---- what came ----

ClientState::Type* ClientState::find(std::string_view name) {
  const auto at = types_.find(name);
  return at == types_.end() || !at->second.asked ? nullptr : &at->second;
}

namespace {

// The name a resource gives itself: field 1 of every type there is, but of ours that has none.
std::string name_inside(std::string_view type, const google::protobuf::Any& body) {
  if (type == message_name(kGenerationType)) return std::string(kGenerationName);
  return std::string(peek_field(body.value(), 1).value_or(""));
}

}  // namespace

ClientState::Update ClientState::read(discovery::DiscoveryResponse&& response) {
  Update update;
  update.type = message_name(response.type_url());
  update.version = response.version_info();
  update.nonce = response.nonce();
  Type* type = find(update.type);
  if (type == nullptr) {
    // 2.7: nothing for nobody is accepted, something for nobody is not.
    update.ignored = static_cast<std::size_t>(response.resources_size());
    if (update.ignored > 0) update.refused.push_back({"", "nobody asked for " + update.type});
    return update;
  }
  type->nonce = update.nonce;
  std::vector<Arrival> arrivals;
  arrivals.reserve(static_cast<std::size_t>(response.resources_size()));
  for (google::protobuf::Any& any : *response.mutable_resources()) {
    Arrival& arrival = arrivals.emplace_back();
    arrival.change.version = update.version;
    if (message_name(any.type_url()) != message_name("envoy.service.discovery.v3.Resource")) {
      arrival.change.name = name_inside(update.type, any);
      arrival.change.body = std::move(any);
      continue;
    }
    discovery::Resource wrapped;
    if (!wrapped.ParseFromString(any.value())) {
      arrival.flaw = "is no Resource, though it says so";
      continue;
    }
    arrival.has_body = wrapped.has_resource();
    arrival.change.body = std::move(*wrapped.mutable_resource());
    arrival.change.name =
        wrapped.name().empty() ? name_inside(update.type, arrival.change.body) : wrapped.name();
    if (!wrapped.version().empty()) arrival.change.version = wrapped.version();
  }
  sort_in(update, *type, std::move(arrivals));
  return update;
}

ClientState::Update ClientState::read(discovery::DeltaDiscoveryResponse&& response) {
  Update update;
  update.type = message_name(response.type_url());
  update.version = response.system_version_info();
  update.nonce = response.nonce();
  Type* type = find(update.type);
  if (type == nullptr) {
    update.ignored = static_cast<std::size_t>(response.resources_size());
    return update;
  }
  type->nonce = update.nonce;
  std::set<std::string_view> removed;
  for (const std::string& name : response.removed_resources()) {
    // Names neither held nor asked for mean nothing to us.
    if (!removed.insert(name).second) continue;
    const auto record = type->records.find(name);
    const bool known = record != type->records.end();
    if (known ? !record->second.absent : type->interest.names.contains(name)) {
      update.removed.push_back(name);
    }
  }
  std::vector<Arrival> arrivals;
  arrivals.reserve(static_cast<std::size_t>(response.resources_size()));
  for (discovery::Resource& resource : *response.mutable_resources()) {
    Arrival& arrival = arrivals.emplace_back();
    arrival.has_body = resource.has_resource();
    arrival.change = Change{.name = resource.name(),
                            .version = resource.version(),
                            .body = std::move(*resource.mutable_resource())};
    if (arrival.change.name.empty())
      arrival.change.name = name_inside(update.type, arrival.change.body);
    if (removed.contains(arrival.change.name)) arrival.flaw = "is sent and removed in one response";
  }
  sort_in(update, *type, std::move(arrivals));
  std::erase_if(update.removed, [&](const std::string& name) {
    return std::any_of(update.refused.begin(), update.refused.end(),
                       [&](const Refusal& refusal) { return refusal.name == name; });
  });
  return update;
}

// Each arrival is refused for what it is, ignored, known already, or a change.
void ClientState::sort_in(Update& update, Type& type, std::vector<Arrival>&& arrivals) {
  std::unordered_map<std::string_view, int> counts;
  for (const Arrival& arrival : arrivals) ++counts[arrival.change.name];
  for (Arrival& arrival : arrivals) {
    Change& change = arrival.change;
    if (arrival.flaw.empty() && change.name.empty()) arrival.flaw = "has no name";
    if (arrival.flaw.empty() && counts[change.name] > 1) arrival.flaw = "is there more than once";
    if (!arrival.flaw.empty() || !arrival.has_body) continue;
    if (message_name(change.body.type_url()) != update.type) {
      arrival.flaw = "is a " + std::string(message_name(change.body.type_url())) +
                     " among resources of another type";
    } else if (const std::string inside = name_inside(update.type, change.body);
               inside != change.name) {
      arrival.flaw = "is named '" + inside + "' inside";
    }
  }
  if (variant_ == Variant::kSotw && is_complete_type(update.type))
    find_absent(update, type, arrivals);
  std::set<std::string, std::less<>> blamed;
  for (Arrival& arrival : arrivals) {
    Change& change = arrival.change;
    if (!change.name.empty() && !type.interest.covers(change.name)) {
      ++update.ignored;
      continue;
    }
    const auto record = type.records.find(change.name);
    const bool held = record != type.records.end() && record->second.held;
    if (arrival.flaw.empty() && !arrival.has_body) {
      // A sign of life for what we hold (2.3.10), and nothing else.
      if (held && record->second.version == change.version) continue;
      arrival.flaw = "has no body";
    }
    if (!arrival.flaw.empty()) {
      if (change.name.empty() || blamed.insert(change.name).second) {
        update.refused.push_back({std::move(change.name), std::move(arrival.flaw)});
      }
      continue;
    }
    change.digest = xxh64(change.body.value());
    if (held && record->second.digest == change.digest) {
      record->second.version = std::move(change.version);
      update.confirmed.push_back(std::move(change.name));
    } else {
      update.changed.push_back(std::move(change));
    }
  }
  type.ignored += update.ignored;
}

void ClientState::find_absent(Update& update, const Type& type,
                              const std::vector<Arrival>& arrivals) const {
  std::set<std::string_view> there;
  for (const Arrival& arrival : arrivals) {
    // Whose name cannot be read may be any of ours: nothing is deleted on its account.
    if (arrival.change.name.empty()) return;
    there.insert(arrival.change.name);
  }
  for (const auto& [name, record] : type.records) {
    if (record.held && !there.contains(name)) update.removed.push_back(name);
  }
  for (const std::string& name : type.interest.names) {
    if (there.contains(name)) continue;
    const auto record = type.records.find(name);
    if (record == type.records.end() || (!record->second.held && !record->second.absent)) {
      update.removed.push_back(name);
    }
  }
}

void ClientState::conclude(Update&& update, std::vector<Refusal> refusals, WallTime now) {
  Type* type = find(update.type);
  refusals.insert(refusals.begin(), std::make_move_iterator(update.refused.begin()),
                  std::make_move_iterator(update.refused.end()));
  if (type == nullptr) {
    // An answer in delta would be this type's first request, and ask for everything.
    if (variant_ == Variant::kSotw) {
      answers_.push_back({update.type, std::move(update.nonce),
                          refusals.empty() ? update.version : "",
                          describe(update.type, refusals, kNackBytesMax)});
    }
    return;
  }
  std::map<std::string_view, std::string_view> blamed;
  for (const Refusal& refusal : refusals) blamed.emplace(refusal.name, refusal.why);
  std::map<std::string_view, std::string_view> versions;
  for (const Change& change : update.changed) versions.emplace(change.name, change.version);

  for (const Change& change : update.changed) {
    // The owner may have lost interest while it judged.
    if (blamed.contains(change.name) || !type->interest.covers(change.name)) continue;
    type->records[change.name] = Record{
        .version = change.version, .digest = change.digest, .held = true, .accepted_at = now};
  }
  for (const std::string& name : update.confirmed) {
    const auto record = type->records.find(name);
    if (record != type->records.end()) record->second.refused_why.clear();
  }
  for (const auto& [name, why] : blamed) {
    if (name.empty() || !type->interest.covers(name)) continue;
    Record& record = type->records[std::string(name)];
    const auto version = versions.find(name);
    record.refused_version = version == versions.end() ? update.version : version->second;
    record.refused_why = reason(why);
    record.refused_at = now;
    record.absent = false;
  }
  for (const std::string& name : update.removed) {
    type->records.erase(name);
    if (type->interest.names.contains(name)) type->records[name].absent = true;
  }
  ++(refusals.empty() ? type->accepted : type->rejected);
  type->refused += refusals.size();
  if (refusals.empty()) type->version = update.version;
  answers_.push_back({update.type, std::move(update.nonce), type->version,
                      describe(update.type, refusals, kNackBytesMax)});
}

std::map<std::string, ClientState::TypeReport, std::less<>> ClientState::report() const {
  std::map<std::string, TypeReport, std::less<>> reports;
  for (const auto& [name, type] : types_) {
    reports[name] = TypeReport{.version = type.version,
                               .accepted = type.accepted,
                               .rejected = type.rejected,
                               .ignored = type.ignored,
                               .refused = type.refused,
                               .interest = &type.interest,
                               .records = &type.records};
  }
  return reports;
}

}  // namespace weft::xds
