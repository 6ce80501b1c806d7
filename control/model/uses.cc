#include "control/model/uses.h"

#include <fmt/format.h>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

ObjectName name_in(std::string_view entry, std::string_view own_namespace) {
  const std::size_t slash = entry.find('/');
  if (slash == std::string_view::npos) return {std::string(own_namespace), std::string(entry)};
  return {std::string(entry.substr(0, slash)), std::string(entry.substr(slash + 1))};
}

}  // namespace

std::string Uses::check(std::string_view entry) {
  constexpr std::string_view kWanted = "must be NAMESPACE/SERVICE, SERVICE, NAMESPACE/* or */*";
  const std::size_t slash = entry.find('/');
  const std::string_view service =
      slash == std::string_view::npos ? entry : entry.substr(slash + 1);
  const bool any_service = slash != std::string_view::npos && service == kAny;
  if (!any_service && !check_label_name(service).empty()) return std::string(kWanted);
  if (slash == std::string_view::npos) return {};
  const std::string_view name_space = entry.substr(0, slash);
  if (name_space == kAny) return any_service ? std::string() : std::string(kWanted);
  return check_label_name(name_space).empty() ? std::string() : std::string(kWanted);
}

Result<Uses> Uses::parse(std::string_view text, std::string_view own_namespace) {
  Uses out;
  if (trim(text).empty()) return out;
  for (const std::string_view part : split(text, ',')) {
    const std::string_view entry = trim(part);
    if (const std::string objection = check(entry); !objection.empty()) {
      return fail(Fault::kInvalid, fmt::format("'{}' {}", escape(entry, 128), objection));
    }
    if (!out.add(entry, own_namespace)) {
      return fail(Fault::kInvalid, fmt::format("more than {} Services", kMax));
    }
  }
  return out;
}

bool Uses::add(std::string_view entry, std::string_view own_namespace) {
  ObjectName name = name_in(entry, own_namespace);
  if (entries_.contains(name)) return true;
  if (entries_.size() >= kMax) return false;
  entries_.insert(std::move(name));
  return true;
}

bool Uses::everything() const { return entries_.contains({std::string(kAny), std::string(kAny)}); }

bool Uses::covers(const ObjectName& service) const {
  return entries_.contains(service) || entries_.contains({service.name_space, std::string(kAny)}) ||
         everything();
}

std::string Uses::to_string() const {
  std::string out;
  for (const ObjectName& name : entries_) {
    if (!out.empty()) out += ',';
    out += name.to_string();
  }
  return out;
}

}  // namespace weft::control
