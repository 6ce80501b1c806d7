#pragma once
// Sockets of the benchmark programs: an owned descriptor, a loopback endpoint, listening and
// connecting without blocking.
//
// Owner: whoever holds the Fd. Thread: any. Errors: an invalid Fd with errno set; die() ends the
// program with one line on stderr and is for set-up only, never for traffic. Everything here
// refuses addresses outside loopback unless allowed.

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weft::bench {

class Fd final {
 public:
  Fd() = default;
  explicit Fd(int number) : number_(number) {}
  Fd(Fd&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool valid() const { return number_ >= 0; }
  void reset();

 private:
  int number_ = -1;
};

struct Endpoint {
  sockaddr_in address{};

  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] std::uint16_t port() const;
};

// "127.0.0.1:8080"; a name is not looked up, "localhost" apart.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);

[[nodiscard]] Fd listen_on(const Endpoint& endpoint);
[[nodiscard]] Fd accept_from(const Fd& listener);
// A socket whose connect has begun; it is writable once connected, and socket_error() says how that
// went.
[[nodiscard]] Fd connect_to(const Endpoint& endpoint);
[[nodiscard]] int socket_error(const Fd& socket);
[[nodiscard]] std::uint16_t bound_port(const Fd& listener);
void set_no_delay(const Fd& socket);

[[noreturn]] void die(std::string_view what);
// True once SIGTERM or SIGINT came, after install_stop_signals().
[[nodiscard]] bool stop_requested();
void install_stop_signals();

}  // namespace weft::bench
