#pragma once
// What a meshed pod and its sidecar agree on: ports, the user the sidecar runs as, files, and the
// names of its environment. The injector writes it into pods, the redirect rules take it from here,
// the sidecar obeys it; nobody repeats a number. Values only.

#include <cstdint>

namespace weft::pod {

// The sidecar's own user and group, which no app's may be: what they send is not redirected.
inline constexpr std::uint32_t kUid = 5150;
inline constexpr std::uint32_t kGid = 5150;

inline constexpr std::uint16_t kAdminPort = 15000;     // on loopback
inline constexpr std::uint16_t kOutboundPort = 15001;  // what the app sends
inline constexpr std::uint16_t kInboundPort = 15006;   // what comes for the app
inline constexpr std::uint16_t kStatusPort = 15020;    // /ready, /metrics, the app's probes
inline constexpr std::uint16_t kDnsPort = 15053;       // on loopback, UDP and TCP

// Where the sidecar's connections to its own app come from: what has it as its source is delivered
// and not captured again. Any app that trusts 127.0.0.1 more than others is not to trust these. The
// v6 one has to be put on the loopback interface by whoever makes the rules.
inline constexpr const char* kDeliverySource = "127.0.0.6";
inline constexpr const char* kDeliverySourceV6 = "::6";

// Redirect mode tproxy: the sidecar calls its app from the address of whoever called the pod. Such
// connections have this mark, and where their answers go is looked up in this routing table, by
// which they come back to the sidecar and do not leave the pod.
inline constexpr std::uint32_t kTransparentMark = 15006;
inline constexpr std::uint32_t kTransparentTable = 15006;

// The projected token: who the pod is, for the control plane and nobody else.
inline constexpr const char* kTokenFile = "/var/run/secrets/weft.dev/token";
inline constexpr const char* kTokenAudience = "weft.dev";

// The sidecar's environment.
inline constexpr const char* kPodNameVariable = "WEFT_POD_NAME";
inline constexpr const char* kPodNamespaceVariable = "WEFT_POD_NAMESPACE";
inline constexpr const char* kPodAddressesVariable = "WEFT_POD_IPS";  // comma between
inline constexpr const char* kServiceAccountVariable = "WEFT_SERVICE_ACCOUNT";
inline constexpr const char* kNodeVariable = "WEFT_NODE";      // the machine
inline constexpr const char* kZoneVariable = "WEFT_ZONE";      // may be empty
inline constexpr const char* kRegionVariable = "WEFT_REGION";  // may be empty
inline constexpr const char* kCanonicalServiceVariable = "WEFT_CANONICAL_SERVICE";
inline constexpr const char* kCanonicalRevisionVariable = "WEFT_CANONICAL_REVISION";
inline constexpr const char* kControlVariable = "WEFT_CONTROL";  // host:port of weft-control
inline constexpr const char* kTrustDomainVariable = "WEFT_TRUST_DOMAIN";
// SHA-256 of the roots' public keys in hex, comma between: whom to trust at first.
inline constexpr const char* kRootsVariable = "WEFT_ROOTS_SHA256";
// "tproxy", or not set. In that mode the container starts as root, and becomes kUid by itself.
inline constexpr const char* kRedirectModeVariable = "WEFT_REDIRECT_MODE";
// JSON: the app's own probes by path on kStatusPort, as they were before the injection.
inline constexpr const char* kProbesVariable = "WEFT_PROBES";

}  // namespace weft::pod
