#include "sidecar/net/signals.h"

#include <signal.h>
#include <uv.h>

#include <array>

#include "sidecar/core/assert.h"

namespace weft::net {

namespace {
constexpr std::array<int, 3> kNumbers{SIGTERM, SIGINT, SIGHUP};
}  // namespace

struct Signals::Core {
  Core(Loop& its_loop, Owner& its_owner) : loop(its_loop), owner(&its_owner) {}

  Loop& loop;
  Owner* owner;  // null once Signals is gone
  std::array<uv_signal_t, kNumbers.size()> handles{};
  std::size_t open = 0;
};

Signals::Signals(Loop& loop, Owner& owner) : core_(new Core(loop, owner)) {
  for (std::size_t i = 0; i < kNumbers.size(); ++i) {
    uv_signal_t* handle = &core_->handles[i];
    WEFT_ASSERT(uv_signal_init(loop.uv(), handle) == 0);
    handle->data = core_.get();
    ++core_->open;
    const auto told = [](uv_signal_t* self, int number) {
      Core* core = static_cast<Core*>(self->data);
      core->loop.begin_event();
      if (core->owner != nullptr) core->owner->on_signal(number);
    };
    WEFT_ASSERT(uv_signal_start(handle, told, kNumbers[i]) == 0);
  }
}

Signals::~Signals() = default;

void Signals::CloseCore::operator()(Core* core) const {
  core->owner = nullptr;
  for (uv_signal_t& handle : core->handles) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), [](uv_handle_t* self) {
      Core* closed = static_cast<Core*>(self->data);
      if (--closed->open == 0) delete closed;
    });
  }
}

}  // namespace weft::net
