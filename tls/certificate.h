#pragma once
// Certificate: what a certificate says, read from PEM; and the splitting of a PEM file into its
// certificates.
//
// Values only. Time is wall time; a certificate is good while not_before <= now < not_after. Limits
// are on what a file may hold, so that a hostile or mistaken one costs little. Sources: RFC 5280,
// X.509-SVID. Thread: any.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"
#include "tls/key.h"
#include "tls/openssl_handles.h"
#include "tls/subject_names.h"

namespace weft::tls {

inline constexpr std::size_t kPemBytesMax =
    1024 * 1024;  // a bundle of all public roots is about 220 KB
inline constexpr std::size_t kCertificatesMax = 1024;

struct Certificate {
  std::string pem;
  SubjectNames names;
  SpiffeId spiffe_id;   // empty unless there is exactly one URI and it is a SPIFFE ID
  std::string subject;  // RFC 2253, for people
  std::string issuer;
  std::string serial;  // hex
  std::string sha256;  // of the DER, hex
  Key public_key;
  WallTime not_before{};
  WallTime not_after{};
  bool is_ca = false;
};

// Every certificate of the text, in order. `what` names the text in errors: "chain: no
// certificate", "roots: …".
[[nodiscard]] Result<std::vector<Certificate>> parse_certificates(std::string_view pem,
                                                                  std::string_view what);
// The first one only: the leaf of a chain.
[[nodiscard]] Result<Certificate> parse_certificate(std::string_view pem,
                                                    std::string_view what = "certificate");

// X.509-SVID section 4 and 5 for a leaf; an error says which rule it breaks. Time and signatures
// are others' business.
[[nodiscard]] Result<SpiffeId> check_svid(const x509_st& leaf, const SubjectNames& names);

// For contexts: native objects that belong to `library` (null: the process's own).
[[nodiscard]] Result<std::vector<Handle<x509_st>>> read_certificates(std::string_view pem,
                                                                     ossl_lib_ctx_st* library,
                                                                     std::string_view what);
[[nodiscard]] WallTime not_before_of(const x509_st& certificate);
[[nodiscard]] WallTime not_after_of(const x509_st& certificate);
[[nodiscard]] std::string pem_of(const x509_st& certificate);

}  // namespace weft::tls
