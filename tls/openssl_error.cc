#include "tls/openssl_error.h"

#include <openssl/err.h>

#include <string>

namespace weft::tls {

namespace {

std::string reason_of(unsigned long code) {
  if (const char* reason = ERR_reason_error_string(code); reason != nullptr) return reason;
  return "error " + std::to_string(ERR_GET_REASON(code));
}

}  // namespace

// Before each operation, and nearly always there are none: clearing walks over sixteen places,
// looking does not.
void clear_openssl_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

Error openssl_error(Fault fault, std::string_view what, Side side) {
  std::string detail(what);
  const unsigned long first = ERR_peek_error();
  const unsigned long last = ERR_peek_last_error();
  if (first != 0) detail += ": " + reason_of(first);
  if (last != first) detail += " (" + reason_of(last) + ")";
  ERR_clear_error();
  return Error{fault, side, std::move(detail)};
}

int first_ssl_reason() {
  const unsigned long first = ERR_peek_error();
  return first != 0 && ERR_GET_LIB(first) == ERR_LIB_SSL ? ERR_GET_REASON(first) : 0;
}

}  // namespace weft::tls
