#pragma once
// ContextCache: the TLS contexts of one worker, from one Snapshot to the next (decisions C4).
//
// What a Snapshot has in common with the one before keeps its context, found by its address. Of
// what is new, clients that speak TLS in the same way and differ only in their peers share all that
// is OpenSSL's (tls::ClientContext::like): a mesh may have a thousand of them, and one certificate.
// Owner: Publisher, one for each worker. Thread: main loop.

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "sidecar/config/snapshot.h"
#include "sidecar/upstream/tls_contexts.h"
#include "tls/context.h"
#include "tls/library.h"

namespace weft::sidecar {

class ContextCache final {
 public:
  explicit ContextCache(std::shared_ptr<tls::Library> library) : library_(std::move(library)) {}

  // REQUIRES that the Snapshot of the last call lived while this one was made.
  [[nodiscard]] std::shared_ptr<const upstream::TlsContexts> make(const config::Snapshot& snapshot);

 private:
  template <typename Context>
  using Contexts = std::unordered_map<const config::TlsReference*, std::shared_ptr<const Context>>;
  template <typename Context>
  using Known = std::map<std::string, std::weak_ptr<const Context>>;

  template <typename Context>
  void add(const config::TlsReference& reference, const Contexts<Context>& before,
           Contexts<Context>& target, Known<Context>& known);

  std::shared_ptr<tls::Library> library_;
  std::shared_ptr<const upstream::TlsContexts> current_ =
      std::make_shared<const upstream::TlsContexts>();
  // By what they are made from; those of clients without their peers' names.
  Known<tls::ServerContext> servers_;
  Known<tls::ClientContext> clients_;
};

}  // namespace weft::sidecar
