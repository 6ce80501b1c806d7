// What people write: each kind's good form, and what is said about every mistake.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control/model/object.h"
#include "tests/control/objects.h"

namespace weft::control {
namespace {

using testing::mistakes_in;
using testing::notes_in;

const std::string kServiceHead =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n";
const std::string kWorkloadHead =
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: cart-a, namespace: shop}\n";
const std::string kRouteHead =
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: cart, namespace: "
    "shop}\n";
const std::string kParent = "  parentRefs: [{group: \"\", kind: Service, name: cart}]\n";
const std::string kConfig =
    "apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n";

// A rule whose text begins on line 7.
std::string rule(const std::string& text) {
  return kRouteHead + "spec:\n" + kParent + "  rules:\n  - " + text;
}

struct Row {
  std::string yaml;
  std::string mistakes;
};

void expect_all(const std::vector<Row>& rows) {
  for (const Row& row : rows) EXPECT_EQ(mistakes_in(row.yaml), row.mistakes) << row.yaml;
}

TEST(Documents, SayWhatTheyAreOrAreRefused) {
  expect_all({
      {"hello", "1:1: want an object: a map with apiVersion and kind\n"},
      {"- a", "1:1: want an object: a map with apiVersion and kind\n"},
      {"a: 1", "1:1: kind: is required\n1:1: apiVersion: is required\n"},
      {"apiVersion: v1\nkind: Deployment\n",
       "2:7: kind: want one of Service, ConfigMap, Workload, HTTPRoute, GRPCRoute, TLSRoute, "
       "TCPRoute, "
       "ReferenceGrant, BackendTLSPolicy, XBackendTrafficPolicy, VirtualService, DestinationRule, "
       "TrafficPolicy, "
       "MeshConfig, found "
       "'Deployment'\n"},
      {"apiVersion: v2\nkind: Service\n", "1:13: apiVersion: want v1 for Service, found 'v2'\n"},
      {"apiVersion: gateway.networking.k8s.io/v1alpha2\nkind: HTTPRoute\n",
       "1:13: apiVersion: want gateway.networking.k8s.io/v1 or gateway.networking.k8s.io/v1beta1 "
       "for HTTPRoute, found 'gateway.networking.k8s.io/v1alpha2'\n"},
      {"apiVersion: 1\nkind: Service\n",
       "1:13: apiVersion: want text; '1' is none unless it stands in quotes\n"},
  });
}

TEST(Metadata, IsCheckedAsKubernetesDoes) {
  const std::string head = "apiVersion: v1\nkind: Service\n";
  const std::string spec = "spec: {}\n";
  expect_all({
      {head + spec, "1:1: metadata: is required\n"},
      {head + "metadata: {}\n" + spec, "3:11: metadata.name: is required\n"},
      {head + "metadata: {name: Cart}\n" + spec,
       "3:18: metadata.name: 'Cart' must be labels of a-z, 0-9 and '-' joined by dots\n"},
      {head + "metadata: {name: \"a. b\"}\n" + spec,
       "3:18: metadata.name: 'a. b' must be labels of a-z, 0-9 and '-' joined by dots\n"},
      {head + "metadata: {name: cart, namespace: a.b}\n" + spec,
       "3:35: metadata.namespace: 'a.b' must be at most 63 of a-z, 0-9 and '-', and begin and end "
       "with a letter or digit\n"},
      {head + "metadata: {name: 08}\n" + spec,
       "3:18: metadata.name: want text; '08' is none unless it stands in quotes\n"},
      {head + "metadata: {name: cart, labels: {version: 2, ok: on}}\n" + spec,
       "3:42: metadata.labels.version: want text; '2' is none unless it stands in quotes\n"
       "3:49: metadata.labels.ok: want text; 'on' is none unless it stands in quotes\n"},
      {head + "metadata: {name: cart, labels: {\"a b\": x}}\n" + spec,
       "3:33: metadata.labels.a b: the key must be a label's key, as app or example.com/app\n"},
      {head + "metadata: {name: cart, labels: [a]}\n" + spec,
       "3:32: metadata.labels: want a map, found a list\n"},
      {head + "metadata: {name: cart, colour: red}\n" + spec,
       "3:24: metadata.colour: unknown field\n"},
      {head + "metadata: {name: cart, creationTimestamp: yesterday}\n" + spec,
       "3:43: metadata.creationTimestamp: 'yesterday' must be a time such as "
       "2026-01-31T08:00:00Z\n"},
      {head + "metadata: {name: cart, creationTimestamp: \"2026-1a-31T08:00:00Z\"}\n" + spec,
       "3:43: metadata.creationTimestamp: '2026-1a-31T08:00:00Z' must be a time such as "
       "2026-01-31T08:00:00Z\n"},
      {"apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default, namespace: a}\n",
       "3:38: metadata.namespace: this kind has no namespace\n"},
  });
}

TEST(Metadata, HoldsWhatKubectlLeavesInAnnotations) {
  const auto with = [](std::size_t bytes) {
    return mistakes_in(
        "apiVersion: v1\nkind: Service\nmetadata: {name: cart, annotations: {last: \"" +
        std::string(bytes, 'x') + "\"}}\nspec: {}\n");
  };
  EXPECT_EQ(with(256 * 1024), "");
  EXPECT_EQ(with(256 * 1024 + 1), "3:44: metadata.annotations.last: longer than 262144 bytes\n");
}

TEST(Metadata, KeepsQuotedTextAsText) {
  EXPECT_EQ(mistakes_in(kServiceHead + "spec: {selector: {version: \"08\", on: \"true\"}}\n"), "");
}

TEST(Metadata, TakesNullForAbsent) {
  EXPECT_EQ(
      mistakes_in("apiVersion: v1\nkind: Service\n"
                  "metadata: {name: cart, namespace: null, creationTimestamp: null, labels: }\n"
                  "spec: {ports: null}\nstatus: {}\n"),
      "");
}

TEST(ServiceText, SaysEveryMistake) {
  expect_all({
      {kServiceHead, "1:1: spec: is required\n"},
      {kServiceHead + "spec: []\n", "4:7: spec: want a map, found a list\n"},
      {kServiceHead + "spec:\n  ports:\n  - {port: 0}\n  - {port: 80, name: b}\n",
       "6:3: spec.ports: every port needs a name when there is more than one\n"
       "6:12: spec.ports[0].port: want a number from 1 to 65535, found 0\n"},
      {kServiceHead + "spec: {ports: [{port: \"80\"}]}\n",
       "4:23: spec.ports[0].port: want a whole number, found the text \"80\"\n"},
      {kServiceHead + "spec: {ports: [{}]}\n", "4:16: spec.ports[0].port: is required\n"},
      {kServiceHead + "spec: {ports: [{name: a, port: 80}, {name: a, port: 80}]}\n",
       "4:44: spec.ports[1].name: is another port's name already\n"
       "4:53: spec.ports[1].port: 80 is there already\n"},
      {kServiceHead + "spec: {ports: [{port: 53, protocol: UDP}]}\n",
       "4:37: spec.ports[0].protocol: only TCP is supported yet\n"},
      {kServiceHead + "spec: {ports: [{port: 80, targetPort: \"0\"}]}\n",
       "4:39: spec.ports[0].targetPort: '0' must be a port's name: a-z, 0-9 and single '-', with a "
       "letter\n"},
      {kServiceHead + "spec: {ports: [{port: 80, targetPort: 70000}]}\n",
       "4:39: spec.ports[0].targetPort: want a number from 1 to 65535, found 70000\n"},
      {kServiceHead + "spec: {type: ExternalName}\n", "4:7: spec.externalName: is required\n"},
      {kServiceHead + "spec: {type: ExternalName, externalName: 10.0.0.1}\n",
       "4:42: spec.externalName: '10.0.0.1' must be a host name, not an address\n"},
      {kServiceHead + "spec: {type: ExternalName, externalName: localhost}\n",
       "4:42: spec.externalName: 'localhost' must not be the caller's own machine\n"},
      {kServiceHead + "spec: {type: ExternalName, externalName: a.localhost.}\n",
       "4:42: spec.externalName: 'a.localhost.' must not be the caller's own machine\n"},
      {kServiceHead + "spec: {type: ExternalName, externalName: cart.shop.svc.cluster.local}\n",
       "4:42: spec.externalName: 'cart.shop.svc.cluster.local' must not be a Service of the "
       "cluster: callers and routes name that one itself\n"},
      {kServiceHead +
           "spec: {type: ExternalName, externalName: x.example, ports: [{port: 15000}]}\n",
       "4:60: spec.ports: 15000 is the sidecar's own, wherever the name may lead\n"},
      {kServiceHead + "spec: {type: ExternalName, externalName: x.example, clusterIP: 10.0.0.1}\n",
       "4:64: spec.clusterIP: is not for an ExternalName, which has none\n"},
      {kServiceHead + "spec: {sessionAffinity: Cookie}\n",
       "4:25: spec.sessionAffinity: want one of None, ClientIP, found 'Cookie'\n"},
      {kServiceHead + "spec: {trafficDistribution: Near}\n",
       "4:29: spec.trafficDistribution: want one of PreferClose, PreferSameZone, PreferSameNode, "
       "found 'Near'\n"},
      {kServiceHead + "spec: {publishNotReadyAddresses: \"true\"}\n",
       "4:34: spec.publishNotReadyAddresses: want true or false, found the text \"true\"\n"},
      {kServiceHead + "spec: {prots: []}\n", "4:8: spec.prots: unknown field\n"},
  });
}

TEST(ServiceText, PassesOverWhatConcernsTheOutside) {
  EXPECT_EQ(
      mistakes_in(kServiceHead + "spec: {clusterIP: None, ipFamilies: [IPv4], type: NodePort, "
                                 "ports: [{port: 80, nodePort: 30000}]}\n"),
      "");
  EXPECT_EQ(notes_in(kServiceHead + "spec: {trafficDistribution: PreferClose}\n"), "");
  EXPECT_EQ(notes_in(kServiceHead + "spec: {trafficDistribution: PreferSameNode}\n"),
            "4:29: spec.trafficDistribution: works as PreferSameZone\n");
}

TEST(ServiceText, MayNameAHostOutsideOfTheMesh) {
  EXPECT_EQ(mistakes_in(kServiceHead + "spec: {type: ExternalName, externalName: x.example.}\n"),
            "");
  EXPECT_EQ(notes_in(kServiceHead + "spec: {type: ExternalName, externalName: x.example, selector: "
                                    "{app: a}}\n"),
            "4:63: spec.selector: has no effect: nobody stands behind an ExternalName\n");
}

TEST(ServiceText, MayKeepCallsOnTheCallersNode) {
  EXPECT_EQ(mistakes_in(kServiceHead + "spec: {internalTrafficPolicy: Local}\n"), "");
  EXPECT_EQ(mistakes_in(kServiceHead + "spec: {internalTrafficPolicy: Cluster}\n"), "");
  EXPECT_EQ(mistakes_in(kServiceHead + "spec: {internalTrafficPolicy: Node}\n"),
            "4:31: spec.internalTrafficPolicy: want one of Cluster, Local, found 'Node'\n");
  EXPECT_EQ(notes_in(kServiceHead + "spec: {clusterIP: None, internalTrafficPolicy: Local}\n"),
            "4:48: spec.internalTrafficPolicy: has no effect: a headless Service has no address\n");
}

TEST(WorkloadText, SaysEveryMistake) {
  expect_all({
      {kWorkloadHead + "spec: {}\n", "4:7: spec.address: is required\n"},
      {kWorkloadHead + "spec: {address: cart.example}\n",
       "4:17: spec.address: want the address of one machine, found 'cart.example'\n"},
      {kWorkloadHead + "spec: {address: \"127.\\e[2J1\"}\n",
       "4:17: spec.address: want the address of one machine, found '127.\\x1b[2J1'\n"},
      {kWorkloadHead + "spec: {address: 0.0.0.0}\n",
       "4:17: spec.address: want the address of one machine, found '0.0.0.0'\n"},
      {kWorkloadHead +
           "spec: {address: 127.5.1.7, ports: [{port: 15001}, {port: 8080}, {port: 8080}]}\n",
       "4:43: spec.ports[0].port: 15001 is the sidecar's own\n"
       "4:72: spec.ports[2].port: 8080 is there already\n"},
      {kWorkloadHead + "spec: {address: 127.0.0.1, ports: [{port: 8080}]}\n",
       "4:36: spec.ports[0].appPort: must differ from port on 127.0.0.1\n"},
      {kWorkloadHead +
           "spec: {address: 10.0.0.1, sidecar: false, ports: [{port: 80, appPort: 81}]}\n",
       "4:71: spec.ports[0].appPort: is for a Workload with a sidecar\n"},
      {kWorkloadHead + "spec: {address: 127.5.1.7, weight: -1, ready: maybe, serviceAccount: A}\n",
       "4:36: spec.weight: want a number from 0 to 10000, found -1\n"
       "4:47: spec.ready: want true or false, found 'maybe'\n"
       "4:70: spec.serviceAccount: 'A' must be labels of a-z, 0-9 and '-' joined by dots\n"},
      {kWorkloadHead +
           "spec: {address: 10.1.0.7, redirect: true, ports: [{port: 15006}, {port: 15020}]}\n",
       "4:58: spec.ports[0].port: 15006 is the sidecar's own\n"
       "4:73: spec.ports[1].port: 15020 is the sidecar's own\n"},
      {kWorkloadHead + "spec: {address: 10.1.0.7, redirectMode: TProxy}\n",
       "4:41: spec.redirectMode: TProxy is for a Workload with redirect: true\n"},
      {kWorkloadHead + "spec: {address: 127.5.1.7, locality: {rack: 5}}\n",
       "4:39: spec.locality.rack: unknown field\n"},
  });
}

TEST(RouteText, WithoutParentsIsARouteThatHoldsNowhere) {
  EXPECT_EQ(notes_in(kRouteHead + "spec: {rules: []}\n"),
            "4:7: spec.parentRefs: is missing: the route holds nowhere\n");
}

TEST(RouteText, SaysEveryMistakeOfParentsAndBackends) {
  expect_all({
      {kRouteHead + "spec:\n  parentRefs:\n  - {group: \"\", kind: Service}\n",
       "6:5: spec.parentRefs[0].name: is required\n"},
      {kRouteHead + "spec:\n  parentRefs:\n  - {group: \"\", kind: Service, name: a}\n"
                    "  - {group: core, kind: Service, name: a}\n",
       "7:5: spec.parentRefs[1]: names the same parent as another one: give each its own port or "
       "sectionName\n"},
      {rule("backendRefs: [{name: a, port: 80, kind: '*'}, {name: a, port: 80, group: '*'}]\n"),
       "7:45: spec.rules[0].backendRefs[0].kind: '*' must be a kind: letters, digits and '-', "
       "beginning with a letter\n"
       "7:78: spec.rules[0].backendRefs[1].group: '*' must be labels of a-z, 0-9 and '-' joined by "
       "dots\n"},
      {rule("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, A]}}]\n"),
       "7:77: spec.rules[0].filters[0].requestHeaderModifier.remove: 'A' is there twice\n"},
      {rule("backendRefs: [{name: cart-v1}]\n"),
       "7:19: spec.rules[0].backendRefs[0].port: is required for a Service\n"},
      {rule("backendRefs: [{name: cart-v1, port: 80, weight: 1000001}]\n"),
       "7:53: spec.rules[0].backendRefs[0].weight: want a number from 0 to 1000000, found "
       "1000001\n"},
      {rule("backendRefs: [{name: a, port: 80, filters: [{type: URLRewrite, urlRewrite: {}}]}]\n"),
       "7:56: spec.rules[0].backendRefs[0].filters[0].type: URLRewrite is not supported on a "
       "backend yet\n"},
      {rule(
           "sessionPersistence: {idleTimeout: 1m, absoluteTimeout: 1h, type: Header, cookieConfig: "
           "{}}\n"),
       "7:39: spec.rules[0].sessionPersistence.idleTimeout: not supported yet\n"
       "7:60: spec.rules[0].sessionPersistence.absoluteTimeout: not supported yet but for a "
       "Permanent cookie\n"
       "7:92: spec.rules[0].sessionPersistence.cookieConfig: is for type Cookie\n"},
      {rule("sessionPersistence: {cookieConfig: {lifetimeType: Permanent}}\n"),
       "7:25: spec.rules[0].sessionPersistence.absoluteTimeout: is required for a Permanent "
       "cookie\n"},
      {rule("name: a\n  - name: a\n"),
       "8:11: spec.rules[1].name: is another rule's name already\n"},
      {kRouteHead + "spec:\n" + kParent + "  hostnames: [\"Cart\", \"10.0.0.1\"]\n",
       "6:15: spec.hostnames[0]: 'Cart' must be a host name in lower case\n"
       "6:23: spec.hostnames[1]: '10.0.0.1' must be a host name, not an address\n"},
  });
}

TEST(RouteText, SaysEveryMistakeOfMatches) {
  expect_all({
      {rule("matches: [{path: {type: Prefix, value: /}}]\n"),
       "7:29: spec.rules[0].matches[0].path.type: want one of Exact, PathPrefix, "
       "RegularExpression, found 'Prefix'\n"},
      {rule("matches: [{path: {value: cart}}]\n"),
       "7:30: spec.rules[0].matches[0].path.value: 'cart' must begin with '/'\n"},
      {rule("matches: [{path: {value: /a//b}}]\n"),
       "7:30: spec.rules[0].matches[0].path.value: '/a//b' must not hold '//'\n"},
      {rule("matches: [{path: {value: /a/../b}}]\n"),
       "7:30: spec.rules[0].matches[0].path.value: '/a/../b' must not hold '/../'\n"},
      {rule("matches: [{path: {value: /a%2Fb}}]\n"),
       "7:30: spec.rules[0].matches[0].path.value: '/a%2Fb' must not hold '%2f'\n"},
      {rule("matches: [{path: {value: \"/a?b\"}}]\n"),
       "7:30: spec.rules[0].matches[0].path.value: '/a?b' has a character that no path may have\n"},
      {rule("matches: [{path: {value: /a/..}}]\n"),
       "7:30: spec.rules[0].matches[0].path.value: '/a/..' must not end with a dot segment\n"},
      {rule("matches: [{path: {type: RegularExpression, value: \"/a(\"}}]\n"),
       "7:55: spec.rules[0].matches[0].path.value: '/a(' is no regular expression: bad regular "
       "expression '/a(': missing ): /a(\n"},
      {rule("matches: [{method: get}]\n"),
       "7:24: spec.rules[0].matches[0].method: 'get' must be GET, HEAD, POST, PUT, DELETE, "
       "CONNECT, "
       "OPTIONS, TRACE or PATCH\n"},
      {rule("matches: [{headers: [{name: \"a b\", value: x}]}]\n"),
       "7:33: spec.rules[0].matches[0].headers[0].name: 'a b' must be a header's name\n"},
      {rule("matches: [{headers: [{name: Host, value: x}]}]\n"),
       "7:33: spec.rules[0].matches[0].headers[0].name: 'Host' is no header here: match or rewrite "
       "hostnames\n"},
      {rule("matches: [{headers: [{name: V, value: x}, {name: v, value: y}]}]\n"),
       "7:54: spec.rules[0].matches[0].headers[1].name: is matched already in this match\n"},
      {rule("matches: [{headers: [{name: v}]}]\n"),
       "7:26: spec.rules[0].matches[0].headers[0].value: is required\n"},
      {rule("matches: [{queryParams: [{name: debug, value: 1}]}]\n"),
       "7:51: spec.rules[0].matches[0].queryParams[0].value: want text; '1' is none unless it "
       "stands in quotes\n"},
      {rule("matches: [{cookies: []}]\n"),
       "7:16: spec.rules[0].matches[0].cookies: unknown field\n"},
  });
}

TEST(RouteText, SaysEveryMistakeOfFilters) {
  expect_all({
      {rule("filters: [{type: RequestMirror, requestMirror: {backendRef: {name: a}, percent: 1, "
            "fraction: {numerator: 2, denominator: 1}}}]\n"),
       "7:65: spec.rules[0].filters[0].requestMirror.backendRef.port: is required for a Service\n"
       "7:98: spec.rules[0].filters[0].requestMirror.fraction: must not be there: percent is\n"
       "7:110: spec.rules[0].filters[0].requestMirror.fraction.numerator: must not be more than "
       "denominator\n"},
      {rule("filters: [{type: CORS, cors: {allowOrigins: [shop.example], allowMethods: [GET, "
            "\"*\"], "
            "maxAge: 0}}]\n"),
       "7:50: spec.rules[0].filters[0].cors.allowOrigins[0]: 'shop.example' must be '*' or an "
       "origin, as https://shop.example or https://*.example:8443\n"
       "7:79: spec.rules[0].filters[0].cors.allowMethods: '*' must stand alone\n"
       "7:99: spec.rules[0].filters[0].cors.maxAge: want a number from 1 to 2147483647, found 0\n"},
      {rule("filters: [{type: Magic}]\n"),
       "7:22: spec.rules[0].filters[0].type: 'Magic' is no filter\n"},
      {rule("filters: [{type: URLRewrite}]\n"),
       "7:15: spec.rules[0].filters[0].urlRewrite: is required\n"},
      {rule("filters: [{type: URLRewrite, urlRewrite: {}, requestRedirect: {}}]\n"),
       "7:67: spec.rules[0].filters[0].requestRedirect: is not for type URLRewrite\n"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {statusCode: 304}}]\n"),
       "7:69: spec.rules[0].filters[0].requestRedirect.statusCode: want one of 301, 302, 303, 307, "
       "308, found 304\n"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {scheme: ftp}}]\n"),
       "7:65: spec.rules[0].filters[0].requestRedirect.scheme: want one of http, https, found "
       "'ftp'\n"},
      {rule("matches: [{path: {type: Exact, value: /a}}]\n    filters: [{type: URLRewrite, "
            "urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /b}}}]\n"),
       "8:60: spec.rules[0].filters[0].urlRewrite.path.type: ReplacePrefixMatch needs a rule with "
       "exactly one match, by PathPrefix\n"},
      {rule("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, "
            "replacePrefixMatch: /b}}}]\n"),
       "7:53: spec.rules[0].filters[0].urlRewrite.path.replaceFullPath: is required\n"
       "7:97: spec.rules[0].filters[0].urlRewrite.path.replacePrefixMatch: is not for this type, "
       "replaceFullPath is\n"},
      {rule(
           "filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: "
           "{}}]\n"),
       "7:14: spec.rules[0].filters: RequestRedirect and URLRewrite exclude each other\n"},
      {rule("filters: [{type: RequestRedirect, requestRedirect: {}}]\n    backendRefs: [{name: a, "
            "port: 80}]\n"),
       "8:18: spec.rules[0].backendRefs: must not be there: the rule redirects\n"},
      {rule(
           "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: "
           "\"x\\ny\"}, {name: A, value: z}], remove: [\":path\"]}}]\n"),
       "7:92: spec.rules[0].filters[0].requestHeaderModifier.set[0].value: 'x\\ny' must be a "
       "header's "
       "value: no control characters, no space at its ends\n"
       "7:108: spec.rules[0].filters[0].requestHeaderModifier.set[1].name: 'A' is there already\n"
       "7:132: spec.rules[0].filters[0].requestHeaderModifier.remove[0]: ':path' must be a "
       "header's "
       "name\n"},
  });
}

