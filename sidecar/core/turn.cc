#include "sidecar/core/turn.h"

namespace weft {

namespace {
// A flush may make another connection dirty (body bytes that left free credit elsewhere). Eight
// rounds let a chain of proxied streams settle in one turn; beyond that the loop must look at its
// sockets again.
constexpr int kFlushRoundsMax = 8;
}  // namespace

Turn::~Turn() { bury(); }

bool Turn::settle() {
  for (int round = 0; round < kFlushRoundsMax && !dirty_.empty(); ++round) {
    IntrusiveList<Flushable> batch;
    batch.splice(dirty_);
    while (Flushable* flushable = batch.pop_front()) flushable->flush();
  }
  bury();
  return dirty_.empty();
}

void Turn::bury() {
  // A destructor may retire others; index, because the vector may grow.
  for (std::size_t i = 0; i < graves_.size(); ++i) {
    const Grave grave = graves_[i];
    grave.bury(grave.object);
  }
  graves_.clear();
}

}  // namespace weft
