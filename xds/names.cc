// The mesh's names in one zone: weft.config.v1.NameTable.

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "sidecar/core/strings.h"
#include "xds/check.h"
#include "xds/from_proto.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/resource.h"

namespace weft::xds {

namespace {

constexpr std::size_t kShownBytes = 64;

// RFC 1035 2.3.1 as zones are really written: underscores are in use.
bool is_dns_label(std::string_view label) {
  constexpr std::size_t kLabelMax = 63;
  return !label.empty() && label.size() <= kLabelMax && std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool are_dns_labels(std::string_view name) {
  return std::ranges::all_of(split(name, '.'), is_dns_label);
}

void read_name_addresses(const weft::config::v1::NameTable::Entry& entry, const FieldPath& path,
                         Findings& findings, std::vector<IpAddress>& out) {
  out.reserve(static_cast<std::size_t>(entry.addresses_size()));
  for (int i = 0; i < entry.addresses_size(); ++i) {
    const Result<IpAddress> address = IpAddress::parse(entry.addresses(i));
    if (address && !address->is_any()) {
      out.push_back(*address);
    } else {
      findings.refuse(
          path.at("addresses", i),
          fmt::format("'{}' is no address of a machine", escape(entry.addresses(i), kShownBytes)));
    }
  }
}

}  // namespace

Result<NameTable> names_from_proto(const weft::config::v1::NameTable& table,
                                   const FromProtoOptions& options, Findings& findings) {
  const FieldPath path;
  check(table, path, options.unknown, findings);
  NameTable out{.name = table.zone()};
  const auto refuse_name = [&](const FieldPath& at, const std::string& name) {
    findings.refuse(at, fmt::format("'{}' is no name in lower case", escape(name, kShownBytes)));
  };
  if (!are_dns_labels(out.name)) refuse_name(path / "zone", out.name);
  std::unordered_set<std::string_view> names;
  out.entries.reserve(static_cast<std::size_t>(table.entries_size()));
  for (int i = 0; i < table.entries_size(); ++i) {
    const auto& entry = table.entries(i);
    const FieldPath at = path.at("entries", i);
    if (!are_dns_labels(entry.name()) || std::ranges::count(entry.name(), '.') > 1) {
      refuse_name(at / "name", entry.name());
    } else if (!names.insert(entry.name()).second) {
      findings.refuse(at / "name", fmt::format("'{}' is there already", entry.name()));
    }
    NameTable::Entry& read = out.entries.emplace_back();
    read.name = entry.name();
    read_name_addresses(entry, at, findings, read.addresses);
  }
  if (findings.refused()) return fail(findings.error());
  out.version = version_of(serialize(table));
  return out;
}

}  // namespace weft::xds
