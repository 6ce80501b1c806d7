#pragma once
// Fetch: GET pages of admin ports, several at once, and wait for all of them. For the command line:
// runs a Loop of its own.

#include <string>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft::control::cli {

struct Page {
  SocketAddress address;
  std::string path;
};

// In the order of `pages`: the body of a 200, or why there is none.
[[nodiscard]] std::vector<Result<std::string>> fetch_all(
    const std::vector<Page>& pages, Duration timeout = std::chrono::seconds(3));
[[nodiscard]] Result<std::string> fetch(const Page& page);

}  // namespace weft::control::cli
