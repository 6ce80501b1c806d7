#pragma once
// The allocators of libuv and c-ares: without memory they end like everything else
// (core/out_of_memory.h). libuv would abort and c-ares would lose an answer.

namespace weft::net {

// Before every other use of this room in the process.
void install_allocators();

}  // namespace weft::net
