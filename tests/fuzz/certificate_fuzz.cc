// Certificates and requests from strangers: the identity that is read from them.
//
// The input is DER, wrapped in PEM here. Whatever it is: an identity is a valid SPIFFE ID and is
// the only URI, names are printable, and a request that passes asks for exactly what is allowed.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tls/certificate.h"
#include "tls/csr.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::string in_pem(std::string_view der, std::string_view label) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = "-----BEGIN " + std::string(label) + "-----\n";
  for (std::size_t i = 0; i < der.size(); i += 3) {
    if (i > 0 && i % 48 == 0) text += '\n';
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = (bits << 8U) | (i + j < der.size() ? static_cast<std::uint8_t>(der[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j > 1 && i + j > der.size() ? '=' : kAlphabet[(bits >> (18 - 6 * j)) & 63U];
    }
  }
  return text + "\n-----END " + std::string(label) + "-----\n";
}

void check_names(const weft::tls::SubjectNames& names) {
  for (const auto* list : {&names.uris, &names.dns_names, &names.emails, &names.addresses}) {
    for (const std::string& name : *list) {
      for (const char c : name) require(c > ' ' && c < 0x7f);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view der(reinterpret_cast<const char*>(data), size);
  const std::string pem = in_pem(der, "CERTIFICATE");
  if (const auto certificate = weft::tls::parse_certificate(pem)) {
    check_names(certificate->names);
    if (!certificate->spiffe_id.empty()) {
      require(certificate->names.uris.size() == 1 &&
              certificate->names.uris[0] == certificate->spiffe_id.uri());
    }
    const auto natives = weft::tls::read_certificates(pem, nullptr, "fuzz");
    require(natives.has_value());
    const auto id = weft::tls::check_svid(*natives->front(), certificate->names);
    require(!id || *id == certificate->spiffe_id);
  }
  static const weft::SpiffeId allowed =
      weft::SpiffeId::make("cluster.local", "shop", "cart").value();
  if (const auto csr = weft::tls::parse_csr(in_pem(der, "CERTIFICATE REQUEST"))) {
    check_names(csr->names);
    if (weft::tls::check_csr_names(*csr, allowed))
      require(csr->names.count() == 1 && csr->names.uris[0] == allowed.uri());
  }
  return 0;
}
