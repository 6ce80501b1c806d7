#pragma once
// The process's limit of descriptors, and the last few below it: connections leave those to what
// must go on when everything else is taken: the admin port, the control plane, files.
//
// A new descriptor always gets the lowest free number, so one whose number is among the last says
// that nearly all are in use; that is one comparison for each connection. The limit is read once,
// so what raises it comes first. Thread: any.

#include <cstdint>

namespace weft::net {

// Kept out of reach of data connections; an eighth when the limit is small.
inline constexpr int kDescriptorsSpare = 16;

// The soft limit becomes the hard one: a connection through a proxy costs two descriptors, and the
// usual soft limit is 1024. Refused, it stays as it is.
void raise_descriptor_limit();

// RLIMIT_NOFILE, or the largest int where there is none.
[[nodiscard]] int descriptor_limit();

[[nodiscard]] bool is_among_last(int fd);

}  // namespace weft::net
