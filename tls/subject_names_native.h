#pragma once
// Writing alternative names into certificates and requests. Private to this room: the only header
// that shows OpenSSL types.
//
// Names are put in as they are, not through OpenSSL's configuration syntax, in which a comma or a
// colon inside a name would start another one.

#include <openssl/x509v3.h>

#include <string>
#include <vector>

namespace weft::tls {

struct NamesToWrite {
  const std::vector<std::string>& uris;
  const std::vector<std::string>& dns_names;
  const std::vector<std::string>& addresses;

  [[nodiscard]] bool empty() const {
    return uris.empty() && dns_names.empty() && addresses.empty();
  }
};

// Null when a name cannot be written. The caller frees it.
[[nodiscard]] X509_EXTENSION* make_names_extension(const NamesToWrite& names, bool critical);

}  // namespace weft::tls
