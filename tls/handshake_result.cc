#include "tls/handshake_result.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace weft::tls {

std::string_view name_of(HandshakeResult result) {
  switch (result) {
    case HandshakeResult::kOk:
      return "ok";
    case HandshakeResult::kNoCertificate:
      return "no_certificate";
    case HandshakeResult::kExpired:
      return "expired";
    case HandshakeResult::kNotYetValid:
      return "not_yet_valid";
    case HandshakeResult::kUntrusted:
      return "untrusted";
    case HandshakeResult::kWrongIdentity:
      return "wrong_identity";
    case HandshakeResult::kBadSvid:
      return "bad_svid";
    case HandshakeResult::kRefusedByPeer:
      return "refused_by_peer";
    case HandshakeResult::kNothingInCommon:
      return "nothing_in_common";
    case HandshakeResult::kNotTls:
      return "not_tls";
    case HandshakeResult::kBroken:
      return "broken";
    case HandshakeResult::kClosed:
      return "closed";
    case HandshakeResult::kTimeout:
      return "timeout";
  }
  return "unknown";
}

Fault fault_of(HandshakeResult result) {
  switch (result) {
    case HandshakeResult::kWrongIdentity:
    case HandshakeResult::kBadSvid:
      return Fault::kTlsIdentity;
    case HandshakeResult::kTimeout:
      return Fault::kTlsTimeout;
    case HandshakeResult::kOk:
    case HandshakeResult::kNoCertificate:
    case HandshakeResult::kExpired:
    case HandshakeResult::kNotYetValid:
    case HandshakeResult::kUntrusted:
    case HandshakeResult::kRefusedByPeer:
    case HandshakeResult::kNothingInCommon:
    case HandshakeResult::kNotTls:
    case HandshakeResult::kBroken:
    case HandshakeResult::kClosed:
      return Fault::kTlsHandshake;
  }
  return Fault::kTlsHandshake;
}

HandshakeResult result_of_ssl_reason(int reason) {
  // An alert that the peer sent is reported as its number above this offset.
  if (reason > SSL_AD_REASON_OFFSET) return HandshakeResult::kRefusedByPeer;
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return HandshakeResult::kNoCertificate;
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
      return HandshakeResult::kUntrusted;
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
      return HandshakeResult::kNotTls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return HandshakeResult::kNothingInCommon;
    default:
      return HandshakeResult::kBroken;
  }
}

HandshakeResult result_of_chain_error(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return HandshakeResult::kExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return HandshakeResult::kNotYetValid;
    default:
      return HandshakeResult::kUntrusted;
  }
}

}  // namespace weft::tls
