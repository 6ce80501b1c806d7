#pragma once
// Csr: a certificate signing request: made by a workload, judged by the control plane. PKCS #10,
// RFC 2986.
//
// Making: one key, one SPIFFE ID. Judging: everything in a request is the asker's wish, so only
// what is known to be harmless passes: a proven key of an allowed kind, alternative names, and
// usages that a leaf may have. Thread: any.

#include <string>
#include <string_view>

#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"
#include "tls/key.h"
#include "tls/subject_names.h"

namespace weft::tls {

struct CsrInfo {
  static constexpr std::size_t kPemBytesMax = 16 * 1024;

  Key public_key;
  SubjectNames names;
};

[[nodiscard]] Result<std::string> make_csr(const Key& key, const SpiffeId& id);

// Checks the form and that the asker holds the key. An error says what is wrong with the request.
[[nodiscard]] Result<CsrInfo> parse_csr(std::string_view pem);

// Good only when the request asks for exactly this identity and no other name of any kind.
[[nodiscard]] Status check_csr_names(const CsrInfo& csr, const SpiffeId& allowed);

}  // namespace weft::tls
