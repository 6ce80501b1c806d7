#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "tls/certificate.h"
#include "tls/key.h"
#include "tls/openssl_error.h"

namespace weft::tls {

namespace {

// 112 bits: no RSA below 2048, no SHA-1 signatures, in chains as well as in handshakes.
constexpr int kSecurityLevel = 2;

constexpr char kSuites13[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kSuites12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256";

int number_of(TlsSettings::Version version, int automatic) {
  switch (version) {
    case TlsSettings::Version::kAuto:
      return automatic;
    case TlsSettings::Version::kTls12:
      return TLS1_2_VERSION;
    case TlsSettings::Version::kTls13:
      return TLS1_3_VERSION;
  }
  return automatic;
}

// Envoy writes BoringSSL's lists, in which "[A|B]" means A and B are equally good; OpenSSL knows no
// such groups, so A is first.
std::vector<std::string> flatten(const std::vector<std::string>& suites) {
  std::vector<std::string> names;
  for (const std::string& suite : suites) {
    std::string_view text = suite;
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    for (const std::string_view name : split(text, '|')) names.emplace_back(name);
  }
  return names;
}

bool is_suite_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

bool has_suite(SSL_CTX* context, const std::string& name) {
  STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    if (name == SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i))) return true;
  }
  return false;
}

Error invalid(std::string_view what) { return openssl_error(Fault::kInvalid, what); }

tl::unexpected<Error> names_prove_nothing() {
  return fail(Fault::kInvalid, "roots: none, so peer names would prove nothing");
}

}  // namespace

// OpenSSL calls these with the connection; each finds its notes there.
struct Context::Callbacks {
  static ConnectionNotes& notes_of(const SSL* ssl) {
    return *static_cast<ConnectionNotes*>(SSL_get_app_data(ssl));
  }

  static int verify(X509_STORE_CTX* store, void*) {
    const auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    // The connection's own context: OpenSSL's may be that of many.
    const Context& context = *notes_of(ssl).context;
    if (!context.verifies_) return 1;
    Verdict& verdict = notes_of(ssl).verdict;
    verdict = context.verifier_.verify(*store, context.is_server_, *context.library_);
    return verdict.result == HandshakeResult::kOk ? 1 : 0;
  }

  static int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                             const unsigned char* offered, unsigned int offered_size,
                             void* argument) {
    const auto& context = *static_cast<const Context*>(argument);
    unsigned char* chosen = nullptr;
    const int found = SSL_select_next_proto(
        &chosen, out_size, reinterpret_cast<const unsigned char*>(context.protocols_.data()),
        static_cast<unsigned int>(context.protocols_.size()), offered, offered_size);
    // RFC 7301 3.2: nothing in common is fatal, no_application_protocol.
    if (found != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }

  static void on_message(int is_written, int, int content_type, const void*, std::size_t, SSL* ssl,
                         void*) {
    ConnectionNotes& notes = notes_of(ssl);
    if (!notes.open) return;
    if ((content_type == SSL3_RT_HANDSHAKE && is_written == 0) || content_type == SSL3_RT_ALERT) {
      ++notes.messages_after_handshake;
    }
  }
};

Context::Context(bool is_server, std::shared_ptr<Library> library, Verifier verifier)
    : is_server_(is_server), library_(std::move(library)), verifier_(std::move(verifier)) {}

Context::~Context() = default;

Status Context::build(const TlsMaterial& material, const TlsSettings& settings) {
  if (Status opened = library_->open(); !opened) return opened;
  clear_openssl_errors();
  version_ = material.version;
  server_name_ = settings.server_name;
  native_.reset(SSL_CTX_new_ex(library_->native(), nullptr,
                               is_server_ ? TLS_server_method() : TLS_client_method()));
  if (native_ == nullptr) return fail(openssl_error(Fault::kInternal, "OpenSSL: no context"));
  set_habits();
  if (Status good = set_versions(settings); !good) return good;
  if (Status good = set_ciphers(settings); !good) return good;
  if (Status good = set_protocols(settings); !good) return good;
  if (Status good = set_identity(material); !good) return good;
  return set_trust(material, settings);
}

Status Context::share(std::shared_ptr<const Context> base, const TlsSettings& settings) {
  if (!base->verifies_ && !settings.peer_names.empty()) return names_prove_nothing();
  verifies_ = base->verifies_;
  version_ = base->version_;
  protocols_ = base->protocols_;
  server_name_ = settings.server_name;
  base_ = std::move(base);
  return {};
}

