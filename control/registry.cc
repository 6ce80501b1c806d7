#include "control/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "control/model/objections.h"
#include "sidecar/config/document.h"

namespace weft::control {

namespace {

// Of a text with mistakes: read, or judged when it had been read.
std::optional<RouteHead> refused_head(const std::optional<RouteHead>& read,
                                      const std::optional<Object>& judged) {
  return judged ? route_head_of(*judged) : read;
}

Objects objects_of(const Registry::AcceptedMap& accepted) {
  Objects objects;
  for (const auto& [key, held] : accepted) objects.emplace_hint(objects.end(), key, held.object);
  return objects;
}

}  // namespace

Registry::Registry() : mesh_(make_mesh({}, 0, trust_domain_)) {}

void Registry::Difference::note(const ObjectKey& key, const Accepted* now) {
  any = true;
  only_workloads = only_workloads && key.kind == Kind::kWorkload;
  if (!only_workloads) return;
  const auto* held =
      now == nullptr ? nullptr : std::get_if<std::shared_ptr<const Workload>>(&now->object);
  workloads[key.name] = held == nullptr ? nullptr : *held;
}

Registry::Difference Registry::difference(const AcceptedMap& before, const AcceptedMap& now) {
  Difference out;
  auto left = before.begin();
  auto right = now.begin();
  while (left != before.end() || right != now.end()) {
    const bool gone = right == now.end() || (left != before.end() && left->first < right->first);
    const bool is_new = !gone && (left == before.end() || right->first < left->first);
    if (gone) {
      out.note(left->first, nullptr);
    } else if (is_new || left->second.json != right->second.json) {
      out.note(right->first, &right->second);
    }
    if (!is_new) ++left;
    if (!gone) ++right;
  }
  return out;
}

bool Registry::File::is_unclear() const {
  return !broken.empty() ||
         std::ranges::any_of(found, [](const Found& one) { return !one.read.key; });
}

Registry::File Registry::read_file(SourceFile&& source) {
  File file{.text = std::move(source.text)};
  if (!source.unreadable.empty()) {
    file.broken = fmt::format("{}: {}", source.name, source.unreadable);
    return file;
  }
  std::vector<Result<config::Document>> documents =
      config::parse_each_document(file.text, source.name);
  if (documents.size() > kDocumentsPerFileMax) {
    file.broken = fmt::format("{}: {} documents, at most {} are allowed", source.name,
                              documents.size(), kDocumentsPerFileMax);
    return file;
  }
  for (Result<config::Document>& document : documents) {
    if (document) {
      file.found.push_back({.read = read_object(*document),
                            .json = config::to_json(document->root),
                            .laid_out = config::to_json_in_its_lines(document->root)});
    } else {
      file.found.push_back({.read = {.mistakes = {std::move(document.error().detail)}}});
    }
  }
  return file;
}

void Registry::add_problem(Problem problem) {
  if (problems_.size() < kProblemsMax) problems_.push_back(std::move(problem));
}

std::string Registry::objection_to(const Object& object) const {
  const auto* held = std::get_if<std::shared_ptr<const MeshConfig>>(&object);
  if (held == nullptr || trust_domain_.empty() || (*held)->trust_domain == trust_domain_) return {};
  return fmt::format("{}: spec.trustDomain: cannot become {}: the root vouches for {}",
                     (*held)->metadata.place, (*held)->trust_domain, trust_domain_);
}

// Text that holds already goes on, whatever one would say to it today.
std::string Registry::objection_to_new(const ObjectKey& key, const Object& object,
                                       const std::string& json) const {
  const auto before = accepted_.find(key);
  if (before != accepted_.end() && before->second.json == json) return {};
  std::string objection = objection_to_nowhere(object);
  if (objection.empty() && wall_clock_ != nullptr) {
    objection = objection_to_times(object, wall_clock_());
  }
  return objection;
}

void Registry::take(const std::string& file, const Found& found, AcceptedMap& next) {
  const ReadObject& read = found.read;
  for (const std::string& note : read.notes) notes_.push_back(note);
  std::vector<std::string> mistakes = read.mistakes;
  if (read.object) {
    for (std::string objection :
         {objection_to(*read.object), objection_to_new(*read.key, *read.object, found.json)}) {
      if (!objection.empty()) mistakes.push_back(std::move(objection));
    }
  }
  if (read.key && !mistakes.empty() && !next.contains(*read.key)) {
    if (const auto head = refused_head(read.refused_route, read.object)) {
      refused_routes_[*read.key] = {*head, mistakes.front()};
    }
  }
  if (read.key && mistakes.empty()) {
    if (const auto other = next.find(*read.key); other != next.end()) {
      mistakes.push_back(fmt::format("{}: {} is there already, at {}",
                                     metadata_of(*read.object).place, read.key->to_string(),
                                     metadata_of(other->second.object).place));
    } else if (next.size() >= kObjectsMax) {
      mistakes.push_back(fmt::format("{}: more than {} objects", file, kObjectsMax));
    } else {
      refused_routes_.erase(*read.key);
      next.emplace(*read.key, Accepted{.file = file,
                                       .json = found.json,
                                       .object = *read.object,
                                       .laid_out = found.laid_out});
    }
  }
  // What this text said before it went wrong keeps its turn among the other files.
  if (const auto before = read.key ? accepted_.find(*read.key) : accepted_.end();
      !mistakes.empty() && before != accepted_.end() && before->second.file == file) {
    next.emplace(before->first, before->second);
  }
  for (std::string& mistake : mistakes) {
    add_problem({.file = file, .key = read.key, .text = std::move(mistake)});
  }
}

// Of files that cannot be understood in full, what they gave before stays.
void Registry::keep_unclear(AcceptedMap& next) {
  for (const auto& [key, held] : accepted_) {
    if (next.contains(key)) continue;
    const auto file = files_.find(held.file);
    if (file == files_.end()) continue;
    const bool named = std::ranges::any_of(
        file->second.found, [&](const Found& found) { return found.read.key == key; });
    if (named || file->second.is_unclear()) next.emplace(key, held);
  }
}

void Registry::collect(AcceptedMap& next) {
  for (const auto& [name, file] : files_) {
    if (!file.broken.empty()) add_problem({.file = name, .text = file.broken});
    for (const Found& found : file.found) take(name, found, next);
  }
  // An object whose text is bad where it now stands may have come from another file that is gone.
  for (const auto& [name, file] : files_) {
    for (const Found& found : file.found) {
      if (!found.read.key || next.contains(*found.read.key)) continue;
      const auto before = accepted_.find(*found.read.key);
      if (before != accepted_.end()) next.emplace(before->first, before->second);
    }
  }
  keep_unclear(next);
}

Registry::Difference Registry::collect_all() {
  problems_.clear();
  notes_.clear();
  refused_routes_.clear();
  AcceptedMap next;
  collect(next);
  for (Problem& problem : problems_) {
    problem.older_holds = problem.key ? next.contains(*problem.key)
                                      : std::ranges::any_of(next, [&](const auto& held) {
                                          return held.second.file == problem.file;
                                        });
  }
  Difference changes = difference(accepted_, next);
  for (auto& [key, held] : next) {
    const auto before = accepted_.find(key);
    const bool as_before = before != accepted_.end() && before->second.json == held.json;
    held.generation = as_before ? before->second.generation : generation_ + 1;
  }
  accepted_ = std::move(next);
  clean_ = problems_.empty() && notes_.empty();
  return changes;
}

bool Registry::is_clean(const Found& found) const {
  const ReadObject& read = found.read;
  return read.key && read.object && read.mistakes.empty() && read.notes.empty() &&
         objection_to(*read.object).empty() &&
         objection_to_new(*read.key, *read.object, found.json).empty();
}

// A mesh has thousands of files of which one changes.
std::optional<Registry::Difference> Registry::collect_changed(
    const Files& old, const std::vector<std::string>& changed) {
  if (!clean_) return std::nullopt;
  std::set<ObjectKey> gone;
  for (const auto& [name, file] : old) {
    for (const Found& found : file.found) gone.insert(*found.read.key);
  }
  std::map<ObjectKey, std::pair<const std::string*, const Found*>> there;
  for (const std::string& name : changed) {
    const File& file = files_.at(name);
    if (file.is_unclear() ||
        !std::ranges::all_of(file.found, [this](const Found& found) { return is_clean(found); })) {
      return std::nullopt;
    }
    for (const Found& found : file.found) {
      const ObjectKey& key = *found.read.key;
      // Twice, or in a file that is as it was: somebody has to yield.
      if (!there.try_emplace(key, &name, &found).second) return std::nullopt;
      if (gone.erase(key) == 0 && accepted_.contains(key)) return std::nullopt;
    }
  }
  if (accepted_.size() + there.size() > kObjectsMax) return std::nullopt;
  Difference out;
  for (const ObjectKey& key : gone) {
    accepted_.erase(key);
    out.note(key, nullptr);
  }
  for (const auto& [key, place] : there) {
    const auto& [name, found] = place;
    Accepted next{.file = *name,
                  .json = found->json,
                  .object = *found->read.object,
                  .laid_out = found->laid_out,
                  .generation = generation_ + 1};
    const auto before = accepted_.find(key);
    const bool same = before != accepted_.end() && before->second.json == next.json;
    if (same) next.generation = before->second.generation;
    const auto now = accepted_.insert_or_assign(key, std::move(next)).first;
    if (!same) out.note(key, &now->second);
  }
  return out;
}

bool Registry::publish(const Difference& made) {
  if (!made.any) return false;
  ++generation_;
  std::shared_ptr<const Mesh> next;
  if (made.only_workloads) next = change_workloads(*mesh_, made.workloads, generation_);
  mesh_ = next != nullptr ? std::move(next)
                          : make_mesh(objects_of(accepted_), generation_, trust_domain_);
  return true;
}

bool Registry::set_files(std::vector<SourceFile> files) {
  Files read;
  Files old;
  std::vector<std::string> changed;
  for (SourceFile& file : files) {
    const auto before = files_.find(file.name);
    const bool unchanged = before != files_.end() && file.unreadable.empty() &&
                           before->second.broken.empty() && before->second.text == file.text;
    const std::string name = file.name;
    if (unchanged) {
      read.insert(files_.extract(before));
    } else {
      changed.push_back(name);
      read.emplace(name, read_file(std::move(file)));
    }
  }
  old = std::exchange(files_, std::move(read));
  std::optional<Difference> made = collect_changed(old, changed);
  return publish(made ? *made : collect_all());
}

// ---- objects by key ----

// Whether the accepted objects changed.
bool Registry::apply_one(KeyedChange&& change, bool& said_changed) {
  said_changed = said_.erase(change.key) > 0 || said_changed;
  const auto before = accepted_.find(change.key);
  if (!change.text) {
    if (before == accepted_.end()) return false;
    accepted_.erase(before);
    return true;
  }
  KeyedChange::Text& text = *change.text;
  if (text.object) {
    for (std::string objection :
         {objection_to(*text.object), objection_to_new(change.key, *text.object, text.json)}) {
      if (!objection.empty()) text.mistakes.push_back(std::move(objection));
    }
    if (before == accepted_.end() && accepted_.size() >= kObjectsMax) {
      text.mistakes.push_back(
          fmt::format("{}: more than {} objects", change.key.to_string(), kObjectsMax));
    }
  }
  const bool good = text.object && text.mistakes.empty();
  if (!text.mistakes.empty() || !text.notes.empty()) {
    Said& said = said_[change.key];
    if (!text.mistakes.empty()) said.refused_route = refused_head(text.refused_route, text.object);
    said.mistakes = std::move(text.mistakes);
    said.notes = std::move(text.notes);
    said_changed = true;
  }
  if (!good || (before != accepted_.end() && before->second.json == text.json)) return false;
  accepted_.insert_or_assign(change.key, Accepted{.file = change.key.to_string(),
                                                  .json = std::move(text.json),
                                                  .object = std::move(*text.object),
                                                  .generation = generation_ + 1});
  return true;
}

void Registry::publish_said() {
  problems_.clear();
  notes_.clear();
  refused_routes_.clear();
  for (const auto& [key, said] : said_) {
    if (said.refused_route) refused_routes_[key] = {*said.refused_route, said.mistakes.front()};
    for (const std::string& mistake : said.mistakes) {
      add_problem({.file = key.to_string(),
                   .key = key,
                   .text = mistake,
                   .older_holds = accepted_.contains(key)});
    }
    notes_.insert(notes_.end(), said.notes.begin(), said.notes.end());
  }
}

std::string Registry::mistakes_of(const ObjectKey& key) const {
  const auto found = said_.find(key);
  std::string out;
  if (found == said_.end()) return out;
  for (const std::string& mistake : found->second.mistakes) {
    out += (out.empty() ? "" : "; ") + mistake;
  }
  return out;
}

bool Registry::apply(std::vector<KeyedChange> changes) {
  bool said_changed = false;
  Difference made;
  for (KeyedChange& change : changes) {
    const ObjectKey key = change.key;
    if (!apply_one(std::move(change), said_changed)) continue;
    const auto now = accepted_.find(key);
    made.note(key, now == accepted_.end() ? nullptr : &now->second);
  }
  if (said_changed) publish_said();
  return publish(made);
}

std::vector<std::string> Registry::restore(const std::vector<Kept>& kept,
                                           std::uint64_t generation) {
  std::vector<std::string> dropped;
  for (const Kept& one : kept) {
    File file = read_file({.name = one.file, .text = one.json});
    const bool good = file.broken.empty() && file.found.size() == 1 && file.found[0].read.object &&
                      file.found[0].read.key == one.key;
    if (!good) {
      dropped.push_back(fmt::format("{} of {}", one.key.to_string(), one.file));
      continue;
    }
    accepted_.emplace(one.key, Accepted{.file = one.file,
                                        .json = file.found[0].json,
                                        .object = std::move(*file.found[0].read.object),
                                        .generation = generation});
  }
  generation_ = generation;
  mesh_ = make_mesh(objects_of(accepted_), generation_, trust_domain_);
  return dropped;
}

}  // namespace weft::control
