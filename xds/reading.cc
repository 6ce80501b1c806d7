#include "xds/reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/check.h"
#include "xds/extensions.h"

namespace weft::xds {

namespace core = envoy::config::core::v3;

bool Reading::unpack(const google::protobuf::Any& any, const FieldPath& path,
                     google::protobuf::Message& out) {
  return xds::unpack(any, path, options_.unknown, findings_, out);
}

SocketAddress Reading::address(const core::Address& address, const FieldPath& path) {
  switch (address.address_case()) {
    case core::Address::kSocketAddress:
      return this->address(address.socket_address(), path / "socket_address");
    case core::Address::kPipe:
      return SocketAddress::unix_path(address.pipe().path());
    case core::Address::kEnvoyInternalAddress:
    case core::Address::ADDRESS_NOT_SET:
      break;
  }
  return {};
}

SocketAddress Reading::address(const core::SocketAddress& address, const FieldPath& path) {
  if (address.protocol() != core::SocketAddress::TCP) {
    refuse(path / "protocol", "UDP is not supported");
  }
  const auto ip = IpAddress::parse(address.address());
  if (!ip) {
    if (!address.address().empty()) {
      refuse(path / "address",
             fmt::format("\"{}\" is not an IP address", escape(address.address())));
    }
    return {};
  }
  return SocketAddress(*ip, static_cast<std::uint16_t>(address.port_value()));
}

Cidr Reading::cidr(const core::CidrRange& range, const FieldPath& path) {
  const auto ip = IpAddress::parse(range.address_prefix());
  if (!ip) {
    refuse(path / "address_prefix",
           fmt::format("\"{}\" is not an IP address", escape(range.address_prefix())));
    return {};
  }
  const auto cidr = Cidr::make(*ip, range.prefix_len().value());
  if (!cidr) {
    refuse(path / "prefix_len", cidr.error().detail);
    return {};
  }
  return *cidr;
}

config::TextMatch Reading::text(const envoy::type::matcher::v3::StringMatcher& matcher,
                                const FieldPath& path) {
  using envoy::type::matcher::v3::StringMatcher;
  using How = config::TextMatch::How;
  const auto plain = [&](How how, const std::string& value) {
    return config::TextMatch{.how = how, .value = value, .ignore_case = matcher.ignore_case()};
  };
  switch (matcher.match_pattern_case()) {
    case StringMatcher::kExact:
      return plain(How::kExact, matcher.exact());
    case StringMatcher::kPrefix:
      return plain(How::kPrefix, matcher.prefix());
    case StringMatcher::kSuffix:
      return plain(How::kSuffix, matcher.suffix());
    case StringMatcher::kContains:
      return plain(How::kContains, matcher.contains());
    case StringMatcher::kSafeRegex:
      return regex(matcher.safe_regex(), path / "safe_regex");
    case StringMatcher::kCustom:
    case StringMatcher::MATCH_PATTERN_NOT_SET:
      break;
  }
  return {};
}

config::TextMatch Reading::regex(const envoy::type::matcher::v3::RegexMatcher& matcher,
                                 const FieldPath& path) {
  config::TextMatch match{.how = config::TextMatch::How::kRegex, .value = matcher.regex()};
  if (const auto compiled = match.compile(); !compiled) {
    refuse(path / "regex", compiled.error().detail);
  }
  return match;
}

std::string Reading::data(const core::DataSource& source, const FieldPath& path) {
  switch (source.specifier_case()) {
    case core::DataSource::kInlineBytes:
    case core::DataSource::kInlineString: {
      auto bytes = source.has_inline_bytes() ? source.inline_bytes() : source.inline_string();
      if (bytes.size() > kDataBytesMax) {
        refuse(path,
               fmt::format("has {} bytes, at most {} are allowed", bytes.size(), kDataBytesMax));
      }
      return bytes;
    }
    case core::DataSource::kFilename: {
      if (!options_.read_file) {
        refuse(path / "filename", "files are not read here");
        return {};
      }
      auto content = options_.read_file(source.filename());
      if (!content) refuse(path / "filename", content.error().detail);
      return content ? *std::move(content) : std::string();
    }
    case core::DataSource::kEnvironmentVariable: {
      if (!options_.read_file) {
        refuse(path / "environment_variable", "the environment is not read here");
        return {};
      }
      const char* value = std::getenv(source.environment_variable().c_str());
      if (value == nullptr) {
        refuse(path / "environment_variable",
               fmt::format("{} is not set", escape(source.environment_variable())));
        return {};
      }
      return value;
    }
    case core::DataSource::SPECIFIER_NOT_SET:
      break;
  }
  return {};
}

void Reading::must_be_ads(const core::ConfigSource& source, const FieldPath& path) {
  if (source.resource_api_version() == core::V2) {
    refuse(path / "resource_api_version", "V2 is not supported");
  }
  switch (source.config_source_specifier_case()) {
    case core::ConfigSource::kAds:
    case core::ConfigSource::kSelf:
    case core::ConfigSource::CONFIG_SOURCE_SPECIFIER_NOT_SET:
      return;
    case core::ConfigSource::kPath:
    case core::ConfigSource::kApiConfigSource:
    case core::ConfigSource::kPathConfigSource:
      refuse(path, "must be ads");
      return;
  }
}

Duration duration_of(const google::protobuf::Duration& duration) {
  // The walk has refused what is out of range; here it must only not overflow.
  const std::int64_t seconds = std::clamp<std::int64_t>(duration.seconds(), 0, kDurationSecondsMax);
  const std::int32_t nanos = std::clamp(duration.nanos(), 0, 999'999'999);
  return std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos);
}

double percent_of(const envoy::type::v3::FractionalPercent& fraction) {
  using envoy::type::v3::FractionalPercent;
  switch (fraction.denominator()) {
    case FractionalPercent::TEN_THOUSAND:
      return fraction.numerator() / 100.0;
    case FractionalPercent::MILLION:
      return fraction.numerator() / 10'000.0;
    default:
      return fraction.numerator();
  }
}

std::string own_node_of(const envoy::config::core::v3::Node& node) {
  const auto& said = node.metadata().fields();
  const auto ours = said.find("weft");
  if (ours == said.end()) return {};
  const auto& fields = ours->second.struct_value().fields();
  const auto field = fields.find("node");
  return field == fields.end() ? std::string() : field->second.string_value();
}

std::string metadata_text(const core::Metadata& metadata, const std::string& key) {
  const auto found = metadata.filter_metadata().find("weft");
  if (found == metadata.filter_metadata().end()) return {};
  const auto field = found->second.fields().find(key);
  if (field == found->second.fields().end()) return {};
  return field->second.string_value();
}

const google::protobuf::Any* typed_metadata(const core::Metadata& metadata,
                                            const std::string& key) {
  const auto found = metadata.typed_filter_metadata().find(key);
  return found == metadata.typed_filter_metadata().end() ? nullptr : &found->second;
}

}  // namespace weft::xds