TEST(RouteText, SaysEveryMistakeOfTimeoutsAndRetries) {
  expect_all({
      {rule("timeouts: {request: 10}\n"),
       "7:25: spec.rules[0].timeouts.request: want a duration with its unit, as 250ms, 5s or "
       "1h30m, "
       "found '10'\n"},
      {rule("timeouts: {request: 1.5s}\n"),
       "7:25: spec.rules[0].timeouts.request: want a duration with its unit, as 250ms, 5s or "
       "1h30m, "
       "found '1.5s'\n"},
      {rule("timeouts: {request: 1s, backendRequest: 2s}\n"),
       "7:45: spec.rules[0].timeouts.backendRequest: must not be longer than request\n"},
      {rule("retry: {attempts: 11}\n"),
       "7:23: spec.rules[0].retry.attempts: want a number from 0 to 10, found 11\n"},
      {rule("retry: {codes: [200]}\n"),
       "7:20: spec.rules[0].retry.codes: want numbers from 400 to 599\n"},
      {rule("retry: {backoff: 0s}\n"), "7:22: spec.rules[0].retry.backoff: must be more than 0s\n"},
  });
}

TEST(RouteText, BoundsWhatARouteMayHold) {
  std::string backends = "backendRefs: [";
  for (int i = 0; i < 17; ++i) backends += "{name: a, port: 80},";
  EXPECT_EQ(mistakes_in(rule(backends + "]\n")),
            "7:18: spec.rules[0].backendRefs: has 17 items, at most 16 are allowed\n");
  std::string rules = kRouteHead + "spec:\n" + kParent + "  rules:\n";
  for (int i = 0; i < 3; ++i) {
    rules += "  - matches: [";
    for (int j = 0; j < 43; ++j) rules += "{path: {value: /a}},";
    rules += "]\n";
  }
  EXPECT_EQ(mistakes_in(rules),
            "7:3: spec.rules: have 129 matches together, at most 128 are allowed\n");
}

