#include "sidecar/core/out_of_memory.h"

#include <unistd.h>

#include <cstdlib>
#include <new>
#include <string_view>

namespace weft {

namespace {

void* or_end(void* memory, std::size_t size) {
  if (memory == nullptr && size != 0) end_out_of_memory();
  return memory;
}

}  // namespace

void end_out_of_memory() {
  constexpr std::string_view kLine = "weft: out of memory: the system gave none; ending\n";
  (void)!::write(STDERR_FILENO, kLine.data(), kLine.size());
  ::_exit(1);
}

void install_out_of_memory_handler() { std::set_new_handler(end_out_of_memory); }

void* malloc_or_end(std::size_t size) { return or_end(std::malloc(size), size); }
void* calloc_or_end(std::size_t count, std::size_t size) {
  return or_end(std::calloc(count, size), count != 0 ? size : 0);
}
void* realloc_or_end(void* memory, std::size_t size) {
  return or_end(std::realloc(memory, size), size);
}

}  // namespace weft
