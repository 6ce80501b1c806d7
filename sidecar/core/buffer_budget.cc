#include "sidecar/core/buffer_budget.h"

namespace weft {

constinit thread_local BufferBudget* BufferBudget::bound_ = nullptr;

std::size_t BufferBudget::squeezed(std::size_t wish) const {
  const std::int64_t most = limit();
  const double free = static_cast<double>(std::max<std::int64_t>(most - in_use(), 0));
  const double part = free / (static_cast<double>(most) / 2);
  const auto share = static_cast<std::size_t>(static_cast<double>(wish) * std::min(part, 1.0));
  return std::min(wish, std::max(share, kLeast));
}

}  // namespace weft
