#pragma once
// The language of the whole-proxy specifications: origins that behave as told, a Sidecar on a
// thread of its own, and a caller that speaks HTTP/1.1 over a blocking socket. Everything is on
// loopback, port 0.
//
// Nothing sleeps: a wait is a blocking read, a condition variable, or a question repeated on the
// proxy's own loop. A socket that says nothing for kPatience fails the test instead of hanging it.
// Owner: a test. Thread: the test's; an Origin has one thread for each connection, a Proxy one for
// its main loop.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "sidecar/sidecar.h"

namespace weft::mesh_test {

inline constexpr std::chrono::seconds kPatience{20};

// A blocking TCP socket that is closed with the object.
class Wire final {
 public:
  Wire() = default;
  explicit Wire(int fd);
  static Wire to(std::uint16_t port);
  Wire(Wire&& other) noexcept : fd_(std::exchange(other.fd_, -1)), held_(std::move(other.held_)) {}
  Wire& operator=(Wire&& other) noexcept;
  ~Wire();

  [[nodiscard]] bool send(std::string_view bytes);
  // Up to and including `mark`; empty when the other side ended first.
  [[nodiscard]] std::string read_to(std::string_view mark);
  [[nodiscard]] std::string read_bytes(std::size_t count);  // fewer at the end
  [[nodiscard]] std::string read_all();
  // A line head and the body that its fields announce; empty at the end. `bodyless`: an answer to
  // HEAD.
  struct Message {
    std::string head;
    std::string body;
    [[nodiscard]] bool empty() const { return head.empty(); }
    [[nodiscard]] std::string field(std::string_view name) const;  // "" when absent
    [[nodiscard]] int status() const;
    [[nodiscard]] std::string target() const;
  };
  [[nodiscard]] Message read_message(bool answer, bool bodyless = false);
  // What the kernel takes at most without anybody reading at the other end, until it takes no more
  // for `quiet`.
  [[nodiscard]] std::size_t send_until_stuck(std::size_t limit, std::chrono::milliseconds quiet);
  void end();              // half-close
  void reset();            // RST
  void narrow(int bytes);  // SO_RCVBUF
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  [[nodiscard]] bool more();
  int fd_ = -1;
  std::string held_;
};

// An application behind the mesh.
class Origin final {
 public:
  // Serves one accepted connection until it returns.
  using Serve = std::function<void(Origin&, Wire&)>;
  Origin();  // answers 200 "ok"
  explicit Origin(Serve serve);
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  [[nodiscard]] static Serve replies(int status, std::string body, std::string fields = {});
  [[nodiscard]] static Serve echoes();  // the request's body
  [[nodiscard]] static Serve never_answers();
  [[nodiscard]] static Serve resets();  // after the request
  [[nodiscard]] static Serve holds();   // each answer until release()

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] SocketAddress address() const;
  // Makes the kernel keep little for connections yet to come, so that what the other side got rid
  // of is what this side has read.
  void narrow() const;
  [[nodiscard]] std::size_t requests();
  [[nodiscard]] std::size_t connections();
  [[nodiscard]] Wire::Message last();
  void note(Wire::Message message);
  // Blocks until that many requests have come.
  [[nodiscard]] bool wait_for(std::size_t requests);
  void release();
  void wait_for_release();

 private:
  void accept_all();
  std::mutex mutex_;
  std::condition_variable changed_;
  Serve serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  bool released_ = false;
  bool over_ = false;
  std::size_t requests_ = 0;
  std::size_t connections_ = 0;
  Wire::Message last_;
  std::vector<int> fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// A port at which nobody answers, and nobody will as long as this lives.
class ClosedPort final {
 public:
  ClosedPort();
  ~ClosedPort();
  [[nodiscard]] SocketAddress address() const;

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

// ---- configuration ----

[[nodiscard]] config::ClusterConfig cluster(std::string name, std::vector<SocketAddress> endpoints);
[[nodiscard]] config::Route to(std::string prefix, std::string cluster);
[[nodiscard]] config::ForwardAction& forward(config::Route& route);
[[nodiscard]] config::RouteConfig routes(std::vector<config::Route> routes);
[[nodiscard]] config::ListenerConfig http_listener(std::string name, config::RouteConfig routes);
[[nodiscard]] config::ListenerConfig tcp_listener(std::string name, std::string cluster);
[[nodiscard]] config::HttpSettings& http_of(config::ListenerConfig& listener);
[[nodiscard]] sidecar::Start start_of(std::vector<config::ListenerConfig> listeners,
                                      std::vector<config::ClusterConfig> clusters);

// ---- proxy ----

class Proxy final {
 public:
  explicit Proxy(sidecar::Start start);
  Proxy(std::vector<config::ListenerConfig> listeners, std::vector<config::ClusterConfig> clusters);
  ~Proxy();

  [[nodiscard]] std::uint16_t port(std::string_view listener = "in");
  [[nodiscard]] SocketAddress address(std::string_view listener = "in");
  [[nodiscard]] Wire dial(std::string_view listener = "in") { return Wire::to(port(listener)); }
  // Runs on the main loop, and waits.
  void on_loop(const std::function<void(sidecar::Sidecar&)>& call);
  [[nodiscard]] std::string metrics();
  // The sum of the samples of a family whose labels contain all of `with`.
  [[nodiscard]] double metric(std::string_view family, const std::vector<std::string>& with = {});
  // Asks until it is at least that much, or patience ends.
  [[nodiscard]] bool metric_reaches(double value, std::string_view family,
                                    const std::vector<std::string>& with = {});
  // Until everything that was told is served by every worker; false when patience ends.
  [[nodiscard]] bool ready();
  void drain();
  // Waits until run() has returned.
  void join();
  // join(), and the whole proxy is gone: its logs are complete.
  void end();

 private:
  std::unique_ptr<sidecar::Sidecar> sidecar_;
  std::thread thread_;
};

// One request on a connection of its caller.
[[nodiscard]] Wire::Message ask(Wire& wire, std::string_view target, std::string_view fields = {},
                                std::string_view method = "GET", std::string_view body = {});
[[nodiscard]] Wire::Message ask(Proxy& proxy, std::string_view target, std::string_view fields = {},
                                std::string_view method = "GET", std::string_view body = {});

}  // namespace weft::mesh_test
