#pragma once
// CertificateService: istio.v1.auth.IstioCertificateService/CreateCertificate on an http::Service:
// a CSR comes in, the Authority judges who asks, a chain or a gRPC status goes out.
//
// The asker is known by the client certificate of its connection, or by "authorization: Bearer
// <token>": a join token, or, where there is a TokenReviewer, one that it vouches for. Owner:
// Control; it outlives the Service's connections. Thread: its loop's.

#include <memory>
#include <vector>

#include "control/authority.h"
#include "control/token_reviewer.h"
#include "sidecar/http/service.h"

namespace weft::control {

class CertificateService final {
 public:
  static constexpr std::size_t kRequestBytesMax = 64 * 1024;
  static constexpr std::size_t kCallsMax = 256;
  static constexpr Duration kTimeout = std::chrono::seconds(10);

  CertificateService(Turn& turn, Authority& authority);
  CertificateService(const CertificateService&) = delete;
  CertificateService& operator=(const CertificateService&) = delete;
  ~CertificateService();

  void add_to(http::Service& service);
  // Of tokens that are no join tokens; null: there are none. It outlives the calls.
  void set_reviewer(TokenReviewer* reviewer) { reviewer_ = reviewer; }

 private:
  class Call;

  void open(std::unique_ptr<http::ServerStream> stream, const http::RequestHead& head, bool end,
            const Transport& transport);
  void close(Call& call);

  Turn& turn_;
  Authority& authority_;
  TokenReviewer* reviewer_ = nullptr;
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace weft::control
