#pragma once
// Signals: SIGTERM, SIGINT and SIGHUP as events. One per process, on the main loop; workers never
// see signals.

#include <memory>

#include "sidecar/net/loop.h"

namespace weft::net {

class Signals final {
 public:
  class Owner {
   public:
    virtual void on_signal(int number) = 0;

   protected:
    ~Owner() = default;
  };

  Signals(Loop& loop, Owner& owner);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  struct Core;
  struct CloseCore {
    void operator()(Core* core) const;
  };
  std::unique_ptr<Core, CloseCore> core_;
};

}  // namespace weft::net
