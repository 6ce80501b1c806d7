#pragma once
// KubeAccess: how to reach the API server now: the bearer token as its file has it, and a Dialer
// whose TLS believes the CA as its file has it.
//
// Files are looked at again at every request and every dial, which are few; one that cannot be read
// for a moment leaves what was read before. The server's certificate must name the host that was
// asked for, or its address. Owner: Control. Thread: its loop's; blocking reads of small files.

#include <memory>
#include <string>

#include "control/kubernetes/kube_config.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/resolver.h"
#include "tls/context.h"
#include "tls/library.h"

namespace weft::control::kube {

// What a file said last, or a value that never changes.
class KeptText final {
 public:
  KeptText(std::string value, std::string file) : text_(std::move(value)), file_(std::move(file)) {}
  // Reads the file, where there is one; an error is that of the first read that failed.
  Status look();
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::string file_;
};

// Who we are to the API server.
class KubeIdentity final {
 public:
  static constexpr std::size_t kTokenBytesMax = 64 * 1024;

  explicit KubeIdentity(const KubeConfig& config)
      : authority_(config.authority()),
        base_path_(config.base_path),
        token_(config.token, config.token_file) {}

  [[nodiscard]] const std::string& authority() const { return authority_; }
  [[nodiscard]] const std::string& base_path() const { return base_path_; }
  // As it is now; empty when there is none, or none that could be in a header.
  [[nodiscard]] std::string token();

 private:
  std::string authority_;
  std::string base_path_;
  KeptText token_;
};

class KubeDialer final : public Dialer {
 public:
  KubeDialer(net::Loop& loop, const KubeConfig& config);
  KubeDialer(const KubeDialer&) = delete;
  KubeDialer& operator=(const KubeDialer&) = delete;
  ~KubeDialer() override;

  // Whether its files make sense; before the first dial.
  Status start();
  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override;

 private:
  class Attempt;
  Status renew_context();

  Turn& turn_;
  const KubeConfig config_;
  net::TcpConnector connector_;
  net::Resolver resolver_;
  std::shared_ptr<tls::Library> library_;
  KeptText roots_;
  KeptText chain_;
  KeptText key_;
  std::string context_made_of_;
  std::shared_ptr<const tls::ClientContext> context_;
};

}  // namespace weft::control::kube