TEST(RouteText, PassesOverGatewaysAndHostnames) {
  EXPECT_EQ(
      notes_in(kRouteHead + "spec:\n  parentRefs: [{name: public}]\n  hostnames: [cart.example]\n"),
      "5:16: spec.parentRefs[0].kind: Gateway is not a parent here, only Services are\n"
      "6:14: spec.hostnames: are passed over for Service parents\n");
}

TEST(MeshConfigText, SaysEveryMistake) {
  expect_all({
      {"apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: main}\n",
       "3:11: metadata: the one MeshConfig is named default\n"},
      {kConfig + "spec: {mtls: {mode: Permissive}}\n",
       "4:21: spec.mtls.mode: Permissive is not supported yet: the whole mesh is Strict\n"},
      {kConfig + "spec: {mtls: {mode: strict}}\n",
       "4:21: spec.mtls.mode: want Strict, found 'strict'\n"},
      {kConfig + "spec: {trustDomain: Cluster}\n",
       "4:21: spec.trustDomain: 'Cluster' must be a trust domain: a-z, 0-9, '.', '-' and '_'\n"},
      {kConfig + "spec: {identity: {source: Files, leafLifetime: 1s}}\n",
       "4:27: spec.identity.source: Files is not supported yet, only BuiltIn\n"
       "4:48: spec.identity.leafLifetime: want 10s to 168h, found 1s\n"},
      {kConfig + "spec: {tracing: {sampling: 0.1}}\n",
       "4:28: spec.tracing.sampling: want a percentage from 0% to 100%, found '0.1'\n"},
      {kConfig + "spec: {tracing: {sampling: 101%}}\n",
       "4:28: spec.tracing.sampling: want a percentage from 0% to 100%, found '101%'\n"},
      {kConfig + "spec: {tracing: {otlp: {endpoint: \"https://c:4318\"}}}\n",
       "4:35: spec.tracing.otlp.endpoint: 'https://c:4318': https is not supported yet\n"},
      {kConfig + "spec: {tracing: {otlp: {endpoint: collector, protocol: Grpc}}}\n",
       "4:35: spec.tracing.otlp.endpoint: 'collector': want http://HOST:PORT\n"
       "4:56: spec.tracing.otlp.protocol: Grpc is not supported yet, only Http\n"},
      {kConfig + "spec: {outbound: {unknown: Allow, opaquePorts: [0]}}\n",
       "4:48: spec.outbound.opaquePorts: want numbers from 1 to 65535\n"},
      {kConfig + "spec: {accessLog: {mode: Sampled, sampling: 1%}}\n",
       "4:26: spec.accessLog.mode: Sampled is not supported yet\n"
       "4:45: spec.accessLog.sampling: not supported yet\n"},
      {kConfig + "spec: {metrics: {names: Istio, maxSeries: 1}}\n",
       "4:25: spec.metrics.names: Istio is not supported yet, only Weft\n"
       "4:43: spec.metrics.maxSeries: is not supported yet, only 5000\n"},
      {kConfig + "spec: {defaults: {timeouts: {connect: 5}, hedge: {after: p95}}}\n",
       "4:39: spec.defaults.timeouts.connect: want a duration with its unit, as 250ms, 5s or "
       "1h30m, found '5'\n"
       "4:50: spec.defaults.hedge: not supported yet\n"},
      {kConfig + "spec: {mode: Strict}\n", "4:8: spec.mode: unknown field\n"},
  });
}

