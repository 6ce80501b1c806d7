#include "xds/certificate_messages.h"

#include <algorithm>

#include "xds/proto/ca.pb.h"

namespace weft::xds {

Result<CertificateRequest> parse_certificate_request(std::string_view bytes) {
  istio::v1::auth::IstioCertificateRequest message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Fault::kProtocol, "not an IstioCertificateRequest");
  }
  constexpr std::int64_t kYear = 365 * 24 * 3600;
  return CertificateRequest{.csr_pem = message.csr(),
                            .lifetime = std::chrono::seconds(
                                std::clamp<std::int64_t>(message.validity_duration(), 0, kYear))};
}

std::string serialize_certificate_response(const std::vector<std::string>& chain_pem) {
  istio::v1::auth::IstioCertificateResponse message;
  for (const std::string& certificate : chain_pem) message.add_cert_chain(certificate);
  return message.SerializeAsString();
}

}  // namespace weft::xds
