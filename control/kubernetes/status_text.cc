#include "control/kubernetes/status_text.h"

#include <algorithm>
#include <utility>

namespace weft::control::kube {

namespace {

Json parsed(const std::string& text) { return Json::parse(text, nullptr, false); }

// Cut between two characters of UTF-8, so that it stays text.
std::string cut_message(std::string text) {
  if (text.size() <= kConditionMessageMax) return text;
  std::size_t end = kConditionMessageMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

const Json* condition_in(const Json& conditions, const std::string& type) {
  for (const Json& one : conditions) {
    if (text_at(one, {"type"}) == type) return &one;
  }
  return nullptr;
}

// The conditions with their times, and how much differs from `before`.
Json timed(const Json& wanted, const Json& before, const std::string& now, StatusChange& change) {
  Json out = Json::array();
  if (wanted.size() != before.size()) change = StatusChange::kMeaning;
  for (const Json& one : wanted) {
    Json next = one;
    next["message"] = cut_message(text_at(one, {"message"}));
    const Json* held = condition_in(before, text_at(one, {"type"}));
    const std::string since = held == nullptr ? "" : text_at(*held, {"lastTransitionTime"});
    const bool same =
        held != nullptr && text_at(*held, {"status"}) == text_at(one, {"status"}) && !since.empty();
    next["lastTransitionTime"] = same ? since : now;
    if (held == nullptr || *held != next) {
      Json words = held == nullptr ? Json() : *held;
      if (words.is_object()) words["message"] = next["message"];
      change = std::max(change, words == next ? StatusChange::kWords : StatusChange::kMeaning);
    }
    out.push_back(std::move(next));
  }
  return out;
}

// Of what is there, the entry for the same parent or target.
const Json& conditions_for(const Json& ours, const Json& entry, const char* ref) {
  static const Json kNone = Json::array();
  const Json* wanted = find(entry, {ref});
  for (const Json& one : ours) {
    const Json* held = find(one, {ref});
    if (held != nullptr && wanted != nullptr && *held == *wanted) {
      return list_at(one, {"conditions"});
    }
  }
  return kNone;
}

StatusUpdate update_istio_status(const HeldStatus& held, const Json& wanted,
                                 const std::string& now) {
  StatusUpdate out;
  const Json ours = parsed(held.ours);
  const Json others = parsed(held.others);
  Json conditions = list_at(others, {"conditions"});
  for (Json& one :
       timed(list_at(wanted, {"conditions"}), list_at(ours, {"conditions"}), now, out.change)) {
    conditions.push_back(std::move(one));
  }
  const Json& mine = list_at(wanted, {"messages"});
  if (mine != list_at(ours, {"messages"})) out.change = StatusChange::kMeaning;
  Json messages = list_at(others, {"messages"});
  messages.insert(messages.end(), mine.begin(), mine.end());
  const Json* seen = find(ours, {"observedGeneration"});
  if (seen == nullptr || *seen != held.generation) out.change = StatusChange::kMeaning;
  out.status = {{"observedGeneration", held.generation}, {"conditions", std::move(conditions)}};
  if (!messages.empty()) out.status["validationMessages"] = std::move(messages);
  return out;
}

}  // namespace

StatusUpdate update_status(StatusShape shape, const HeldStatus& held, const Json& wanted,
                           const std::string& now) {
  StatusUpdate out;
  if (shape == StatusShape::kIstio) return update_istio_status(held, wanted, now);
  const Json ours = parsed(held.ours);
  if (shape == StatusShape::kConditions) {
    Json conditions = timed(wanted, list_at(ours, {"conditions"}), now, out.change);
    out.status = {{"observedGeneration", held.generation}, {"conditions", std::move(conditions)}};
    const Json* seen = find(ours, {"observedGeneration"});
    if (seen == nullptr || *seen != held.generation) out.change = StatusChange::kMeaning;
    return out;
  }
  const bool routes = shape == StatusShape::kParents;
  const char* ref = routes ? "parentRef" : "ancestorRef";
  const std::size_t most = routes ? kStatusEntriesMax : kStatusAncestorsMax;
  Json entries = parsed(held.others);
  const std::size_t foreign = entries.size();
  Json mine = Json::array();
  for (const Json& entry : wanted) {
    if (foreign + mine.size() >= most) break;
    Json next = entry;
    next["conditions"] =
        timed(list_at(entry, {"conditions"}), conditions_for(ours, entry, ref), now, out.change);
    mine.push_back(std::move(next));
  }
  // Another order, or a parent that is no longer one.
  if (mine.size() != ours.size()) out.change = StatusChange::kMeaning;
  for (std::size_t at = 0; at < mine.size() && at < ours.size(); ++at) {
    if (mine[at][ref] != ours[at].value(ref, Json())) out.change = StatusChange::kMeaning;
  }
  for (Json& entry : mine) entries.push_back(std::move(entry));
  out.status = {{routes ? "parents" : "ancestors", std::move(entries)}};
  return out;
}

std::string status_patch(const ObjectKey& key, const HeldStatus& held, const Json& status) {
  Json object = {
      {"apiVersion", held.api_version},
      {"kind", name_of(key.kind)},
      {"metadata", {{"name", key.name.name}, {"resourceVersion", held.resource_version}}},
      {"status", status}};
  if (!key.name.name_space.empty()) object["metadata"]["namespace"] = key.name.name_space;
  return print_json(object);
}

}  // namespace weft::control::kube
