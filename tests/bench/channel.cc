#include "tests/bench/channel.h"

#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace weft::bench {
namespace {

// OpenSSL hands over its reference when 1 is returned.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto* const kept = static_cast<KeptSession*>(SSL_get_app_data(ssl));
  if (kept == nullptr) return 0;
  kept->reset(session);
  return 1;
}

int choose_alpn(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned int offered_size, void* wanted) {
  const auto& list = *static_cast<const std::string*>(wanted);
  unsigned char* found = nullptr;
  const int outcome =
      SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(list.data()),
                            static_cast<unsigned int>(list.size()), offered, offered_size);
  *chosen = found;
  return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

void must(int outcome, std::string_view what) {
  if (outcome == 1) return;
  errno = 0;
  die(what);
}

}  // namespace

TlsContext::TlsContext(const Options& chosen)
    : options(chosen),
      context(SSL_CTX_new(chosen.accepts ? TLS_server_method() : TLS_client_method())) {
  SSL_CTX* const raw = context.get();
  must(SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) == 1 ? 1 : 0, "TLS 1.3 is not there");
  must(SSL_CTX_set_ciphersuites(raw, "TLS_AES_128_GCM_SHA256"), "no AES-128-GCM");
  must(SSL_CTX_set1_groups_list(raw, "P-256") == 1 ? 1 : 0, "no P-256");
  if (!options.certificate.empty()) {
    must(SSL_CTX_use_certificate_chain_file(raw, options.certificate.c_str()), "no certificate");
    must(SSL_CTX_use_PrivateKey_file(raw, options.key.c_str(), SSL_FILETYPE_PEM), "no key");
  }
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(raw, 1);
  if (!options.alpn.empty()) {
    options.alpn.insert(options.alpn.begin(), static_cast<char>(options.alpn.size()));
    if (options.accepts) {
      SSL_CTX_set_alpn_select_cb(raw, choose_alpn, &options.alpn);
    } else {
      // This one call says 0 when it worked.
      must(SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>(options.alpn.data()),
                                   static_cast<unsigned int>(options.alpn.size())) == 0
               ? 1
               : 0,
           "ALPN");
    }
  }
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  if (options.accepts || !options.resumes) {
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  } else {
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(raw, keep_session);
  }
}

Channel::Channel(Fd socket, const TlsContext* tls, KeptSession* kept) : socket_(std::move(socket)) {
  if (tls == nullptr || !socket_.valid()) return;
  ssl_.reset(SSL_new(tls->context.get()));
  SSL_set_fd(ssl_.get(), socket_.number());
  if (tls->options.accepts) {
    SSL_set_accept_state(ssl_.get());
    return;
  }
  SSL_set_connect_state(ssl_.get());
  SSL_set_tlsext_host_name(ssl_.get(), "server.bench.local");
  if (!tls->options.resumes || kept == nullptr) return;
  SSL_set_app_data(ssl_.get(), kept);
  if (*kept) SSL_set_session(ssl_.get(), kept->get());
}

Channel::Step Channel::handshake() {
  if (!ssl_) return Step::kDone;
  ERR_clear_error();
  const int outcome = SSL_do_handshake(ssl_.get());
  if (outcome == 1) return Step::kDone;
  switch (SSL_get_error(ssl_.get(), outcome)) {
    case SSL_ERROR_WANT_READ:
      return Step::kReadable;
    case SSL_ERROR_WANT_WRITE:
      return Step::kWritable;
    default:
      return Step::kFailed;
  }
}

ssize_t Channel::read(char* bytes, std::size_t size) {
  if (!ssl_) {
    const ssize_t got = ::recv(socket_.number(), bytes, size, 0);
    return got >= 0 ? got : errno == EAGAIN ? kAgain : kBroken;
  }
  ERR_clear_error();
  const int got =
      SSL_read(ssl_.get(), bytes, static_cast<int>(std::min<std::size_t>(size, INT_MAX)));
  if (got > 0) return got;
  switch (SSL_get_error(ssl_.get(), got)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return kAgain;
    case SSL_ERROR_ZERO_RETURN:
      return kEnd;
    default:
      return kBroken;
  }
}

ssize_t Channel::write(std::string_view bytes) {
  if (!ssl_) {
    const ssize_t sent = ::send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent >= 0 ? sent : errno == EAGAIN ? kAgain : kBroken;
  }
  ERR_clear_error();
  const int sent = SSL_write(ssl_.get(), bytes.data(),
                             static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
  if (sent > 0) return sent;
  const int why = SSL_get_error(ssl_.get(), sent);
  return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? kAgain : kBroken;
}

void Channel::close() {
  // One close_notify and no wait for theirs; a handshake that failed half way has none to send.
  if (ssl_ && SSL_is_init_finished(ssl_.get()) == 1) SSL_shutdown(ssl_.get());
  ssl_.reset();
  socket_.reset();
}

}  // namespace weft::bench
