#include "sidecar/http/normalize.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::http {
namespace {

std::string target(std::string_view text, const NormalizeOptions& options = {}) {
  Arena arena;
  const Result<std::string_view> result = canonical_target(text, options, arena);
  return result ? std::string(*result) : to_string(result.error());
}

std::string authority(std::string_view text) {
  Arena arena;
  const Result<std::string_view> result = canonical_authority(text, arena);
  return result ? std::string(*result) : to_string(result.error());
}

TEST(CanonicalTarget, EverySpellingOfAdminIsAdminOrRefused) {
  for (const char* spelling :
       {"/admin", "//admin", "///admin", "/./admin", "/x/../admin", "/%61dmin", "/adm%69n",
        "/%2e/admin", "/%2e%2e/admin", "/x/%2E%2e/admin", "/x/y/../../admin", "/../../admin",
        "/.//admin", "/x/.././admin", "/%2e%2e/%2e%2e/%61%64%6d%69%6e"}) {
    EXPECT_EQ(target(spelling), "/admin") << spelling;
  }
  for (const char* spelling :
       {"/admin/", "/admin/.", "/admin//", "/admin/x/..", "/admin/./", "//admin//"}) {
    EXPECT_EQ(target(spelling), "/admin/") << spelling;
  }
}

TEST(CanonicalTarget, WhatOriginsReadDifferentlyIsRefused) {
  EXPECT_EQ(target("\\admin"), "protocol: backslash in the path");
  EXPECT_EQ(target("/x\\..\\admin"), "protocol: backslash in the path");
  EXPECT_EQ(target("/admin%2f"), "protocol: escaped slash in the path");
  EXPECT_EQ(target("/x%2F..%2Fadmin"), "protocol: escaped slash in the path");
  EXPECT_EQ(target("/x%5c..%5Cadmin"), "protocol: escaped slash in the path");
  EXPECT_EQ(target("/admin%00"), "protocol: escaped NUL in the path");
  EXPECT_EQ(target("/admin;x=y"), "protocol: parameters in the path");
  EXPECT_EQ(target("/;a/admin"), "protocol: parameters in the path");
  EXPECT_EQ(target("/admin;x/y"), "protocol: parameters in the path");
  EXPECT_EQ(target("/admin#z"), "protocol: forbidden byte in the target");
  EXPECT_EQ(target("/%"), "protocol: bad escape in the path");
  EXPECT_EQ(target("/%4"), "protocol: bad escape in the path");
  EXPECT_EQ(target("/%zz"), "protocol: bad escape in the path");
  EXPECT_EQ(target("/%4?1"), "protocol: bad escape in the path");
  for (const char* overlong :
       {"/%c0%ae%c0%ae/admin", "/adm%C1%A9n", "/%e0%80%ae", "/%f0%80%80%ae", "/%f8%80%80%80%ae"}) {
    EXPECT_EQ(target(overlong), "protocol: overlong escape in the path") << overlong;
  }
  for (const char bad : {' ', '\t', '\r', '\n', '\x01', '\x7f', '\x80', '\xff', '\0'}) {
    EXPECT_EQ(target("/a" + std::string(1, bad) + "b"), "protocol: forbidden byte in the target")
        << int{bad};
    EXPECT_EQ(target("/a?" + std::string(1, bad) + "b"), "protocol: forbidden byte in the target")
        << int{bad};
  }
}

TEST(CanonicalTarget, NothingIsDecodedTwice) {
  EXPECT_EQ(target("/%252e%252e/admin"), "/%252e%252e/admin");
  EXPECT_EQ(target("/%25%32%65"), "/%252e");
  EXPECT_EQ(target("/%2525"), "/%2525");
}

TEST(CanonicalTarget, WhatNeedsItsEscapeKeepsIt) {
  EXPECT_EQ(target("/caf%c3%a9"), "/caf%C3%A9");
  EXPECT_EQ(target("/a%20b%3fc%23d"), "/a%20b%3Fc%23d");
  EXPECT_EQ(target("/m%fcnchen/%c0lb"), "/m%FCnchen/%C0lb");  // Latin-1
  EXPECT_EQ(target("/.well-known/x..y/...z"), "/.well-known/x..y/...z");
}

TEST(CanonicalTarget, AQueryIsLeftAlone) {
  EXPECT_EQ(target("/a?x=/../b//c;d%2f%00%61\\"), "/a?x=/../b//c;d%2f%00%61\\");
  EXPECT_EQ(target("//a?b//c"), "/a?b//c");
  EXPECT_EQ(target("/.?"), "/?");
}

TEST(CanonicalTarget, OptionsDecideWhatIsKept) {
  EXPECT_EQ(target("/a//b", {.merge_slashes = false}), "/a//b");
  EXPECT_EQ(target("/a//../b", {.merge_slashes = false}), "/a/b");
  EXPECT_EQ(target("/a//", {.merge_slashes = false}), "/a//");
  EXPECT_EQ(target("/a%2fb\\c", {.escaped_slashes = NormalizeOptions::Slashes::kKeep}),
            "/a%2Fb\\c");
  EXPECT_EQ(target("/a%2f..\\%61%5c", {.escaped_slashes = NormalizeOptions::Slashes::kDecode}),
            "/a/");
  EXPECT_EQ(target("/x;p=1/../b;c", {.parameters = NormalizeOptions::Parameters::kStrip}), "/b");
  EXPECT_EQ(target("/..;/admin;x", {.parameters = NormalizeOptions::Parameters::kStrip}), "/admin");
  EXPECT_EQ(target("/;a/admin", {.parameters = NormalizeOptions::Parameters::kStrip}), "/admin");
  EXPECT_EQ(target("/a;p=1", {.parameters = NormalizeOptions::Parameters::kKeep}), "/a;p=1");
  EXPECT_EQ(target("/x/..;/admin", {.parameters = NormalizeOptions::Parameters::kKeep}),
            "protocol: parameters behind a dot segment");
  EXPECT_EQ(target("/a/../%2f;b//c", {.path = false}), "/a/../%2f;b//c");
  EXPECT_EQ(target("/a%00", {.path = false}), "protocol: escaped NUL in the path");
}

TEST(CanonicalTarget, IsItsOwnCanonicalForm) {
  for (const char* spelling :
       {"/a//b/../c/./%7e%41", "/..//../", "/%2e%2E/x/", "/a/b/../../..", "/"}) {
    const std::string once = target(spelling);
    EXPECT_EQ(target(once), once) << spelling;
  }
}

TEST(CanonicalAuthority, IsLowerCaseWithoutTrailingDot) {
  EXPECT_EQ(authority("cart"), "cart");
  EXPECT_EQ(authority("Svc.NS"), "svc.ns");
  EXPECT_EQ(authority("svc.ns."), "svc.ns");
  EXPECT_EQ(authority("SVC.ns.:80"), "svc.ns:80");
  EXPECT_EQ(authority("svc:"), "svc");
  EXPECT_EQ(authority("my_app~1.x-y:65535"), "my_app~1.x-y:65535");
  EXPECT_EQ(authority("[FE80::1]:8080"), "[fe80::1]:8080");
  EXPECT_EQ(authority("[::1]"), "[::1]");
}

TEST(CanonicalAuthority, RefusesWhatIsNotAHost) {
  for (const char* bad :
       {"",    "a b",  "user@host", "user:pw@host", "a,b",     "a/b",  "a?b",  "a#b",
        ":80", "a:b",  "a:99999",   "a:080",        "a:80:80", ".",    "..",   ".a",
        "a..", "[::1", "[]",        "[::1]x",       "[g::]",   "a\\b", "a%41", "a\tb"}) {
    EXPECT_EQ(authority(bad), "protocol: bad host") << bad;
  }
  EXPECT_EQ(authority(std::string_view("a\0b", 3)), "protocol: bad host");
}

std::string canonical(RequestHead head, const NormalizeOptions& options = {}) {
  if (Status status = canonicalize(head, options); !status) return to_string(status.error());
  std::string text = std::string(head.authority) + " " + std::string(head.target);
  for (const Field& field : head.headers) text += " " + std::string(field.name);
  return text;
}

RequestHead head_with(std::initializer_list<std::string_view> names) {
  RequestHead head;
  head.authority = "Cart";
  head.target = "/";
  for (const std::string_view name : names) head.headers.add(name, "v");
  return head;
}

TEST(Canonicalize, AnUnderscoreCannotImitateAFieldOfTheMesh) {
  EXPECT_EQ(canonical(head_with({"x_a", "x-a", "X_Forwarded_For", "x-forwarded_for", "x_weft-peer",
                                 "X_WEFT_ANYTHING", "content_length", "Transfer_Encoding",
                                 "x_envoy_thing", "l5d_client_id", "_", "a_"})),
            "cart / x_a x-a _ a_");
  EXPECT_EQ(
      canonical(head_with({"x_a", "x-a"}), {.underscores = NormalizeOptions::Underscores::kDrop}),
      "cart / x-a");
  EXPECT_EQ(canonical(head_with({"x_a"}), {.underscores = NormalizeOptions::Underscores::kReject}),
            "protocol: underscore in a header name");
}

TEST(Canonicalize, OnlyOptionsMayAskForAStar) {
  RequestHead head = head_with({});
  head.target = "*";
  EXPECT_EQ(canonical(std::move(head)), "protocol: target does not begin with a slash");
  RequestHead options = head_with({});
  options.method = Method::kOptions;
  options.target = "*";
  EXPECT_EQ(canonical(std::move(options)), "cart *");
}

TEST(Canonicalize, APathWithoutSlashIsRefused) {
  for (const char* bad : {"", "admin", "Service/Method", "?x", "http://a/"}) {
    RequestHead head = head_with({});
    head.target = bad;
    EXPECT_EQ(canonical(std::move(head)), "protocol: target does not begin with a slash") << bad;
  }
}

TEST(Trailers, WhatWouldChangeTheHeadIsDropped) {
  Headers trailers;
  for (const char* name : {"Content-Length",
                           "transfer-encoding",
                           "Host",
                           "authorization",
                           "x-forwarded-for",
                           "X-Weft-Peer",
                           "x_weft_peer",
                           "content_length",
                           "cookie",
                           "set-cookie",
                           "if-match",
                           "Proxy-Authorization",
                           "te",
                           "trailer",
                           "connection",
                           "upgrade",
                           "x-envoy-attempt-count",
                           "x-request-id",
                           "traceparent",
                           "expect",
                           "range",
                           "cache-control",
                           "grpc-status",
                           "grpc-message",
                           "x-checksum",
                           "grpc-status-details-bin",
                           "etag"}) {
    trailers.add(name, "v");
  }
  drop_forbidden_trailers(trailers);
  std::string left;
  for (const Field& field : trailers) left += std::string(field.name) + " ";
  EXPECT_EQ(left, "grpc-status grpc-message x-checksum grpc-status-details-bin etag ");
}

}  // namespace
}  // namespace weft::http
