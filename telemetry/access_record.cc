#include "telemetry/access_record.h"

namespace weft::telemetry {

std::string_view name_of(Direction direction) {
  return direction == Direction::kInbound ? "inbound" : "outbound";
}

std::string_view reporter_of(Direction direction) {
  return direction == Direction::kInbound ? "destination" : "source";
}

std::string_view name_of(RequestProtocol protocol) {
  switch (protocol) {
    case RequestProtocol::kHttp:
      return "http";
    case RequestProtocol::kGrpc:
      return "grpc";
    case RequestProtocol::kTcp:
      return "tcp";
  }
  return "unknown";
}

std::string_view name_of(WireProtocol protocol) {
  switch (protocol) {
    case WireProtocol::kUnknown:
      return "";
    case WireProtocol::kHttp10:
      return "HTTP/1.0";
    case WireProtocol::kHttp11:
      return "HTTP/1.1";
    case WireProtocol::kHttp2:
      return "HTTP/2";
    case WireProtocol::kTcp:
      return "TCP";
  }
  return "";
}

std::string_view name_of(SecurityPolicy policy) {
  switch (policy) {
    case SecurityPolicy::kUnknown:
      return "unknown";
    case SecurityPolicy::kNone:
      return "none";
    case SecurityPolicy::kMutualTls:
      return "mutual_tls";
  }
  return "unknown";
}

std::string_view name_of(TlsVersion version) {
  switch (version) {
    case TlsVersion::kNone:
      return "";
    case TlsVersion::kTls12:
      return "TLSv1.2";
    case TlsVersion::kTls13:
      return "TLSv1.3";
  }
  return "";
}

bool AccessRecord::failed() const {
  if (!flags.empty() || status >= 500) return true;
  if (protocol != RequestProtocol::kTcp && status == 0) return true;
  switch (grpc_status) {
    case 2:   // UNKNOWN
    case 4:   // DEADLINE_EXCEEDED
    case 12:  // UNIMPLEMENTED
    case 13:  // INTERNAL
    case 14:  // UNAVAILABLE
    case 15:  // DATA_LOSS
      return true;
    default:
      return false;
  }
}

}  // namespace weft::telemetry
