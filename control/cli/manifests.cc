#include "control/cli/manifests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/authority.h"
#include "control/cli/manifest_template.h"
#include "control/cli/manifest_texts/access.h"
#include "control/cli/manifest_texts/blocks.h"
#include "control/cli/manifest_texts/control.h"
#include "control/cli/manifest_texts/ha.h"
#include "control/cli/manifest_texts/webhooks.h"
#include "control/model/crd.h"
#include "control/model/names.h"
#include "control/model/schema.h"
#include "sidecar/config/document.h"
#include "sidecar/core/assert.h"

namespace weft::control::cli {

namespace {

struct ManifestText {
  std::string_view file;
  std::string_view text;
  bool in_chart;
};
constexpr std::array<ManifestText, 4> kTexts = {{{"namespace.yaml", texts::kNamespace, false},
                                                 {"access.yaml", texts::kAccess, true},
                                                 {"control.yaml", texts::kControl, true},
                                                 {"webhooks.yaml", texts::kWebhooks, true}}};
constexpr ManifestText kHaText = {"ha.yaml", texts::kHa, true};

constexpr std::size_t kImageMax = 512;

std::string check_image(std::string_view text) {
  const auto inside = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:@").find(c) != std::string_view::npos;
  };
  const bool begins = !text.empty() && inside(text.front()) &&
                      std::string_view("-_./:@").find(text.front()) == std::string_view::npos;
  if (begins && text.size() <= kImageMax && std::ranges::all_of(text, inside)) return {};
  return "must be an image's name, as weft-control:0.1.0";
}

TemplateWords with_blocks(TemplateWords values) {
  for (const texts::Block& block : texts::kBlocks) values.emplace(block.name, block.text);
  return values;
}

TemplateWords values_of(const InstallOptions& options) {
  return with_blocks({{"namespace", options.name_space},
                      {"suffix", options.revision.empty() ? "" : "-" + options.revision},
                      {"revision", options.revision.empty() ? "default" : options.revision},
                      {"image", options.image},
                      {"sidecar_image", options.sidecar_image},
                      {"bind", options.bind},
                      {"cpu", "100m"},
                      {"memory", "128Mi"},
                      {"memory_limit", "1Gi"}});
}

TemplateWords conditions_of(const InstallOptions& options) {
  TemplateWords out;
  if (options.ha) out["ha"] = "yes";
  out[options.revision.empty() ? "alone" : "revision"] = "yes";
  return out;
}

// The documents of `text`, each as what names it.
std::vector<std::string> heads_in(const std::string& text) {
  std::vector<std::string> out;
  const auto documents = config::parse_documents(text, "manifest");
  WEFT_ASSERT(documents);
  for (const config::Document& document : *documents) {
    const config::Value& metadata = *document.root.find("metadata");
    const config::Value* name_space = metadata.find("namespace");
    out.push_back(fmt::format(
        "apiVersion: {}\nkind: {}\nmetadata:\n  name: {}\n{}",
        document.root.find("apiVersion")->text(), document.root.find("kind")->text(),
        metadata.find("name")->text(),
        name_space == nullptr ? "" : fmt::format("  namespace: {}\n", name_space->text())));
  }
  return out;
}

}  // namespace

Status check_install(const InstallOptions& options) {
  const auto refuse = [](std::string_view flag, const std::string& text,
                         const std::string& objection) {
    return fail(Fault::kInvalid, fmt::format("{}: '{}' {}", flag, text, objection));
  };
  if (const auto bad = check_label_name(options.name_space); !bad.empty()) {
    return refuse("--namespace", options.name_space, bad);
  }
  if (options.name_space != Authority::kOwnNamespace) {
    return refuse("--namespace", options.name_space,
                  fmt::format("is not supported yet, only {}", Authority::kOwnNamespace));
  }
  // Part of names, of which the longest is weft-validator-REVISION.
  if (!options.revision.empty()) {
    const auto bad = check_label_name(options.revision);
    if (!bad.empty()) return refuse("--revision", options.revision, bad);
    if (options.revision == "default" || options.revision.size() > 40) {
      return refuse("--revision", options.revision, "must be another word, of at most 40 bytes");
    }
  }
  for (const auto& [flag, image] :
       {std::pair<const char*, const std::string&>{"--image", options.image},
        {"--sidecar-image", options.sidecar_image}}) {
    if (const auto bad = check_image(image); !bad.empty()) return refuse(flag, image, bad);
  }
  if (options.bind != "0.0.0.0" && options.bind != "[::]") {
    return refuse("--bind", options.bind, "must be 0.0.0.0 or [::]");
  }
  return {};
}

std::vector<Manifest> manifests(const InstallOptions& options) {
  std::vector<Manifest> out;
  const auto add = [&](const ManifestText& one) {
    std::string text = fill_template(one.text, values_of(options), conditions_of(options));
    if (!text.empty()) out.push_back({.file = std::string(one.file), .text = std::move(text)});
  };
  add(kTexts.front());
  for (const std::string& kind : kinds_with_schema()) {
    if (options.crds) out.push_back({.file = crd_name(kind) + ".yaml", .text = crd_of(kind)});
  }
  for (auto one = kTexts.begin() + 1; one != kTexts.end(); ++one) add(*one);
  add(kHaText);
  return out;
}

std::vector<Manifest> chart_templates() {
  static const TemplateWords kValues =
      with_blocks({{"namespace", "{{ .Release.Namespace }}"},
                   {"suffix", "{{ with .Values.revision }}-{{ . }}{{ end }}"},
                   {"revision", "{{ .Values.revision | default \"default\" }}"},
                   {"image", "{{ .Values.image }}"},
                   {"sidecar_image", "{{ .Values.sidecarImage }}"},
                   {"bind", "{{ .Values.bind }}"},
                   {"cpu", "{{ .Values.resources.requests.cpu }}"},
                   {"memory", "{{ .Values.resources.requests.memory }}"},
                   {"memory_limit", "{{ .Values.resources.limits.memory }}"}});
  static const TemplateWords kConditions = {
      {"ha", ".Values.ha"}, {"revision", ".Values.revision"}, {"alone", "not .Values.revision"}};
  std::vector<Manifest> out;
  for (const ManifestText& one : {kTexts[1], kTexts[2], kTexts[3], kHaText}) {
    out.push_back(
        {.file = std::string(one.file), .text = helm_template(one.text, kValues, kConditions)});
  }
  return out;
}

std::string uninstall_heads(const InstallOptions& options) {
  std::vector<std::string> heads;
  for (const Manifest& one : manifests(options)) {
    // Another revision lives in the same namespace, by the same root key.
    if (!options.revision.empty() && one.file == kTexts.front().file) continue;
    for (std::string& head : heads_in(one.text)) heads.push_back(std::move(head));
  }
  // What comes last when it is made goes first.
  std::string out;
  for (auto head = heads.rbegin(); head != heads.rend(); ++head) {
    out += (out.empty() ? "" : "---\n") + *head;
  }
  return out;
}

}  // namespace weft::control::cli
