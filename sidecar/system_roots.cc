#include "sidecar/system_roots.h"

#include <array>
#include <cstdlib>

#include "sidecar/file.h"

namespace weft::sidecar {

namespace {

constexpr std::array<const char*, 4> kPlaces = {
    "/etc/ssl/certs/ca-certificates.crt",  // Debian, Alpine, distroless
    "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",              // SUSE
    "/etc/ssl/cert.pem"};

}  // namespace

Result<std::string> read_system_roots() {
  if (const char* chosen = std::getenv("SSL_CERT_FILE"); chosen != nullptr && *chosen != '\0') {
    return read_file(chosen);
  }
  for (const char* place : kPlaces) {
    Result<std::string> roots = read_file(place);
    if (roots && !roots->empty()) return roots;
  }
  return fail(Fault::kInvalid,
              "this system has no file of trusted authorities (SSL_CERT_FILE may name one)");
}

}  // namespace weft::sidecar
