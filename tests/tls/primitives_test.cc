// Digest and the rest: known answers, and what must be refused.
#include "tls/primitives.h"

#include <gtest/gtest.h>

#include <set>

#include "sidecar/core/strings.h"

namespace weft::tls {
namespace {

TEST(Primitives, DigestsAsFips180Says) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Primitives, ComparesWholeTexts) {
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secreT"));
  EXPECT_FALSE(equal_in_constant_time("secret", "secre"));
}

TEST(Primitives, DrawsBytesThatDiffer) {
  std::set<std::string> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(random_bytes(16));
  EXPECT_EQ(drawn.size(), 100U);
}

TEST(Primitives, WipesASecret) {
  std::string secret(64, 'k');
  const char* where = secret.data();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(where, secret.data());
}

}  // namespace
}  // namespace weft::tls
