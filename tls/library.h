#pragma once
// Library: one worker's own copy of OpenSSL's shared state, and what its TLS streams share.
//
// OpenSSL 3.0 takes locks and counts references in its library context on every fetch; a context
// per worker means that no object is touched by two threads (performance.md 2.6, decisions C4).
// Owner: shared by the contexts made with it, which keep it alive; made on the main loop, used by
// one worker afterwards. Making another context with it meanwhile is safe: the cache, the scratch
// and the counters are touched only by streams. OpenSSL's part is made with the first context: it
// is a fifth of the work of a start, and a process whose configuration has no TLS does without.

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "sidecar/core/buffer.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "tls/chain_cache.h"
#include "tls/handshake_result.h"
#include "tls/openssl_handles.h"

namespace weft::tls {

// Puts OpenSSL's allocations on the worker's slabs. Must come before every other use of OpenSSL in
// the process; false when it came too late. Does nothing, successfully, under sanitizers, which
// want to see each allocation.
[[nodiscard]] bool install_allocator();

class Library final {
 public:
  static constexpr std::size_t kRecordMax = 16 * 1024;  // plaintext of one TLS record, RFC 8446 5.1

  struct Options {
    // Certificates are judged by this clock; a function so that tests can hold it still.
    WallTime (*wall_clock)() = &read_wall_clock;
    std::size_t chain_cache_entries = ChainCache::kEntriesMax;
  };
  [[nodiscard]] static std::shared_ptr<Library> make(const Options& options);
  [[nodiscard]] static std::shared_ptr<Library> make() { return make(Options{}); }
  // Makes OpenSSL's part, unless it is there; for whoever makes a context.
  Status open();

  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library();

  // REQUIRES open(), as does sha256().
  [[nodiscard]] ossl_lib_ctx_st* native() const { return native_.get(); }
  [[nodiscard]] evp_md_st* sha256() const { return sha256_.get(); }
  [[nodiscard]] WallTime wall_now() const { return options_.wall_clock(); }

  // ---- the worker's thread only ----

  [[nodiscard]] ChainCache& chains() { return chains_; }
  [[nodiscard]] HandshakeCounters& accepted() { return accepted_; }
  [[nodiscard]] HandshakeCounters& connected() { return connected_; }

  // Where the pieces of one outgoing record are gathered; good until the next use.
  [[nodiscard]] std::span<std::uint8_t, kRecordMax> scratch() { return scratch_; }

  // Where the next record is decrypted to: at least kRecordMax bytes of a block that streams share
  // by reference.
  [[nodiscard]] std::span<std::uint8_t> read_room();
  // Hands the first `size` bytes of read_room() to `target`.
  void take_read(Buffer& target, std::size_t size);

 private:
  explicit Library(const Options& options)
      : options_(options), chains_(options.chain_cache_entries) {}

  Options options_;
  // Order matters: what was fetched and loaded goes before the context it came from.
  Handle<ossl_lib_ctx_st> native_;
  Handle<ossl_provider_st> provider_;
  Handle<evp_md_st> sha256_;
  ChainCache chains_;
  HandshakeCounters accepted_;
  HandshakeCounters connected_;
  BlockRef read_block_;
  std::array<std::uint8_t, kRecordMax> scratch_;
};

}  // namespace weft::tls
