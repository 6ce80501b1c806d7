#pragma once
// self_test: what must hold of the histogram and of the message reader before any figure of theirs
// counts.
//
// Owner: meshload --self-test. Returns how many statements do not hold, each printed on stderr.

namespace weft::bench {

[[nodiscard]] int self_test();

}  // namespace weft::bench
