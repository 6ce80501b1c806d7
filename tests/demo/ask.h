#pragma once
// Ask: one request and its answer, waited for: the director's way to read pages, to call the shop
// as anybody could, and to knock at a strict port with whatever certificate.
//
// Each call has a loop and a connection of its own. Thread: any; blocking.

#include <memory>
#include <string>

#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "sidecar/http/client.h"

namespace weft::demo {

struct Asked {
  http::ClientResponse response;
  TlsInfo tls;  // what the server proved; empty on a plain connection
};

// The connection's failure is the answer's: refused certificates show as an Error.
[[nodiscard]] Result<Asked> ask(const SocketAddress& address, http::ClientRequest request,
                                Duration timeout = std::chrono::seconds(3));
// The same over TLS, HTTP/2 or HTTP/1.1 as ALPN says. The server must be of the trust domain.
[[nodiscard]] Result<Asked> ask_secured(const SocketAddress& address, const TlsMaterial& material,
                                        http::ClientRequest request,
                                        Duration timeout = std::chrono::seconds(3));

// The body of a 200 to GET; anything else is an error that says what came.
[[nodiscard]] Result<std::string> get(const SocketAddress& address, const std::string& path);
[[nodiscard]] Status post(const SocketAddress& address, const std::string& path);

}  // namespace weft::demo
