#include "control/injection/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/injection/injection.h"
#include "control/model/yaml_text.h"
#include "sidecar/config/document.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

constexpr std::array<std::string_view, 6> kWithTemplate = {
    "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController"};

bool is_document_mark(std::string_view line) {
  return line.starts_with("---") &&
         (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

// Cut before each marker line; what stands together is the text again.
std::vector<std::string_view> split_documents(std::string_view text) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    std::string_view line = text.substr(at, end - at);
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (at != begin && is_document_mark(line)) {
      out.push_back(text.substr(begin, at - begin));
      begin = at;
    }
    at = end;
  }
  out.push_back(text.substr(begin));
  return out;
}

// The pod of an object that makes pods; nullptr for any other.
Json* find_pod(Json& object) {
  const std::string kind = text_of(member(&object, "kind"));
  if (kind == "Pod") return &object;
  Json::json_pointer path;
  if (kind == "CronJob") {
    path = Json::json_pointer("/spec/jobTemplate/spec/template");
  } else if (std::ranges::find(kWithTemplate, kind) != kWithTemplate.end()) {
    path = Json::json_pointer("/spec/template");
  } else {
    return nullptr;
  }
  return object.contains(path) ? &object[path] : nullptr;
}

class ManifestChanger final {
 public:
  ManifestChanger(ManifestTask task, const InjectionContext& context, ManifestResult& out)
      : task_(task), context_(context), out_(out) {}

  // Whether anything in it changed.
  Result<bool> change(Json& object) {
    const std::string kind = text_of(member(&object, "kind"));
    if (kind == "List" || kind == "PodList") return change_list(object);
    Json* pod = find_pod(object);
    if (pod == nullptr) return false;
    const Json* metadata = member(&object, "metadata");
    InjectionContext context = context_;
    if (std::string name_space = text_of(member(metadata, "namespace")); !name_space.empty())
      context.name_space = name_space;
    ManifestChange change;
    change.object = fmt::format("{} {}/{}", kind, context.name_space,
                                escape(text_of(member(metadata, "name")), 253));
    const Json before = object;
    if (Status done = apply(*pod, context, change); !done) {
      return fail(Fault::kInvalid, change.object + ": " + done.error().detail);
    }
    change.changed = object != before;
    if (change.changed) change.patch = make_patch(before, object);
    out_.changes.push_back(std::move(change));
    return out_.changes.back().changed;
  }

 private:
  Result<bool> change_list(Json& list) {
    bool changed = false;
    const auto items = list.find("items");
    if (items == list.end() || !items->is_array()) return false;
    for (Json& item : *items) {
      const Result<bool> one = change(item);
      if (!one) return one;
      changed = changed || *one;
    }
    return changed;
  }
  Status apply(Json& pod, const InjectionContext& context, ManifestChange& change) {
    if (task_ == ManifestTask::kUninject) {
      Result<Json> done = uninject(pod);
      if (!done) return fail(done.error());
      if (*done == pod) change.detail = "it has no sidecar of weft's";
      pod = std::move(*done);
      return {};
    }
    Result<Injection> done = inject(pod, context);
    if (!done) return fail(done.error());
    change.detail = done->detail;
    change.warnings = std::move(done->warnings);
    pod = std::move(done->pod);
    return {};
  }

  const ManifestTask task_;
  const InjectionContext& context_;
  ManifestResult& out_;
};

}  // namespace

Result<ManifestResult> change_manifest(std::string_view text, std::string_view source,
                                       ManifestTask task, const InjectionContext& context,
                                       bool json) {
  ManifestResult out;
  ManifestChanger changer(task, context, out);
  for (const std::string_view part : split_documents(text)) {
    const auto documents = config::parse_documents(part, source);
    if (!documents) return fail(documents.error());
    bool changed = false;
    Json object;
    if (!documents->empty() && documents->front().root.is_map()) {
      object = parse_json(config::to_json(documents->front().root));
      if (object.is_discarded())
        return fail(Fault::kInvalid, fmt::format("{}: a document is too large", source));
      const Result<bool> done = changer.change(object);
      if (!done) return fail(Fault::kInvalid, fmt::format("{}: {}", source, done.error().detail));
      changed = *done;
    }
    if (!changed) {
      out.text += part;
      if (!out.text.empty() && !out.text.ends_with('\n')) out.text += '\n';
      continue;
    }
    const std::string printed = print_json(object, json ? 2 : -1);
    if (part.starts_with("---") || !out.text.empty()) out.text += "---\n";
    out.text += json ? printed + "\n" : yaml_text(printed);
  }
  return out;
}

}  // namespace weft::control::injection
