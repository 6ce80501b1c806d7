#pragma once
// SubjectNames: the subject alternative names of a certificate or a request, as text that is safe
// to compare and to print.
//
// A name with a NUL or another control byte is not a name: it makes the whole set malformed, so
// that nothing can be compared up to the NUL only.

#include <string>
#include <vector>

#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "tls/openssl_handles.h"

struct stack_st_X509_EXTENSION;

namespace weft::tls {

struct SubjectNames {
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // "10.0.0.1", "::1"
  std::vector<std::string> emails;
  std::size_t others = 0;  // of kinds we do not know
  bool malformed = false;  // the extension cannot be decoded, comes twice, or holds control bytes

  [[nodiscard]] std::size_t count() const {
    return uris.size() + dns_names.size() + addresses.size() + emails.size() + others;
  }
  bool operator==(const SubjectNames&) const = default;
};

[[nodiscard]] SubjectNames names_of(const x509_st& certificate);
[[nodiscard]] SubjectNames names_of(const stack_st_X509_EXTENSION& extensions);

// Whether one of the names is what `matcher` accepts, after envoy's SubjectAltNameMatcher: a DNS
// name matched exactly may be a wildcard in the certificate ("*.shop.example" is one label deep,
// RFC 6125 6.4.3); DNS names never look at case. REQUIRES a matcher that check_matcher accepts.
[[nodiscard]] bool matches(const SanMatcher& matcher, const SubjectNames& names);

// Refuses what matches() cannot do: regular expressions, and values that can match nothing.
[[nodiscard]] Status check_matcher(const SanMatcher& matcher);

}  // namespace weft::tls
