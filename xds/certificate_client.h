#pragma once
// CertificateClient: asks the CA to sign a certificate request:
// istio.v1.auth.IstioCertificateService/CreateCertificate.
//
// One unary gRPC call on a short connection of its own (decisions A8). It proves who asks with a
// bearer token, read again for each call since Kubernetes rotates it, or, when there is none, with
// the certificate that the Dialer shows. The private key is nowhere near. Owner: Sidecar, beside
// the Rotator that asks. Thread: main loop.

#include <functional>
#include <memory>
#include <string>

#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/client.h"
#include "tls/rotator.h"

namespace weft::xds {

class CertificateClient final : public tls::CertificateIssuer {
 public:
  static constexpr std::size_t kAnswerBytesMax = 256 * 1024;
  static constexpr int kChainMax = 16;  // certificates in an answer
  static constexpr std::size_t kTokenBytesMax = 16 * 1024;

  struct Options {
    std::string authority;
    Duration lifetime = std::chrono::hours(24);
    Duration timeout = std::chrono::seconds(10);  // of the whole call, dial included
    // The token for this call; empty: the certificate proves enough. An error fails the call.
    std::function<Result<std::string>()> token;
  };

  CertificateClient(Turn& turn, Dialer& dialer, Options options);

  [[nodiscard]] std::unique_ptr<Request> request(std::string csr_pem, Holder& holder) override;

 private:
  class Exchange;

  Turn& turn_;
  const Options options_;
  http::Client client_;
};

// Whether asking again later may help: the CA was not reached or is busy, as against "you may not
// have this".
[[nodiscard]] bool is_retryable(const Error& error);

// The request's and the answer's body; pure.
[[nodiscard]] std::string make_certificate_request(const std::string& csr_pem, Duration lifetime);
[[nodiscard]] Result<tls::Issued> read_certificate_answer(std::string_view message);

}  // namespace weft::xds
