#include "sidecar/net/folder_watch.h"

#include <uv.h>

#include <utility>

#include "sidecar/core/assert.h"

namespace weft::net {

struct FolderWatch::Core {
  Core(Loop& its_loop, Owner& its_owner) : loop(its_loop), owner(&its_owner) {}

  Loop& loop;
  Owner* owner;  // null once the FolderWatch is gone
  uv_fs_event_t handle{};
};

FolderWatch::FolderWatch(std::unique_ptr<Core, CloseCore> core) : core_(std::move(core)) {}

FolderWatch::~FolderWatch() = default;

Result<std::unique_ptr<FolderWatch>> FolderWatch::start(Loop& loop, const std::string& path,
                                                        Owner& owner) {
  std::unique_ptr<Core, CloseCore> core(new Core(loop, owner));
  WEFT_ASSERT(uv_fs_event_init(loop.uv(), &core->handle) == 0);
  core->handle.data = core.get();
  const auto told = [](uv_fs_event_t* self, const char*, int, int) {
    Core* there = static_cast<Core*>(self->data);
    there->loop.begin_event();
    if (there->owner != nullptr) there->owner->on_folder_changed();
  };
  if (const int code = uv_fs_event_start(&core->handle, told, path.c_str(), 0); code != 0) {
    return fail(Fault::kInvalid, path + ": " + uv_strerror(code));
  }
  return std::unique_ptr<FolderWatch>(new FolderWatch(std::move(core)));
}

void FolderWatch::CloseCore::operator()(Core* core) const {
  core->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&core->handle),
           [](uv_handle_t* self) { delete static_cast<Core*>(self->data); });
}

}  // namespace weft::net
