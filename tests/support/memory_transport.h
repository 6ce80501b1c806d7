#pragma once
// MemoryPipe: two Transports that are each other's far end, without sockets; and Ear, a Sink that
// writes down what it hears.
//
// Bytes flushed into one end arrive at the other in pieces of `piece` bytes, each in a block of its
// own, when the test calls step() or run(): one event at a time, then the turn ends. `wire` bounds
// what may be under way in each direction, so that a writer sees backpressure. Ends may be
// destroyed at any time, also inside an event. Thread: the test's.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "sidecar/core/transport.h"
#include "sidecar/core/turn.h"

namespace weft::testing {

class MemoryPipe final {
 public:
  struct Options {
    std::size_t piece = SIZE_MAX;  // at most so many bytes per on_bytes
    std::size_t wire = SIZE_MAX;   // at most so many bytes flushed and not yet delivered, each way
    TlsInfo right_tls;             // what the right end says that TLS proved
  };
  enum class End : std::uint8_t { kLeft, kRight };

  explicit MemoryPipe(Turn& turn) : MemoryPipe(turn, Options{}) {}
  MemoryPipe(Turn& turn, const Options& options);
  MemoryPipe(const MemoryPipe&) = delete;
  MemoryPipe& operator=(const MemoryPipe&) = delete;
  ~MemoryPipe();

  // Each once.
  [[nodiscard]] std::unique_ptr<Transport> take_left();
  [[nodiscard]] std::unique_ptr<Transport> take_right();

  // Delivers at most one event to each end and ends the turn. False when there was nothing to do.
  bool step();
  // Steps until nothing moves; fails the process after `steps_max`, which means a livelock.
  void run(std::size_t steps_max = 5'000'000);

  // The end hears on_fault at the next step, whatever was under way is lost.
  void break_end(End end, Error error);
  // The other end's input ends here, as after a FIN that its owner did not send.
  void end_input(End end);
  // What was flushed towards this end since the pipe was made, for transcripts of the wire.
  [[nodiscard]] const std::string& sent_to(End end) const;
  // Whether this end's Transport is alive, and whether it was aborted.
  [[nodiscard]] bool is_alive(End end) const;
  [[nodiscard]] bool is_aborted(End end) const;
  [[nodiscard]] bool is_paused(End end) const;
  void set_piece(std::size_t piece);
  void set_wire(std::size_t bytes);

 private:
  class Half;
  struct Wire;
  std::shared_ptr<Wire> wire_;
};

// Hears a Transport and remembers: "bytes", then "end" or "fault: …".
class Ear : public Sink {
 public:
  std::string text;
  bool ended = false;
  std::optional<Error> fault;
  int writable = 0;
  int events = 0;

  void on_bytes(Buffer& bytes) override;
  void on_writable() override;
  void on_end() override;
  void on_fault(const Error& error) override;
  virtual ~Ear() = default;
};

}  // namespace weft::testing
