#include "xds/certificate_client.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/strings.h"
#include "sidecar/http/grpc.h"
#include "xds/grpc_stream.h"
#include "xds/proto/ca.pb.h"

namespace weft::xds {

namespace {
constexpr std::string_view kPath = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

bool is_visible(char c) { return c > 0x20 && c < 0x7f; }

}  // namespace

// One call, or the reason why it could not be made, told in an event of its own.
class CertificateClient::Exchange final : public Request,
                                          public http::CallHolder,
                                          public TimerSink {
 public:
  Exchange(CertificateClient& client, Holder& holder, Result<http::ClientRequest> request)
      : holder_(holder), soon_(client.turn_.timers(), *this) {
    if (!request) {
      error_ = request.error();
      soon_.arm(Duration::zero());
      return;
    }
    call_ = client.client_.send(std::move(*request), *this);
  }

  void on_timer(Timer&) override { holder_.on_issue_failed(error_); }

  void on_failure(http::Call&, const Error& error) override { holder_.on_issue_failed(error); }

  void on_response(http::Call&, http::ClientResponse&& response) override {
    const http::GrpcOutcome outcome = http::read_grpc_outcome(response.head, &response.trailers);
    if (outcome.status != http::GrpcStatus::kOk) return holder_.on_issue_failed(error_of(outcome));
    http::GrpcReader reader(kAnswerBytesMax);
    reader.feed(Buffer(response.body));
    Result<std::optional<Buffer>> message = reader.next();
    if (!message) return holder_.on_issue_failed(message.error());
    if (!*message || reader.mid_message()) {
      return holder_.on_issue_failed(
          {Fault::kProtocol, Side::kUpstream, "the CA's answer is not one message"});
    }
    Result<tls::Issued> issued = read_certificate_answer((*message)->to_string());
    if (!issued) return holder_.on_issue_failed(issued.error());
    holder_.on_issued(std::move(*issued));
  }

 private:
  Holder& holder_;
  Timer soon_;
  Error error_;
  std::unique_ptr<http::Call> call_;
};

CertificateClient::CertificateClient(Turn& turn, Dialer& dialer, Options options)
    : turn_(turn),
      options_(std::move(options)),
      client_(turn, dialer,
              http::Client::Options{.speaks = http::Client::Speaks::kHttp2,
                                    .keep = false,
                                    .timeout = options_.timeout,
                                    .body_bytes_max = kAnswerBytesMax}) {}

std::unique_ptr<tls::CertificateIssuer::Request> CertificateClient::request(std::string csr_pem,
                                                                            Holder& holder) {
  const auto make = [&]() -> Result<http::ClientRequest> {
    http::ClientRequest request{
        .method = "POST", .authority = options_.authority, .target = std::string(kPath)};
    request.fields = {{"te", "trailers"},
                      {"content-type", "application/grpc"},
                      {"grpc-timeout", http::format_grpc_timeout(options_.timeout)}};
    if (options_.token) {
      Result<std::string> token = options_.token();
      if (!token) return fail(token.error());
      const std::string_view text =
          trim(std::string_view(*token).substr(0, token->find_last_not_of("\r\n") + 1));
      // A token with a line break inside would be two fields.
      if (text.size() > kTokenBytesMax || !std::all_of(text.begin(), text.end(), is_visible)) {
        return fail(Fault::kInvalid, "the token is no token");
      }
      if (!text.empty())
        request.fields.emplace_back("authorization", "Bearer " + std::string(text));
    }
    const Buffer framed =
        http::make_grpc_message(make_certificate_request(csr_pem, options_.lifetime));
    request.body = framed.to_string();
    return request;
  };
  return std::make_unique<Exchange>(*this, holder, make());
}

std::string make_certificate_request(const std::string& csr_pem, Duration lifetime) {
  istio::v1::auth::IstioCertificateRequest request;
  request.set_csr(csr_pem);
  request.set_validity_duration(std::chrono::duration_cast<std::chrono::seconds>(lifetime).count());
  return request.SerializeAsString();
}

Result<tls::Issued> read_certificate_answer(std::string_view message) {
  istio::v1::auth::IstioCertificateResponse answer;
  if (!answer.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    return fail(Fault::kProtocol, "the CA's answer cannot be read", Side::kUpstream);
  }
  const int count = answer.cert_chain_size();
  if (count < 2 || count > CertificateClient::kChainMax) {
    return fail(Fault::kProtocol,
                "the CA's answer holds " + std::to_string(count) +
                    " certificates; a leaf and a root are needed",
                Side::kUpstream);
  }
  tls::Issued issued;
  for (int i = 0; i < count; ++i) {
    std::string& target = i + 1 == count ? issued.roots_pem : issued.chain_pem;
    target += answer.cert_chain(i);
    if (!target.ends_with('\n')) target += '\n';
  }
  return issued;
}

bool is_retryable(const Error& error) {
  switch (error.fault) {
    case Fault::kDenied:
    case Fault::kInvalid:
    case Fault::kTlsIdentity:
      return false;
    default:
      return true;
  }
}

}  // namespace weft::xds
