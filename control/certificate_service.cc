#include "control/certificate_service.h"

#include <algorithm>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "sidecar/http/grpc.h"
#include "xds/certificate_messages.h"
#include "xds/grpc_stream.h"

namespace weft::control {

namespace {

using http::GrpcStatus;

GrpcStatus status_of(Signing signing) {
  switch (signing) {
    case Signing::kSigned:
      return GrpcStatus::kOk;
    case Signing::kNoCredentials:
    case Signing::kBadToken:
    case Signing::kExpiredToken:
      return GrpcStatus::kUnauthenticated;
    case Signing::kWrongIdentity:
      return GrpcStatus::kPermissionDenied;
    case Signing::kBadRequest:
      return GrpcStatus::kInvalidArgument;
    case Signing::kBusy:
      return GrpcStatus::kResourceExhausted;
    case Signing::kInternal:
      return GrpcStatus::kInternal;
  }
  return GrpcStatus::kInternal;
}

std::string bearer_of(const http::RequestHead& head) {
  const auto field = head.headers.find(http::HeaderId::kAuthorization);
  constexpr std::string_view kScheme = "bearer ";
  if (!field || field->size() <= kScheme.size() ||
      !equals_ignore_case(field->substr(0, kScheme.size()), kScheme)) {
    return {};
  }
  return std::string(trim(field->substr(kScheme.size())));
}

void say_refused(const std::string& from, const SigningError& error) {
  WEFT_LOG_LIMITED(kWarn, "certificate refused to {}: {}: {}", from, name_of(error.what),
                   escape(error.detail));
}

}  // namespace

// One request under way.
class CertificateService::Call final : public xds::GrpcStream::Holder,
                                       public TokenReviewer::Holder,
                                       public TimerSink {
 public:
  Call(CertificateService& owner, std::unique_ptr<http::ServerStream> stream, SpiffeId peer,
       std::string token, std::string from)
      : owner_(owner),
        peer_(std::move(peer)),
        token_(std::move(token)),
        from_(std::move(from)),
        stream_(owner.turn_, std::move(stream), *this, kRequestBytesMax),
        deadline_(owner.turn_.timers(), *this) {
    deadline_.arm(kTimeout);
  }

  void on_message(Buffer&& message) override {
    if (review_ != nullptr) return refuse(Signing::kBadRequest, "more than one request");
    Result<xds::CertificateRequest> request = xds::parse_certificate_request(message.to_string());
    if (!request) return refuse(Signing::kBadRequest, request.error().detail);
    request_ = std::move(*request);
    if (!wants_review()) {
      return sign({.peer = peer_, .token = token_},
                  peer_.empty() ? "a join token" : "its certificate");
    }
    review_ = owner_.reviewer_->review(token_, *this);
    if (review_ == nullptr) refuse(Signing::kBusy, "too many tokens to be reviewed at once");
  }
  void on_reviewed(const std::string& name_space, const std::string& service_account) override {
    const Result<SpiffeId> id =
        SpiffeId::make(owner_.authority_.trust_domain(), name_space, service_account);
    if (!id) return refuse(Signing::kBadToken, id.error().detail);
    sign({.peer = *id, .token = {}}, "a ServiceAccount's token");
  }
  void on_review_failed(const SigningError& error) override { refuse(error.what, error.detail); }
  void on_last_message() override {
    if (request_.csr_pem.empty()) refuse(Signing::kBadRequest, "no request in it");
  }
  void on_writable() override {}
  // Gone, or no gRPC.
  void on_grpc_end(const http::GrpcOutcome& outcome) override {
    refuse(Signing::kBadRequest, outcome.message);
  }
  void on_timer(Timer&) override {
    refuse(Signing::kBadRequest, "the request did not come in time");
  }

 private:
  [[nodiscard]] bool wants_review() const {
    return peer_.empty() && owner_.reviewer_ != nullptr && !token_.empty() &&
           !token_.starts_with(JoinToken::kPrefix);
  }
  void sign(const Authority::Asker& asker, std::string_view known_by) {
    const tl::expected<Authority::Issued, SigningError> issued =
        owner_.authority_.sign(request_.csr_pem, request_.lifetime, asker);
    if (!issued) {
      say_refused(from_, issued.error());
      return end(status_of(issued.error().what), issued.error().detail);
    }
    WEFT_LOG(kInfo, "certificate for {} to {}, known by {}", issued->id.uri(), from_, known_by);
    stream_.send(
        xds::serialize_certificate_response({issued->leaf_pem, owner_.authority_.root_pem()}));
    end(GrpcStatus::kOk, "");
  }
  // Before the Authority was asked.
  void refuse(Signing what, const std::string& why) {
    owner_.authority_.count(what);
    say_refused(from_, {what, why});
    end(status_of(what), why);
  }
  void end(GrpcStatus status, const std::string& why) {
    deadline_.cancel();
    stream_.finish(status, why);
    review_.reset();
    owner_.close(*this);
  }

  CertificateService& owner_;
  const SpiffeId peer_;
  const std::string token_;
  const std::string from_;
  xds::GrpcServerStream stream_;
  Timer deadline_;
  xds::CertificateRequest request_;
  std::unique_ptr<TokenReviewer::Review> review_;
};

CertificateService::CertificateService(Turn& turn, Authority& authority)
    : turn_(turn), authority_(authority) {}

CertificateService::~CertificateService() = default;

void CertificateService::add_to(http::Service& service) {
  service.handle_stream(
      std::string(xds::kCreateCertificatePath),
      [this](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool end,
             Transport& transport) { open(std::move(stream), head, end, transport); });
}

void CertificateService::open(std::unique_ptr<http::ServerStream> stream,
                              const http::RequestHead& head, bool end, const Transport& transport) {
  if (end || calls_.size() >= kCallsMax) {
    const SigningError error{end ? Signing::kBadRequest : Signing::kBusy,
                             end ? "no request in it" : "too many requests at once"};
    authority_.count(error.what);
    say_refused(transport.peer_address().to_string(), error);
    stream->send_head(http::make_trailers_only(status_of(error.what), error.detail), true);
    return;
  }
  calls_.push_back(std::make_unique<Call>(*this, std::move(stream), transport.tls().peer,
                                          bearer_of(head), transport.peer_address().to_string()));
}

void CertificateService::close(Call& call) {
  const auto at = std::ranges::find(calls_, &call, &std::unique_ptr<Call>::get);
  if (at == calls_.end()) return;
  turn_.retire(std::move(*at));
  calls_.erase(at);
}

}  // namespace weft::control
