#pragma once
// The messages of istio.v1.auth.IstioCertificateService as plain values, for those who may not see
// protobuf.
//
// Pure. Thread: any. Source: xds/proto/ca.proto.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft::xds {

inline constexpr std::string_view kCreateCertificatePath =
    "/istio.v1.auth.IstioCertificateService/CreateCertificate";

struct CertificateRequest {
  std::string csr_pem;
  Duration lifetime{};  // zero: as long as the CA likes
};

// kProtocol for bytes that are no such message; a lifetime beyond sense is cut to it.
[[nodiscard]] Result<CertificateRequest> parse_certificate_request(std::string_view bytes);

// Leaf first, root last.
[[nodiscard]] std::string serialize_certificate_response(const std::vector<std::string>& chain_pem);

}  // namespace weft::xds
