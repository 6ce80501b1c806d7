#pragma once
// Journal: two lists joined: the numbers a client sent and what became of them, and the numbers
// each origin has seen.
//
// Every request carries a number of its own that web and cart pass on. What was answered must have
// been seen exactly once at each step: by web, by the one instance of cart that the answer names,
// and by ledger. Values; pure.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sidecar/core/clock.h"

namespace weft::demo {

// One request of the client.
struct Sent {
  std::uint64_t number = 0;
  TimePoint due{};    // when it was to be sent; waiting for its turn counts as latency
  TimePoint begun{};  // when it was
  TimePoint ended{};
  std::uint16_t status = 0;  // 0: no answer
  std::string cart;          // the instance of cart that the answer names
  std::string failure;       // of one that was not answered with 200

  [[nodiscard]] bool answered() const { return status == 200; }
};

// What one origin has seen.
struct Sighting {
  std::string instance;
  std::string service;
  std::vector<std::uint64_t> numbers;
};

struct Joined {
  std::size_t sent = 0;
  std::size_t answered = 0;  // 200
  std::size_t failed = 0;
  std::map<std::string, std::size_t> seen;      // by instance: different numbers
  std::map<std::string, std::size_t> services;  // by service: different numbers
  std::size_t lost = 0;               // answered, and some step of the way has not seen it
  std::size_t twice = 0;              // seen more than once by one service
  std::size_t strange = 0;            // seen, never sent
  std::size_t elsewhere = 0;          // the answer names another instance of cart than saw it
  std::vector<std::string> failures;  // the first few, in words

  // Both lists say the same of everything that was answered.
  [[nodiscard]] bool agrees() const {
    return lost == 0 && twice == 0 && strange == 0 && elsewhere == 0;
  }
  // "10,000 sent, 10,000 answered, 0 failed; seen by web 10,000, cart 10,000 (…), ledger 10,000;
  // lost 0, twice 0, strange 0"
  [[nodiscard]] std::string text() const;
};

// `steps`: the services every answered request must have passed. Numbers outside those sent are
// strange only between the first and the last of them, so that one window's join is not disturbed
// by another's.
[[nodiscard]] Joined join(const std::vector<Sent>& sent, const std::vector<Sighting>& sightings,
                          const std::vector<std::string>& steps = {"web", "cart", "ledger"});

// "10,000"
[[nodiscard]] std::string grouped(std::uint64_t number);

}  // namespace weft::demo
