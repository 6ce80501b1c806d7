#include "sidecar/http/websocket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace weft::http {
namespace {

std::string accept_of(std::string_view text) {
  WebSocketKey key{};
  std::copy(text.begin(), text.end(), key.begin());
  return std::string(view(websocket_accept(key)));
}

TEST(WebSocket, ProvesThatAKeyWasUnderstood) {
  // RFC 6455 section 1.3; the others by OpenSSL.
  EXPECT_EQ(accept_of("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(accept_of("AAAAAAAAAAAAAAAAAAAAAA=="), "ICX+Yqv66kxgM0FcWaLWlFLwTAI=");
  EXPECT_EQ(accept_of("/////////////////////w=="), "XXpj4jYzLM2yUE0C7TIgMwTQh2g=");
}

TEST(WebSocket, MakesAnotherKeyEachTime) {
  std::set<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.emplace(view(make_websocket_key()));
  EXPECT_EQ(keys.size(), 100U);
  for (const std::string& key : keys) {
    EXPECT_EQ(key.size(), 24U);
    EXPECT_EQ(key.find('='), 22U);
    EXPECT_EQ(key.substr(22), "==");
    // Sixteen bytes leave four bits over, which are zero.
    EXPECT_NE(std::string("AQgw").find(key[21]), std::string::npos) << key;
  }
}

}  // namespace
}  // namespace weft::http
