#pragma once
// Socket: a Transport over one connected TCP or Unix socket.
//
// Reading starts with the first sink, into the loop's block; at most kReadPerTurnMax bytes a turn,
// so that one fast peer cannot shut out the others. A sink may leave bytes: what stays is kept
// (small pieces in memory of their own, so that an idle connection never holds a read block) and
// offered again with the next bytes or after resume(). A sink that leaves kHeldMax bytes is not
// read for until resume(). A null sink is a pause.
//
// While the thread's BufferBudget is tight, a turn reads no more than a share, small pieces go into
// memory of their own, the marks are lower, and the kernel's window is narrow.
//
// Writing: flush() hands everything queued to the kernel with as few calls as there are kVectorsMax
// pieces; what the kernel does not take waits with libuv. write() after shutdown_write() is a
// mistake; after a fault or abort() it is dropped.
//
// A broken write is told only after what the peer had sent before is read: a server may answer
// early and hang up, and that answer counts. A paused sink is told at once, and within a second of
// a reset while nobody reads, unless it comes from an upstream that has said something unread
// before. Every break is Fault::kReset on the socket's side. Owner: whoever was given it. Thread:
// its loop's. Destroying it closes the descriptor; nothing queued is waited for.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "sidecar/core/slab.h"
#include "sidecar/core/transport.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/paused_sockets.h"
#include "sidecar/net/socket_core.h"

namespace weft::net {

class Socket final : public Transport,
                     private Deferred,
                     private PausedSocket,
                     public SlabAllocated<Socket> {
 public:
  static constexpr std::size_t kReadPerTurnMax = 256 * 1024;
  static constexpr std::size_t kHeldMax = 256 * 1024;
  static constexpr int kVectorsMax = 64;
  // Of the kernel's receive window, in bytes: while memory is short, and else. Over loopback a
  // segment is 64 KiB, and a window of less than two of them closes whenever a byte is unread.
  static constexpr int kTightWindow = 128 * 1024;
  static constexpr int kWideWindow = 1 << 30;

  struct Identity {
    Side side = Side::kDownstream;  // whose fault a reset is
    SocketAddress peer;             // asked of the kernel when none()
  };
  // Takes over a connected stream socket.
  static std::unique_ptr<Socket> adopt(Loop& loop, OwnedFd fd, Identity identity);
  static std::unique_ptr<Socket> adopt(Loop& loop, OwnedFd fd) {
    return adopt(loop, std::move(fd), Identity());
  }

  Socket(CorePtr core, Identity identity);
  ~Socket() override;

  void set_sink(Sink* sink) override;
  void write(Buffer&& bytes) override;
  void flush() override;
  void shutdown_write() override;
  void abort() override;
  void pause() override;
  void resume() override;
  [[nodiscard]] std::size_t buffered() const override;
  [[nodiscard]] const SocketAddress& peer_address() const override;
  [[nodiscard]] const SocketAddress& local_address() const override;
  [[nodiscard]] const TlsInfo& tls() const override;

  // For options and for asking where a redirected connection wanted to go; -1 after abort().
  [[nodiscard]] int fd() const { return core_ ? core_->fd : -1; }

 private:
  enum class End : std::uint8_t { kNo, kSeen, kTold };

  static void give_room(uv_handle_t* handle, std::size_t suggested, uv_buf_t* room);
  static void read_done(uv_stream_t* stream, ssize_t count, const uv_buf_t* room);
  static void write_done(uv_write_t* request, int status);
  void on_deferred() override;
  [[nodiscard]] int watched_fd() const override { return fd(); }
  void on_reset_seen() override;

  [[nodiscard]] bool wants_bytes() const;
  void start_reading();
  void stop_reading();
  void take_in(std::size_t count);
  void clamp_window(bool on);
  void offer();
  void disown_read_block();
  void raise_next();
  [[nodiscard]] bool fault_is_due() const;
  void send_queued();
  void queue_rest();
  void note_drained();
  void break_with(int uv_error, const char* doing);

  CorePtr core_;  // null after abort()
  Loop& loop_;
  Sink* sink_ = nullptr;
  mutable Identity identity_;  // the peer's address is asked for when first wanted
  mutable SocketAddress local_;
  std::optional<Error> fault_;  // not yet told
  std::uint64_t fault_turn_ = 0;
  std::uint64_t read_turn_ = 0;  // the turn that read_in_turn_ counts for
  std::size_t read_in_turn_ = 0;
  End end_ = End::kNo;
  bool reading_ = false;  // libuv watches for us
  bool paused_ = false;
  bool held_unoffered_ =
      false;  // bytes in `in` that the sink has not seen since resume() or set_sink()
  bool borrows_block_ = false;  // `in` refers to a read block
  bool window_clamped_ = false;
  bool above_high_ = false;
  bool writable_untold_ = false;
  bool write_broken_ = false;
  bool shutdown_wanted_ = false;
  bool shutdown_done_ = false;
};

}  // namespace weft::net
