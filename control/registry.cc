#include "control/registry.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/config/document.h"

namespace weft::control {

namespace {

// Whether both hold the same content; where it stands does not matter.
bool same(const Registry::AcceptedMap& a, const Registry::AcceptedMap& b) {
  return std::ranges::equal(a, b, [](const auto& left, const auto& right) {
    return left.first == right.first && left.second.json == right.second.json;
  });
}

Objects objects_of(const Registry::AcceptedMap& accepted) {
  Objects objects;
  for (const auto& [key, held] : accepted) objects.emplace_hint(objects.end(), key, held.object);
  return objects;
}

}  // namespace

Registry::Registry() : mesh_(make_mesh({}, 0, trust_domain_)) {}

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
      file.found.push_back(
          {.read = read_object(*document), .json = config::to_json(document->root)});
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

void Registry::take(const std::string& file, const Found& found, AcceptedMap& next) {
  const ReadObject& read = found.read;
  for (const std::string& note : read.notes) notes_.push_back(note);
  std::vector<std::string> mistakes = read.mistakes;
  if (read.object) {
    if (std::string objection = objection_to(*read.object); !objection.empty()) {
      mistakes.push_back(std::move(objection));
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
      next.emplace(*read.key, Accepted{.file = file, .json = found.json, .object = *read.object});
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

bool Registry::set_files(std::vector<SourceFile> files) {
  std::map<std::string, File> read;
  for (SourceFile& file : files) {
    const auto before = files_.find(file.name);
    const bool unchanged = before != files_.end() && file.unreadable.empty() &&
                           before->second.broken.empty() && before->second.text == file.text;
    const std::string name = file.name;
    read.emplace(name, unchanged ? std::move(before->second) : read_file(std::move(file)));
  }
  files_ = std::move(read);
  problems_.clear();
  notes_.clear();
  AcceptedMap next;
  collect(next);
  for (Problem& problem : problems_) {
    problem.older_holds = problem.key ? next.contains(*problem.key)
                                      : std::ranges::any_of(next, [&](const auto& held) {
                                          return held.second.file == problem.file;
                                        });
  }
  const bool changed = !same(accepted_, next);
  accepted_ = std::move(next);
  if (changed) mesh_ = make_mesh(objects_of(accepted_), ++generation_, trust_domain_);
  return changed;
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
                                        .object = std::move(*file.found[0].read.object)});
  }
  generation_ = generation;
  mesh_ = make_mesh(objects_of(accepted_), generation_, trust_domain_);
  return dropped;
}

}  // namespace weft::control
