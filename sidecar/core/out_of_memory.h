#pragma once
// What happens when the system gives no memory: one line on stderr, and the process ends with 1.
//
// There is no answer to give that would not need memory, half a state to go on from is worse than a
// fresh start, and whoever started us starts us again. So C++ and every library that lets us have
// the same end; none of them gets to see a null pointer. Thread: any.

#include <cstddef>

namespace weft {

// Neither allocates nor runs destructors.
[[noreturn]] void end_out_of_memory();

// operator new ends there as well. First of all in main().
void install_out_of_memory_handler();

// malloc's shapes, for libraries that take an allocator; a size of 0 may still give null.
[[nodiscard]] void* malloc_or_end(std::size_t size);
[[nodiscard]] void* calloc_or_end(std::size_t count, std::size_t size);
[[nodiscard]] void* realloc_or_end(void* memory, std::size_t size);

}  // namespace weft