TEST(MeshConfigText, ReadsACollectorHoweverItIsWritten) {
  for (const auto& [text, host] :
       std::vector<std::pair<std::string, std::string>>{{"http://127.0.0.1:4318", "127.0.0.1"},
                                                        {"collector.obs:4318/", "collector.obs"},
                                                        {"http://[::1]:4318/v1/traces", "::1"}}) {
    std::string config = kConfig;
    config.append("spec: {tracing: {otlp: {endpoint: '").append(text).append("'}}}\n");
    const auto mesh = testing::mesh_of(config);
    EXPECT_EQ(mesh->config->collector.host, host) << text;
    EXPECT_EQ(mesh->config->collector.port, 4318) << text;
    EXPECT_EQ(mesh->config->collector.path, "/v1/traces") << text;
  }
}

TEST(Mistakes, AreAllToldAndCountedPastALimit) {
  std::string yaml = kServiceHead + "spec:\n";
  for (int i = 0; i < 70; ++i) yaml += "  f" + std::to_string(i) + ": x\n";
  const std::string mistakes = mistakes_in(yaml);
  EXPECT_NE(mistakes.find("5:3: spec.f0: unknown field\n"), std::string::npos);
  EXPECT_NE(mistakes.find("and 6 more\n"), std::string::npos);
}

}  // namespace
}  // namespace weft::control
