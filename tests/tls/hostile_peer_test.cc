// Peers that speak correct TLS with bad intent: floods of KeyUpdate, renegotiation. Built on
// OpenSSL directly.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

// A client of its own on the left end of a pipe.
class RawClient final : public Sink {
 public:
  RawClient(std::unique_ptr<Transport> transport, const Identity& identity, int version)
      : transport_(std::move(transport)) {
    context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_max_proto_version(context_, version);
    use(identity);
    ssl = SSL_new(context_);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
    transport_->set_sink(this);
    go();
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() {
    SSL_free(ssl);
    SSL_CTX_free(context_);
  }

  SSL* ssl = nullptr;
  std::string heard;

  void go() {
    SSL_do_handshake(ssl);
    char room[20'000];
    std::size_t size = 0;
    while (SSL_is_init_finished(ssl) == 1 && SSL_read_ex(ssl, room, sizeof room, &size) == 1)
      heard.append(room, size);
    send();
  }
  void send() {
    char* data = nullptr;
    const long size = BIO_get_mem_data(SSL_get_wbio(ssl), &data);
    transport_->write(Buffer(std::string_view(data, static_cast<std::size_t>(size))));
    BIO_reset(SSL_get_wbio(ssl));
    transport_->flush();
  }
  void on_bytes(Buffer& bytes) override {
    const std::string text = bytes.to_string();
    bytes.clear();
    BIO_write(SSL_get_rbio(ssl), text.data(), static_cast<int>(text.size()));
    go();
  }
  void on_writable() override {}
  void on_end() override {}
  void on_fault(const Error&) override {}

 private:
  void use(const Identity& identity) {
    BIO* chain =
        BIO_new_mem_buf(identity.chain_pem.data(), static_cast<int>(identity.chain_pem.size()));
    X509* leaf = PEM_read_bio_X509(chain, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_, leaf);
    X509_free(leaf);
    BIO_free(chain);
    SSL_CTX_use_PrivateKey(context_, Key::from_private_pem(identity.key_pem).value().native());
  }
  std::unique_ptr<Transport> transport_;
  SSL_CTX* context_ = nullptr;
};

class HostilePeer : public ::testing::TestWithParam<std::size_t> {
 protected:
  Cast cast_;
  Turn turn_{TimePoint{}};
  MemoryPipe pipe_{turn_, {.piece = GetParam()}};
  Party server_;
  std::optional<RawClient> client_;

  void call(int version = TLS1_3_VERSION) {
    cast_.server_settings.alpn.clear();
    server_.stream = Stream::accept(turn_, pipe_.take_right(), cast_.server(), server_, {});
    client_.emplace(pipe_.take_left(), cast_.client_identity, version);
    pipe_.run();
  }
  void meet(int version = TLS1_3_VERSION) {
    call(version);
    ASSERT_EQ(server_.story(), "ready");
  }
  void update_keys(int times, int kind) {
    for (int i = 0; i < times; ++i) {
      SSL_key_update(client_->ssl, kind);
      client_->go();
    }
    pipe_.run();
  }
};

INSTANTIATE_TEST_SUITE_P(Pieces, HostilePeer, ::testing::Values(SIZE_MAX, 100));

TEST_P(HostilePeer, MayUpdateItsKeysNowAndThen) {
  meet();
  for (int round = 0; round < 5; ++round) {
    update_keys(2, SSL_KEY_UPDATE_REQUESTED);
    SSL_write(client_->ssl, "more", 4);
    client_->send();
    pipe_.run();
    server_.say("answer");
    pipe_.run();
  }
  EXPECT_EQ(server_.story(), "ready, heard moremoremoremoremore");
  EXPECT_EQ(client_->heard, "answeransweransweransweranswer");
}

TEST_P(HostilePeer, IsCutOffForAFloodOfKeyUpdates) {
  meet();
  update_keys(10'000, SSL_KEY_UPDATE_NOT_REQUESTED);
  EXPECT_EQ(server_.story(), "ready, fault protocol");
}

TEST_P(HostilePeer, IsCutOffForAFloodOfKeyUpdatesThatWantAnswers) {
  meet();
  update_keys(10'000, SSL_KEY_UPDATE_REQUESTED);
  EXPECT_EQ(server_.story(), "ready, fault protocol");
  EXPECT_LT(pipe_.sent_to(MemoryPipe::End::kLeft).size(), 100'000U);
}

TEST_P(HostilePeer, IsNotBelievedWithASignatureBySha1) {
  CertificateSpec spec = cast_.authority.good_spec("client");
  spec.digest = "SHA1";
  cast_.client_identity = cast_.authority.odd(spec);
  call();
  EXPECT_EQ(server_.story(), "untrusted (tls handshake)");
}

TEST_P(HostilePeer, FindsNoOldVersions) {
  call(TLS1_1_VERSION);
  EXPECT_EQ(server_.story(), "nothing_in_common (tls handshake)");
}

TEST_P(HostilePeer, GainsNothingByMixingDataIntoTheFlood) {
  meet();
  for (int i = 0; i < 200; ++i) {
    update_keys(1, SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_write(client_->ssl, "x", 1);
    client_->send();
    pipe_.run();
  }
  ASSERT_TRUE(server_.ear.fault.has_value());
  EXPECT_EQ(server_.ear.fault->fault, Fault::kProtocol);
  EXPECT_LT(server_.ear.text.size(), 40U);
}

TEST_P(HostilePeer, EarnsKeyUpdatesByData) {
  meet();
  const std::string bulk(1'000'000, 'b');
  for (int i = 0; i < 10; ++i) {
    update_keys(10, SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_write(client_->ssl, bulk.data(), static_cast<int>(bulk.size()));
    client_->send();
    pipe_.run();
  }
  EXPECT_FALSE(server_.ear.fault.has_value());
  EXPECT_EQ(server_.ear.text.size(), 10'000'000U);
}

TEST_P(HostilePeer, CannotRenegotiate) {
  meet(TLS1_2_VERSION);
  for (int i = 0; i < 100; ++i) {
    SSL_renegotiate(client_->ssl);
    client_->go();
    pipe_.run();
  }
  // Refused with a warning; OpenSSL's client gives up, ours stays or ends, and nobody shook hands a
  // second time.
  EXPECT_EQ(cast_.library->accepted().value(HandshakeResult::kOk), 1U);
}

TEST_P(HostilePeer, GetsNoTicket) {
  meet();
  EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(client_->ssl)), 0);
}

}  // namespace
}  // namespace weft::tls::testing
