#pragma once
// ServerContext and ClientContext: everything that many TLS connections have in common: key, chain,
// roots, versions, ciphers, application protocols, accepted peers. Immutable; a new version of any
// of it is a new context.
//
// Made by the main loop, one per worker (with that worker's Library), before the Snapshot is
// posted; never per connection. What is fixed: TLS 1.2 and 1.3; X25519 then P-256; AES-128-GCM
// first; no compression, renegotiation, early data or session tickets: every handshake judges the
// peer's certificate anew, so a ticket can never outlive a leaf or a root.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "tls/library.h"
#include "tls/openssl_handles.h"
#include "tls/verifier.h"

namespace weft::tls {

class Context;

// What a context's callbacks note about one connection. Owner: its Engine.
struct ConnectionNotes {
  const Context* context = nullptr;  // whose connection it is; outlives it
  Verdict verdict;
  bool open = false;  // the handshake is over
  std::uint64_t messages_after_handshake =
      0;  // KeyUpdate, tickets, attempts to renegotiate, warnings
};

class Context {
 public:
  static constexpr long kPeerChainBytesMax = 64 * 1024;

  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  [[nodiscard]] bool is_server() const { return is_server_; }
  [[nodiscard]] Library& library() const { return *library_; }
  [[nodiscard]] const std::string& version() const { return version_; }  // of its material
  [[nodiscard]] const std::string& server_name() const { return server_name_; }
  // Whose part of OpenSSL's it uses; null: its own.
  [[nodiscard]] const std::shared_ptr<const Context>& base() const { return base_; }
  // Whether this end named `protocol` in its settings.
  [[nodiscard]] bool speaks(std::string_view protocol) const;

  // A connection's SSL, without BIO; `notes` must outlive it.
  [[nodiscard]] Handle<ssl_st> open(ConnectionNotes& notes) const;

 protected:
  Context(bool is_server, std::shared_ptr<Library> library, Verifier verifier);
  ~Context();
  [[nodiscard]] Status build(const TlsMaterial& material, const TlsSettings& settings);
  // Instead: OpenSSL's part is that of `base`.
  [[nodiscard]] Status share(std::shared_ptr<const Context> base, const TlsSettings& settings);
  [[nodiscard]] const Verifier& verifier() const { return verifier_; }
  [[nodiscard]] const std::shared_ptr<Library>& shared_library() const { return library_; }

 private:
  struct Callbacks;
  [[nodiscard]] Status set_versions(const TlsSettings& settings);
  [[nodiscard]] Status set_ciphers(const TlsSettings& settings);
  [[nodiscard]] Status set_protocols(const TlsSettings& settings);
  [[nodiscard]] Status set_identity(const TlsMaterial& material);
  [[nodiscard]] Status set_trust(const TlsMaterial& material, const TlsSettings& settings);
  void set_habits();

  const bool is_server_;
  const std::shared_ptr<Library> library_;
  const Verifier verifier_;
  bool verifies_ = false;
  std::string version_;
  std::string server_name_;
  std::string protocols_;                // ALPN's wire form: a length byte before each
  Handle<ssl_ctx_st> native_;            // null where base_ has it
  std::shared_ptr<const Context> base_;  // null for one that shares nothing
};

class ServerContext final : public Context {
 public:
  // An error names what is wrong: "chain: no certificate in it", "chain does not match key",
  // "roots: …", "alpn: …".
  static Result<std::shared_ptr<const ServerContext>> make(const TlsMaterial& material,
                                                           const TlsSettings& settings,
                                                           std::shared_ptr<Library> library);

 private:
  using Context::Context;
};

class ClientContext final : public Context {
 public:
  static Result<std::shared_ptr<const ClientContext>> make(const TlsMaterial& material,
                                                           const TlsSettings& settings,
                                                           std::shared_ptr<Library> library);
  // As `other`, but for the names it accepts and asks for. Everything of OpenSSL's is one for both,
  // which is nearly all of what a context takes, in time and in memory: a mesh has one way to speak
  // TLS and a thousand peers. REQUIRES that `other` was made from the same material and the same
  // settings otherwise.
  static Result<std::shared_ptr<const ClientContext>> like(
      const std::shared_ptr<const ClientContext>& other, const TlsSettings& settings);

 private:
  using Context::Context;
};

}  // namespace weft::tls
