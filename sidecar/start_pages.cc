#include "sidecar/start_pages.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace weft::sidecar {

namespace {

// Segments that were never writable: their pages hold what the file holds. What became read-only
// after relocation (RELRO) lies in a writable segment and is left alone.
bool is_as_in_file(const ElfW(Phdr) & segment) {
  return segment.p_type == PT_LOAD && (segment.p_flags & PF_W) == 0;
}

// The program itself is told first; libraries are other programs' as well and stay.
int give_back_segments(dl_phdr_info* program, std::size_t, void*) {
  const std::uintptr_t page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (int i = 0; i < program->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = program->dlpi_phdr[i];
    if (!is_as_in_file(segment)) continue;
    const std::uintptr_t begin = program->dlpi_addr + segment.p_vaddr;
    const std::uintptr_t first = (begin + page - 1) / page * page;
    const std::uintptr_t end = (begin + segment.p_memsz) / page * page;
    if (end <= first) continue;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader tells addresses as numbers
    void* const pages = reinterpret_cast<void*>(first);
    (void)::madvise(pages, end - first, MADV_DONTNEED);  // refused, they stay
  }
  return 1;
}

}  // namespace

void give_back_start_pages() { ::dl_iterate_phdr(give_back_segments, nullptr); }

}  // namespace weft::sidecar
