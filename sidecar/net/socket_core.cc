#include "sidecar/net/socket_core.h"

#include "sidecar/core/assert.h"

namespace weft::net {

CorePtr SocketCore::open(Loop& loop, OwnedFd fd) {
  auto core = std::make_unique<SocketCore>(loop);
  WEFT_ASSERT(uv_tcp_init(loop.uv(), &core->handle) == 0);
  core->handle.data = core.get();
  CorePtr opened(core.release());
  const int result = uv_tcp_open(&opened->handle, fd.get());
  WEFT_ASSERT(
      result ==
      0);  // only a number that is no stream socket, or is open on this loop already, can fail
  opened->fd = fd.release();
  return opened;
}

void CloseCore::operator()(SocketCore* core) const {
  core->socket = nullptr;
  core->dial = nullptr;
  core->in.clear();
  if (core->in_flight == 0) core->out.clear();
  uv_close(reinterpret_cast<uv_handle_t*>(&core->handle),
           [](uv_handle_t* handle) { delete static_cast<SocketCore*>(handle->data); });
}

}  // namespace weft::net
