#pragma once
// Reading: the small values that every resource is made of: addresses, durations, matchers, data,
// metadata.
//
// A Reading belongs to the translation of one resource and carries where its mistakes go. Each
// function returns something usable even when it refused, so that one walk finds every mistake.
// Internal to from_proto.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/config/matchers.h"
#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "xds/field_path.h"
#include "xds/findings.h"
#include "xds/from_proto.h"
#include "xds/proto/core.pb.h"
#include "xds/proto/matcher.pb.h"
#include "xds/proto/type.pb.h"

namespace weft::xds {

class Reading final {
 public:
  // A DataSource holds at most this much: certificates, roots, bodies.
  static constexpr std::size_t kDataBytesMax = 1024 * 1024;

  Reading(const FromProtoOptions& options, Findings& findings)
      : options_(options), findings_(findings) {}

  [[nodiscard]] Findings& findings() { return findings_; }
  [[nodiscard]] UnknownFields unknown() const { return options_.unknown; }
  [[nodiscard]] const std::string& own_node() const { return options_.own_node; }
  void refuse(const FieldPath& path, std::string_view why) { findings_.refuse(path, why); }
  void note(const FieldPath& path, std::string_view what) { findings_.note(path, what); }

  bool unpack(const google::protobuf::Any& any, const FieldPath& path,
              google::protobuf::Message& out);

  SocketAddress address(const envoy::config::core::v3::Address& address, const FieldPath& path);
  SocketAddress address(const envoy::config::core::v3::SocketAddress& address,
                        const FieldPath& path);
  Cidr cidr(const envoy::config::core::v3::CidrRange& range, const FieldPath& path);

  config::TextMatch text(const envoy::type::matcher::v3::StringMatcher& matcher,
                         const FieldPath& path);
  config::TextMatch regex(const envoy::type::matcher::v3::RegexMatcher& matcher,
                          const FieldPath& path);
  std::string data(const envoy::config::core::v3::DataSource& source, const FieldPath& path);

  // Only what arrives on the stream we have: ads, self.
  void must_be_ads(const envoy::config::core::v3::ConfigSource& source, const FieldPath& path);

 private:
  const FromProtoOptions& options_;
  Findings& findings_;
};

[[nodiscard]] Duration duration_of(const google::protobuf::Duration& duration);
[[nodiscard]] double percent_of(const envoy::type::v3::FractionalPercent& fraction);

// A string of filter_metadata["weft"]; empty when it is not there or no string.
[[nodiscard]] std::string metadata_text(const envoy::config::core::v3::Metadata& metadata,
                                        const std::string& key);
// What a sidecar says of the machine it runs on; empty: nothing.
[[nodiscard]] std::string own_node_of(const envoy::config::core::v3::Node& node);
[[nodiscard]] const google::protobuf::Any* typed_metadata(
    const envoy::config::core::v3::Metadata& metadata, const std::string& key);

}  // namespace weft::xds
