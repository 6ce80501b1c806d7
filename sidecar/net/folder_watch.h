#pragma once
// FolderWatch: hears at once when something in a folder is made, changed, moved or removed, and not
// what. For who looks from time to time anyway: a hint that may be missing (folders over the
// network, those below this one, one that was put in its place), and may come for nothing.
//
// Thread: its loop's. After it has gone its owner hears nothing. Source: inotify(7), by libuv.

#include <memory>
#include <string>

#include "sidecar/core/result.h"
#include "sidecar/net/loop.h"

namespace weft::net {

class FolderWatch final {
 public:
  class Owner {
   public:
    virtual void on_folder_changed() = 0;

   protected:
    ~Owner() = default;
  };

  // Fails where there is no such folder, or the kernel has no watch left for us.
  [[nodiscard]] static Result<std::unique_ptr<FolderWatch>> start(Loop& loop,
                                                                  const std::string& path,
                                                                  Owner& owner);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

 private:
  struct Core;
  struct CloseCore {
    void operator()(Core* core) const;
  };
  explicit FolderWatch(std::unique_ptr<Core, CloseCore> core);

  std::unique_ptr<Core, CloseCore> core_;
};

}  // namespace weft::net
