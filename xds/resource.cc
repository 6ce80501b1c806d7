#include "xds/resource.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "sidecar/core/xxhash.h"

namespace weft::xds {

std::string serialize(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

std::string version_of(std::string_view bytes) { return fmt::format("{:016x}", xxh64(bytes)); }

Resource make_resource(std::string_view name, const google::protobuf::Message& message) {
  Resource resource;
  resource.name = name;
  resource.body.set_value(serialize(message));
  resource.body.set_type_url(std::string(kTypeUrlPrefix) + message.GetDescriptor()->full_name());
  resource.version = version_of(resource.body.value());
  return resource;
}

std::string_view message_name(std::string_view type_url) {
  const auto slash = type_url.rfind('/');
  return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
}

}  // namespace weft::xds