void Context::set_habits() {
  SSL_CTX* context = native_.get();
  SSL_CTX_set_security_level(context, kSecurityLevel);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // One record at a time comes back from a read, so that a flood of KeyUpdates is seen between two
  // of them; the two buffers of 17 KB are given back whenever they are empty, to be taken again
  // from the slab by whichever connection is next, so that no idle one holds any; the chain is sent
  // as configured, not searched for in the roots at each handshake.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_max_cert_list(context, kPeerChainBytesMax);
  SSL_CTX_set_msg_callback(context, &Callbacks::on_message);
}

Status Context::set_versions(const TlsSettings& settings) {
  const int lowest = number_of(settings.version_min, TLS1_2_VERSION);
  const int highest = number_of(settings.version_max, TLS1_3_VERSION);
  if (lowest > highest)
    return fail(Fault::kInvalid, "tls versions: the lowest is above the highest");
  if (SSL_CTX_set_min_proto_version(native_.get(), lowest) != 1 ||
      SSL_CTX_set_max_proto_version(native_.get(), highest) != 1) {
    return fail(invalid("tls versions"));
  }
  return {};
}

Status Context::set_ciphers(const TlsSettings& settings) {
  SSL_CTX* context = native_.get();
  if (SSL_CTX_set_ciphersuites(context, kSuites13) != 1) return fail(invalid("cipher suites"));
  const std::vector<std::string> names = flatten(settings.cipher_suites);
  std::string list;
  for (const std::string& name : names) {
    if (!is_suite_name(name))
      return fail(Fault::kInvalid, "cipher suites: '" + escape(name) + "' is not a name");
    list += (list.empty() ? "" : ":") + name;
  }
  if (SSL_CTX_set_cipher_list(context, list.empty() ? kSuites12 : list.c_str()) != 1) {
    return fail(invalid("cipher suites: none of them is known"));
  }
  // OpenSSL leaves out what it does not know and says nothing as long as one name is left.
  for (const std::string& name : names) {
    if (!has_suite(context, name))
      return fail(Fault::kInvalid, "cipher suites: '" + name + "' is unknown or too weak");
  }
  std::string groups;
  for (const std::string& curve : settings.curves) {
    if (curve != "X25519" && curve != "P-256" && curve != "P-384" && curve != "P-521") {
      return fail(Fault::kInvalid,
                  "curves: '" + escape(curve) + "' is none of X25519, P-256, P-384, P-521");
    }
    groups += (groups.empty() ? "" : ":") + curve;
  }
  if (SSL_CTX_set1_groups_list(context, groups.empty() ? kGroups : groups.c_str()) != 1)
    return fail(invalid("curves"));
  return {};
}

Status Context::set_protocols(const TlsSettings& settings) {
  for (const std::string& name : settings.alpn) {
    if (name.empty() || name.size() > 255)
      return fail(Fault::kInvalid, "alpn: a name has 1 to 255 bytes");
    protocols_ += static_cast<char>(name.size());
    protocols_ += name;
  }
  if (protocols_.size() > UINT16_MAX)
    return fail(Fault::kInvalid, "alpn: more than 64 KiB of names");
  if (protocols_.empty()) return {};
  if (is_server_) {
    SSL_CTX_set_alpn_select_cb(native_.get(), &Callbacks::select_protocol, this);
    return {};
  }
  // This one call returns 0 for success.
  if (SSL_CTX_set_alpn_protos(native_.get(),
                              reinterpret_cast<const unsigned char*>(protocols_.data()),
                              static_cast<unsigned int>(protocols_.size())) != 0) {
    return fail(invalid("alpn"));
  }
  return {};
}

Status Context::set_identity(const TlsMaterial& material) {
  if (material.chain_pem.empty() && material.key_pem.empty()) {
    if (is_server_) return fail(Fault::kInvalid, "chain: a server needs a certificate and a key");
    return {};
  }
  if (material.key_pem.empty())
    return fail(Fault::kInvalid, "key: missing, though there is a chain");
  if (material.chain_pem.empty())
    return fail(Fault::kInvalid, "chain: missing, though there is a key");
  Result<std::vector<Handle<x509_st>>> chain =
      read_certificates(material.chain_pem, library_->native(), "chain");
  if (!chain) return tl::unexpected(chain.error());
  const Result<Key> key = Key::from_private_pem(material.key_pem, library_->native());
  if (!key) return tl::unexpected(key.error());
  if (X509_check_private_key(chain->front().get(), key->native()) != 1) {
    clear_openssl_errors();
    return fail(Fault::kInvalid, "chain does not match key");
  }
  SSL_CTX* context = native_.get();
  if (SSL_CTX_use_certificate(context, chain->front().get()) != 1)
    return fail(invalid("chain: unusable leaf"));
  if (SSL_CTX_use_PrivateKey(context, key->native()) != 1) return fail(invalid("key: unusable"));
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, (*chain)[i].get()) != 1) {
      return fail(invalid("chain: certificate " + std::to_string(i + 1) + " is unusable"));
    }
  }
  return {};
}

