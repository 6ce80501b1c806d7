#pragma once
// The name of the secret that stands for the authorities that this system trusts
// (CertificateValidationContext.system_root_certs). xds writes it into a TlsReference, the
// publisher puts the certificates behind it.

namespace weft::config {

inline constexpr const char* kSystemRoots = "system-roots";

}  // namespace weft::config
