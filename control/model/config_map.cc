#include "control/model/config_map.h"

#include <fmt/format.h>

#include "tls/certificate.h"

namespace weft::control {

ConfigMap read_config_map(Reader& document) {
  ConfigMap out;
  read_metadata(document, true, out.metadata);
  for (const char* key : {"binaryData", "immutable"}) document.pass(key);
  Labels data;
  document.text_map("data", data, ConfigMap::kKeysMax, nullptr, nullptr, ConfigMap::kBytesMax);
  const auto ca = data.find(ConfigMap::kCaKey);
  if (ca == data.end()) return out;
  out.ca_pem = ca->second;
  const auto certificates = tls::parse_certificates(out.ca_pem, "want certificates in PEM");
  if (certificates) return out;
  document.object("data", [&](Reader& reader) {
    for (const auto& [key, text] : data) reader.pass(key);
    reader.refuse(ConfigMap::kCaKey, certificates.error().detail);
  });
  return out;
}

}  // namespace weft::control
