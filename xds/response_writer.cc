#include "xds/response_writer.h"

#include "xds/wire.h"

namespace weft::xds {

namespace {

// Field numbers of the public messages; tests/xds reads what is written here with the generated
// ones.
constexpr std::uint32_t kVersion = 1;    // both
constexpr std::uint32_t kResources = 2;  // both
constexpr std::uint32_t kTypeUrl = 4;    // both
constexpr std::uint32_t kNonce = 5;      // both
constexpr std::uint32_t kRemoved = 6;    // delta
constexpr std::uint32_t kSotwControlPlane = 6;
constexpr std::uint32_t kDeltaControlPlane = 7;
constexpr std::uint32_t kIdentifier = 1;  // of ControlPlane
constexpr std::uint32_t kAnyTypeUrl = 1;
constexpr std::uint32_t kAnyValue = 2;
constexpr std::uint32_t kResourceVersion = 1;
constexpr std::uint32_t kResourceBody = 2;
constexpr std::uint32_t kResourceName = 3;

std::size_t any_size(const google::protobuf::Any& any) {
  return field_size(kAnyTypeUrl, any.type_url().size()) + field_size(kAnyValue, any.value().size());
}

void write_any(std::string& out, std::uint32_t number, const google::protobuf::Any& any) {
  write_header(out, number, any_size(any));
  write_field(out, kAnyTypeUrl, any.type_url());
  write_field(out, kAnyValue, any.value());
}

std::size_t wrapped_size(const Resource& resource) {
  return field_size(kResourceVersion, resource.version.size()) +
         field_size(kResourceBody, any_size(resource.body)) +
         field_size(kResourceName, resource.name.size());
}

}  // namespace

ResponseWriter::ResponseWriter(Variant variant, std::string_view type, std::string_view nonce)
    : variant_(variant) {
  write_field(bytes_, kTypeUrl, std::string(kTypeUrlPrefix) + std::string(type));
  write_field(bytes_, kNonce, nonce);
}

void ResponseWriter::add(const Resource& resource) {
  if (variant_ == Variant::kSotw) return write_any(bytes_, kResources, resource.body);
  write_header(bytes_, kResources, wrapped_size(resource));
  write_field(bytes_, kResourceVersion, resource.version);
  write_any(bytes_, kResourceBody, resource.body);
  write_field(bytes_, kResourceName, resource.name);
}

void ResponseWriter::remove(std::string_view name) { write_field(bytes_, kRemoved, name); }

void ResponseWriter::set_version(std::string_view version) {
  write_field(bytes_, kVersion, version);
}

void ResponseWriter::set_control_plane(std::string_view identifier) {
  write_header(bytes_, variant_ == Variant::kSotw ? kSotwControlPlane : kDeltaControlPlane,
               field_size(kIdentifier, identifier.size()));
  write_field(bytes_, kIdentifier, identifier);
}

std::size_t ResponseWriter::bytes_of(const Resource& resource) {
  return field_size(kResources, wrapped_size(resource));
}

}  // namespace weft::xds
