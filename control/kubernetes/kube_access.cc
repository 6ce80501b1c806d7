#include "control/kubernetes/kube_access.h"

#include <utility>

#include "control/files.h"
#include "control/model/names.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "tls/dialer.h"
#include "tls/primitives.h"

namespace weft::control::kube {

namespace {

constexpr std::size_t kAccessFileBytesMax = 1024 * 1024;

// What the server's certificate has to say, and what we speak.
TlsSettings settings_of(const KubeConfig& config) {
  TlsSettings settings;
  settings.alpn = {"h2", "http/1.1"};
  const std::string& name = config.server_name.empty() ? config.host : config.server_name;
  const bool address = IpAddress::parse(name).has_value();
  settings.peer_names = {
      {.type = address ? SanMatcher::Type::kIp : SanMatcher::Type::kDns, .value = name}};
  if (!address) settings.server_name = name;
  return settings;
}

}  // namespace

Status KeptText::look() {
  if (file_.empty()) return {};
  Result<std::string> text = read_file(file_, kAccessFileBytesMax);
  if (!text) {
    if (!text_.empty()) return {};
    return fail(text.error());
  }
  if (!text->empty()) text_ = std::move(*text);
  return {};
}

std::string KubeIdentity::token() {
  if (Status read = token_.look(); !read) {
    WEFT_LOG_LIMITED(kWarn, "the token for the API server cannot be read: {}", read.error().detail);
  }
  std::string_view text = token_.text();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  const bool good = text.size() <= kTokenBytesMax && check_header_value(text).empty();
  return good ? std::string(text) : std::string();
}

// A name is looked up, then the usual way.
class KubeDialer::Attempt final : public Dial, public DialHolder, public net::QueryHolder {
 public:
  Attempt(KubeDialer& dialer, DialHolder& holder) : dialer_(dialer), holder_(holder) {
    if (const Result<IpAddress> address = IpAddress::parse(dialer.config_.host)) {
      connect(*address);
    } else {
      query_ = dialer.resolver_.resolve(dialer.config_.host, net::DnsFamily::kV4Preferred, *this);
    }
  }

  void on_resolved(const net::Resolved& resolved) override {
    const IpAddress address = resolved.addresses.front();
    dialer_.turn_.retire(std::move(query_));
    connect(address);
  }
  void on_not_resolved(const Error& error) override { holder_.on_dial_failed(error); }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    holder_.on_dialed(std::move(transport));
  }
  void on_dial_failed(const Error& error) override { holder_.on_dial_failed(error); }

 private:
  void connect(const IpAddress& ip) {
    const SocketAddress address(ip, dialer_.config_.port);
    if (!dialer_.config_.secured) {
      dial_ = dialer_.connector_.connect(address, {}, *this);
      return;
    }
    tls::Dialer secured(dialer_.turn_, dialer_.connector_, dialer_.context_, {.address = address});
    dial_ = secured.dial(*this);
  }

  KubeDialer& dialer_;
  DialHolder& holder_;
  std::unique_ptr<net::Resolver::Query> query_;
  std::unique_ptr<Dial> dial_;
};

KubeDialer::KubeDialer(net::Loop& loop, const KubeConfig& config)
    : turn_(loop.turn()),
      config_(config),
      connector_(loop),
      resolver_(loop),
      library_(tls::Library::make({})),
      roots_(config.roots_pem, config.roots_file),
      chain_(config.chain_pem, config.chain_file),
      key_(config.key_pem, config.key_file) {}

KubeDialer::~KubeDialer() = default;

Status KubeDialer::start() { return config_.secured ? renew_context() : Status(); }

Status KubeDialer::renew_context() {
  for (KeptText* text : {&roots_, &chain_, &key_}) {
    if (Status read = text->look(); !read) return read;
  }
  std::string made_of = tls::sha256(roots_.text() + "\n" + chain_.text() + "\n" + key_.text());
  if (made_of == context_made_of_) return {};
  if (roots_.text().empty()) return fail(Fault::kInvalid, "no CA for the API server");
  Result<std::shared_ptr<const tls::ClientContext>> made =
      tls::ClientContext::make({.version = made_of,
                                .chain_pem = chain_.text(),
                                .key_pem = key_.text(),
                                .roots_pem = roots_.text()},
                               settings_of(config_), library_);
  if (!made) return fail(made.error());
  context_ = std::move(*made);
  context_made_of_ = std::move(made_of);
  return {};
}

std::unique_ptr<Dial> KubeDialer::dial(DialHolder& holder) {
  if (config_.secured) {
    // With a broken file, what was believed before is.
    if (Status renewed = renew_context(); !renewed) {
      WEFT_LOG_LIMITED(kError, "the API server's CA: {}", renewed.error().detail);
    }
  }
  return std::make_unique<Attempt>(*this, holder);
}

}  // namespace weft::control::kube