Status Context::set_trust(const TlsMaterial& material, const TlsSettings& settings) {
  SSL_CTX* context = native_.get();
  SSL_CTX_set_cert_verify_callback(context, &Callbacks::verify, nullptr);
  SSL_CTX_set_verify_depth(context, Verifier::kChainDepthMax);
  const bool pinned = material.roots_pem.empty() && !settings.root_spki_sha256.empty();
  if (material.roots_pem.empty() && !pinned) {
    const bool must_verify = is_server_ ? settings.require_peer_certificate : settings.verify_peer;
    if (must_verify) return fail(Fault::kInvalid, "roots: none, so no peer could be verified");
    if (!settings.peer_names.empty()) return names_prove_nothing();
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    return {};
  }
  Result<std::vector<Handle<x509_st>>> roots{};
  if (!pinned) roots = read_certificates(material.roots_pem, library_->native(), "roots");
  if (!roots) return tl::unexpected(roots.error());
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (std::size_t i = 0; i < roots->size(); ++i) {
    X509* root = (*roots)[i].get();
    if (X509_check_ca(root) == 0) {
      return fail(Fault::kInvalid, "roots: certificate " + std::to_string(i + 1) + " is not a CA");
    }
    if (X509_STORE_add_cert(store, root) != 1)
      return fail(invalid("roots: certificate " + std::to_string(i + 1)));
  }
  // An intermediate among the roots is trusted as it stands.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  verifies_ = true;
  const int required =
      settings.require_peer_certificate || !is_server_ ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | required, nullptr);
  return {};
}

bool Context::speaks(std::string_view protocol) const {
  for (std::size_t at = 0; at < protocols_.size();) {
    const std::size_t size = static_cast<unsigned char>(protocols_[at]);
    if (std::string_view(protocols_).substr(at + 1, size) == protocol) return true;
    at += 1 + size;
  }
  return false;
}

Handle<ssl_st> Context::open(ConnectionNotes& notes) const {
  Handle<ssl_st> ssl(SSL_new((base_ == nullptr ? *this : *base_).native_.get()));
  WEFT_ASSERT(ssl != nullptr);
  notes.context = this;
  SSL_set_app_data(ssl.get(), &notes);
  if (is_server_) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
  }
  return ssl;
}

namespace {

template <typename Kind>
Result<std::shared_ptr<const Kind>> made(std::shared_ptr<Kind> context, const Status& good) {
  if (!good) return tl::unexpected(good.error());
  return std::shared_ptr<const Kind>(std::move(context));
}

}  // namespace

Result<std::shared_ptr<const ServerContext>> ServerContext::make(const TlsMaterial& material,
                                                                 const TlsSettings& settings,
                                                                 std::shared_ptr<Library> library) {
  Result<Verifier> verifier = Verifier::make(
      settings.peer_names, material.roots_pem,
      material.roots_pem.empty() ? settings.root_spki_sha256 : std::vector<std::string>());
  if (!verifier) return tl::unexpected(verifier.error());
  std::shared_ptr<ServerContext> context(
      new ServerContext(true, std::move(library), std::move(*verifier)));
  return made(context, context->build(material, settings));
}

Result<std::shared_ptr<const ClientContext>> ClientContext::make(const TlsMaterial& material,
                                                                 const TlsSettings& settings,
                                                                 std::shared_ptr<Library> library) {
  Result<Verifier> verifier = Verifier::make(
      settings.peer_names, material.roots_pem,
      material.roots_pem.empty() ? settings.root_spki_sha256 : std::vector<std::string>());
  if (!verifier) return tl::unexpected(verifier.error());
  std::shared_ptr<ClientContext> context(
      new ClientContext(false, std::move(library), std::move(*verifier)));
  return made(context, context->build(material, settings));
}

Result<std::shared_ptr<const ClientContext>> ClientContext::like(
    const std::shared_ptr<const ClientContext>& other, const TlsSettings& settings) {
  std::shared_ptr<const Context> base = other->base();
  if (base == nullptr) base = other;
  Result<Verifier> verifier = other->verifier().accepting(settings.peer_names);
  if (!verifier) return tl::unexpected(verifier.error());
  std::shared_ptr<ClientContext> context(
      new ClientContext(false, other->shared_library(), std::move(*verifier)));
  return made(context, context->share(std::move(base), settings));
}

}  // namespace weft::tls
