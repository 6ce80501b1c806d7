#pragma once
// WEFT_ASSERT: what we believe about our own code, checked in every build. Never about input:
// bytes, certificates, configuration and files are judged with Result and Error.

namespace weft {

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace weft

#define WEFT_ASSERT(expression)            \
  (static_cast<bool>(expression) ? (void)0 \
                                 : ::weft::assertion_failed(#expression, __FILE__, __LINE__))
