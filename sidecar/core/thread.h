#pragma once
// start_thread: std::thread for a program that does not go on without one: when the system gives
// none, which is want of memory as a rule, the process ends as out_of_memory.h says.

#include <system_error>
#include <thread>
#include <utility>

#include "sidecar/core/out_of_memory.h"

namespace weft {

template <typename Work>
[[nodiscard]] std::thread start_thread(Work&& work) {
  try {
    return std::thread(std::forward<Work>(work));
  } catch (const std::system_error&) {
    end_out_of_memory();
  }
}

}  // namespace weft
