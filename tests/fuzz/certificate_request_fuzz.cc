// What may be asked of the CA: the message as it comes over gRPC, and the request in it.
//
// Whatever it asks for: a certificate is given for the identity that the asker has proved and for
// no other, for no longer than allowed, and to nobody who has proved nothing.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/authority.h"
#include "tls/certificate.h"
#include "xds/certificate_messages.h"

namespace {

using namespace weft::control;

void request_require(bool holds) {
  if (!holds) std::abort();
}

weft::WallTime fuzz_clock() { return weft::WallTime(std::chrono::hours(24 * 365 * 56)); }

Authority& fuzz_authority() {
  static Authority authority =
      Authority::from_pem(Authority::make_root_pem({.wall_clock = fuzz_clock}).value(), fuzz_clock)
          .value();
  return authority;
}

void judge_request(std::string_view csr_pem, weft::Duration wanted) {
  static const weft::SpiffeId cart = weft::SpiffeId::make("cluster.local", "shop", "cart").value();
  request_require(!fuzz_authority().sign(csr_pem, wanted, {}));
  request_require(!fuzz_authority().sign(csr_pem, wanted, {.peer = {}, .token = csr_pem}));
  const auto issued = fuzz_authority().sign(csr_pem, wanted, {.peer = cart, .token = {}});
  if (!issued) {
    request_require(!issued.error().detail.empty());
    return;
  }
  const auto leaf = weft::tls::parse_certificate(issued->leaf_pem);
  request_require(leaf.has_value() && leaf->spiffe_id == cart && !leaf->is_ca);
  request_require(leaf->names.count() == 1);
  request_require(issued->expires <= fuzz_clock() + std::chrono::hours(24));
  request_require(leaf->not_after <= fuzz_clock() + std::chrono::hours(25));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 * 1024) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  judge_request(bytes, weft::Duration::zero());
  if (const auto request = weft::xds::parse_certificate_request(bytes)) {
    judge_request(request->csr_pem, request->lifetime);
  }
  return 0;
}
