#include "tls/engine.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "sidecar/core/address.h"
#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "tls/library.h"
#include "tls/openssl_error.h"

namespace weft::tls {

// The custom BIO. One method for the process; each BIO points to its Engine.
struct Engine::Bio {
  static int read(BIO* bio, char* target, std::size_t size, std::size_t* got) {
    Engine& engine = *static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (engine.input_ == nullptr || engine.input_->empty()) {
      BIO_set_retry_read(bio);
      return 0;
    }
    if (!engine.notes_.open && engine.handshake_bytes_ > kHandshakeBytesMax) {
      engine.handshake_too_long_ = true;
      return 0;
    }
    *got = engine.input_->copy_to({reinterpret_cast<std::uint8_t*>(target), size});
    engine.input_->drain(*got);
    if (!engine.notes_.open) engine.handshake_bytes_ += *got;
    return 1;
  }

  static int write(BIO* bio, const char* source, std::size_t size, std::size_t* written) {
    Engine& engine = *static_cast<Engine*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    engine.output_.append(std::string_view(source, size));
    *written = size;
    return 1;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static BIO_METHOD* const instance = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft buffers");
      BIO_meth_set_read_ex(made, &Bio::read);
      BIO_meth_set_write_ex(made, &Bio::write);
      BIO_meth_set_ctrl(made, &Bio::control);
      return made;
    }();
    return instance;
  }
};

Engine::Engine(const Context& context, std::string_view server_name, bool offers_alpn)
    : context_(context), ssl_(context.open(notes_)) {
  BIO* bio = BIO_new(Bio::method());
  WEFT_ASSERT(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  // RFC 6066 3: a literal address is not a server name.
  if (!context.is_server() && !server_name.empty() && !IpAddress::parse(server_name)) {
    const std::string name(server_name);
    SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
    clear_openssl_errors();
  }
  if (!context.is_server() && !offers_alpn) SSL_set_alpn_protos(ssl_.get(), nullptr, 0);
}

Engine::~Engine() = default;

Engine::Outcome Engine::handshake(Buffer& input) {
  WEFT_ASSERT(!notes_.open);
  clear_openssl_errors();
  input_ = &input;
  const int returned = SSL_do_handshake(ssl_.get());
  input_ = nullptr;
  if (returned != 1) return outcome_of(returned);
  notes_.open = true;
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &chosen, &size);
  // OpenSSL 3.0 believes a server that chooses what it was not offered.
  const std::string_view protocol(reinterpret_cast<const char*>(chosen), size);
  if (!protocol.empty() && !context_.speaks(protocol)) {
    return fail_with(HandshakeResult::kBroken, Fault::kTlsHandshake,
                     "the server chose the application protocol '" + escape(protocol) +
                         "', which was not offered");
  }
  return Outcome::kDone;
}

Engine::Outcome Engine::read(Buffer& input, std::span<std::uint8_t> target, std::size_t& size) {
  WEFT_ASSERT(notes_.open);
  clear_openssl_errors();
  for (;;) {
    const std::uint64_t messages_before = notes_.messages_after_handshake;
    input_ = &input;
    const int returned = SSL_read_ex(ssl_.get(), target.data(), target.size(), &size);
    input_ = nullptr;
    if (returned == 1) data_bytes_ += size;
    const bool other_messages = notes_.messages_after_handshake != messages_before;
    if (other_messages && floods()) {
      return fail_with(HandshakeResult::kBroken, Fault::kProtocol,
                       "the peer floods us with TLS messages other than data");
    }
    if (returned == 1) return Outcome::kDone;
    const Outcome outcome = outcome_of(returned);
    // A message that is no data ends a read early; there may be more behind it.
    if (outcome != Outcome::kNeedInput || !other_messages) return outcome;
  }
}

Engine::Outcome Engine::write(Bytes plain) {
  WEFT_ASSERT(notes_.open && !plain.empty() && plain.size() <= Library::kRecordMax);
  clear_openssl_errors();
  std::size_t written = 0;
  const int returned = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
  if (returned == 1 && written == plain.size()) return Outcome::kDone;
  const Outcome outcome = outcome_of(returned);
  if (outcome == Outcome::kFailed) return outcome;
  // Output never blocks and there is no renegotiation, so nothing could make it wait.
  return fail_with(HandshakeResult::kBroken, Fault::kProtocol, "a TLS record could not be written");
}

void Engine::close_notify() {
  clear_openssl_errors();
  SSL_shutdown(ssl_.get());
  clear_openssl_errors();
}

Engine::Outcome Engine::outcome_of(int returned) {
  switch (SSL_get_error(ssl_.get(), returned)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::kNeedInput;
    case SSL_ERROR_ZERO_RETURN: {
      if (notes_.open) return Outcome::kClosed;
      return fail_with(HandshakeResult::kClosed, Fault::kTlsHandshake,
                       "the peer closed TLS in the middle of the handshake");
    }
    default:
      break;
  }
  if (handshake_too_long_) {
    return fail_with(HandshakeResult::kBroken, Fault::kTlsHandshake,
                     "the handshake is longer than 128 KiB");
  }
  const int reason = first_ssl_reason();
  HandshakeResult result = result_of_ssl_reason(reason);
  Error error = openssl_error(Fault::kProtocol, "TLS");
  if (!notes_.open) {
    if (notes_.verdict.result != HandshakeResult::kOk) {
      result = notes_.verdict.result;
      error.detail = notes_.verdict.detail;
    }
    return fail_with(result, fault_of(result), std::move(error.detail));
  }
  // A TLS 1.3 server judges our certificate after our handshake is over, so its refusal arrives in
  // place of the first data.
  const bool refused = result == HandshakeResult::kRefusedByPeer;
  const Fault fault = !refused           ? Fault::kProtocol
                      : data_bytes_ == 0 ? Fault::kTlsHandshake
                                         : Fault::kReset;
  return fail_with(result, fault, std::move(error.detail));
}

Engine::Outcome Engine::fail_with(HandshakeResult result, Fault fault, std::string detail) {
  clear_openssl_errors();
  failure_.result = result;
  failure_.error =
      Error{fault, context_.is_server() ? Side::kDownstream : Side::kUpstream, std::move(detail)};
  return Outcome::kFailed;
}

bool Engine::floods() const {
  return notes_.messages_after_handshake > kMessagesMax + data_bytes_ / kBytesPerMessage;
}

TlsInfo Engine::info() const {
  TlsInfo info;
  info.secured = true;
  info.peer = notes_.verdict.peer;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  info.alpn.assign(reinterpret_cast<const char*>(protocol), size);
  if (const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name); name != nullptr)
    info.server_name = name;
  info.version = SSL_get_version(ssl_.get());
  info.cipher = SSL_get_cipher_name(ssl_.get());
  return info;
}

}  // namespace weft::tls
