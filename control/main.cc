// weft-control: reads flags, runs a Control on a loop, and turns a failure into an exit code.
//
// With --kubernetes the API server is the source and keeps the root; the line on stdout comes when
// everything has been listed once.
//
// Exit codes: 0 drained and done, or the directory is valid; 1 it could not start, the directory is
// not valid, or it was ended before its drain; 2 wrong usage. When it serves, one line on stdout
// says where.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/cli/lint.h"
#include "control/control.h"
#include "control/kubernetes/kube_access.h"
#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/kube_config.h"
#include "control/model/names.h"
#include "sidecar/core/log.h"
#include "sidecar/core/out_of_memory.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/descriptors.h"
#include "sidecar/net/library.h"
#include "sidecar/net/signals.h"
#include "tls/library.h"

namespace weft::control {

namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

struct Flags {
  bool kubernetes = false;
  std::string kubeconfig;
  std::string config_dir;
  std::string state_dir;
  std::string listen = "127.0.0.1:15012";
  std::string plaintext_xds;
  std::string admin = "127.0.0.1:15014";
  std::string webhook;
  std::string metrics;
  std::string inject_image;
  std::string inject_redirect_image;
  std::string inject_control;
  std::string revision = "default";
  bool inject_classic = false;
  bool scoped_names = false;
  std::string max_certificate_lifetime = "24h";
  std::string debounce = "50ms";
  std::string debounce_max = "500ms";
  std::string drain_time = "5s";
  std::string log_level = "info";
  std::string mode = "serve";
};

// What the flags mean.
struct Start {
  Control::Options options;
  Control::Addresses addresses;
  std::optional<kube::KubeConfig> cluster;
};

Result<kube::KubeConfig> read_cluster(const Flags& flags) {
  if (!flags.kubeconfig.empty()) return kube::read_kubeconfig(flags.kubeconfig);
  return kube::in_cluster_config([](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    return value;
  });
}

Result<SocketAddress> read_address(const char* flag, const std::string& text) {
  if (text.empty() || text == "off") return SocketAddress();
  Result<SocketAddress> address = SocketAddress::parse(text);
  if (!address) return fail(Fault::kInvalid, fmt::format("{}: {}", flag, address.error().detail));
  return address;
}

Result<Duration> read_duration(const char* flag, const std::string& text, Duration least) {
  const Result<Duration> duration = parse_duration(text);
  if (!duration) return fail(Fault::kInvalid, fmt::format("{}: {}", flag, duration.error().detail));
  if (*duration < least) {
    return fail(Fault::kInvalid,
                fmt::format("{}: want at least {}, found {}", flag, format_duration(least), text));
  }
  return duration;
}

Status set(Duration& into, const char* flag, const std::string& text, Duration least) {
  const Result<Duration> duration = read_duration(flag, text, least);
  if (!duration) return fail(duration.error());
  into = *duration;
  return {};
}

Status set(SocketAddress& into, const char* flag, const std::string& text) {
  const Result<SocketAddress> address = read_address(flag, text);
  if (!address) return fail(address.error());
  into = *address;
  return {};
}

Result<Start> read_start(const Flags& flags) {
  Start start;
  Control::Options& options = start.options;
  options.config_dir = flags.config_dir;
  options.state_dir = flags.state_dir;
  options.scoped_names = flags.scoped_names;
  for (const Status& read :
       {set(options.leaf_lifetime_max, "--max-certificate-lifetime", flags.max_certificate_lifetime,
            Authority::kLifetimeMin),
        set(options.source.settle, "--debounce", flags.debounce, std::chrono::milliseconds(1)),
        set(options.source.settle_max, "--debounce-max", flags.debounce_max,
            std::chrono::milliseconds(1)),
        set(options.drain, "--drain-time", flags.drain_time, Duration::zero()),
        set(start.addresses.xds, "--listen", flags.listen),
        set(start.addresses.plaintext_xds, "--plaintext-xds", flags.plaintext_xds),
        set(start.addresses.admin, "--admin", flags.admin),
        set(start.addresses.webhook, "--webhook", flags.webhook),
        set(start.addresses.metrics, "--metrics", flags.metrics)}) {
    if (!read) return fail(read.error());
  }
  if (start.addresses.xds.is_none()) return fail(Fault::kInvalid, "--listen: cannot be off");
  if (flags.kubernetes) {
    if (!flags.config_dir.empty() || !flags.state_dir.empty()) {
      return fail(Fault::kInvalid, "--kubernetes takes neither --config-dir nor --state-dir");
    }
    Result<kube::KubeConfig> cluster = read_cluster(flags);
    if (!cluster) return fail(cluster.error());
    start.cluster = std::move(*cluster);
  } else {
    if (!flags.kubeconfig.empty()) return fail(Fault::kInvalid, "--kubeconfig is for --kubernetes");
    if (flags.config_dir.empty()) {
      return fail(Fault::kInvalid, "--config-dir is required, or --kubernetes");
    }
    if (flags.state_dir.empty()) return fail(Fault::kInvalid, "--state-dir is required");
  }
  options.server.own_lifetime = options.leaf_lifetime_max;
  if (const char* pod_name = std::getenv(pod::kPodNameVariable); pod_name != nullptr) {
    if (check_object_name(pod_name).empty()) options.replica = pod_name;
  }
  injection::InjectionContext& injection = options.server.injection;
  if (!flags.inject_image.empty()) injection.image = flags.inject_image;
  injection.redirect_image = flags.inject_redirect_image;
  if (!flags.inject_control.empty()) injection.control = flags.inject_control;
  injection.revision = flags.revision;
  injection.native = !flags.inject_classic;
  return start;
}

int complain(const std::string& what) {
  fmt::print(stderr, "weft-control: {}\n", what);
  return kFailed;
}

// The process: a loop, a Control on it, and the signals that end both.
class Process final : public Control::Owner, public net::Signals::Owner {
 public:
  explicit Process(const Start& start) : addresses_(start.addresses) {
    Control::Options options = start.options;
    if (start.cluster) {
      dialer_ = std::make_unique<kube::KubeDialer>(loop_, *start.cluster);
      client_ = std::make_unique<kube::KubeClient>(loop_.turn(), *dialer_,
                                                   kube::KubeIdentity(*start.cluster));
      options.kubernetes = client_.get();
      options.connector = &connector_;
    }
    control_ = std::make_unique<Control>(loop_.turn(), *this, std::move(options));
  }

  int run() {
    if (dialer_ != nullptr) {
      if (const Status usable = dialer_->start(); !usable) return complain(usable.error().detail);
    }
    if (const Status loaded = control_->load(); !loaded) return complain(loaded.error().detail);
    if (const Status listening = control_->listen(loop_, addresses_); !listening)
      return complain(listening.error().detail);
    net::Signals signals(loop_, *this);
    if (client_ == nullptr) say_ready();
    loop_.run();
    return code_;
  }

  void on_drained() override { loop_.stop(); }
  void on_live() override { say_ready(); }
  void on_failed(const Error& error) override {
    code_ = complain(error.detail);
    loop_.stop();
  }

  void on_signal(int number) override {
    if (number == SIGHUP) return;  // the directory is watched all the time
    if (std::exchange(draining_, true)) {
      code_ = kFailed;
      loop_.stop();
      return;
    }
    WEFT_LOG(kInfo, "draining");
    control_->drain();
  }

 private:
  void say_ready() const {
    const auto text = [](const SocketAddress& address) {
      return address.is_none() ? std::string("off") : address.to_string();
    };
    const Control::Addresses at = control_->addresses();
    fmt::print("weft-control {} ready xds={} plaintext-xds={} admin={} generation={}\n",
               WEFT_VERSION, text(at.xds), text(at.plaintext_xds), text(at.admin),
               control_->registry().mesh()->generation);
    std::fflush(stdout);
  }

  const Control::Addresses addresses_;
  net::Loop loop_;
  net::TcpConnector connector_{loop_};
  std::unique_ptr<kube::KubeDialer> dialer_;
  std::unique_ptr<kube::KubeClient> client_;
  std::unique_ptr<Control> control_;
  bool draining_ = false;
  int code_ = kDone;
};

int validate(const Flags& flags) {
  if (flags.config_dir.empty()) {
    complain("--mode validate: --config-dir is required");
    return kUsage;
  }
  Result<std::vector<SourceFile>> files = YamlDirectory::read_all(flags.config_dir);
  if (!files) return complain(files.error().detail);
  const cli::LintReport report = cli::lint(std::move(*files));
  fmt::print("{}", report.text(false));
  return report.mistakes.empty() ? kDone : kFailed;
}

void add_flags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", std::string("weft-control ") + WEFT_VERSION);
  app.add_option("--config-dir", flags.config_dir,
                 "directory of *.yaml, *.yml and *.json: Services, Workloads, HTTPRoutes, "
                 "MeshConfig; watched");
  app.add_flag("--kubernetes", flags.kubernetes,
               "in place of both directories: the API server of the cluster this runs in, or of "
               "--kubeconfig");
  app.add_option("--kubeconfig", flags.kubeconfig,
                 "where that is and who we are, for --kubernetes");
  app.add_option("--state-dir", flags.state_dir,
                 "where the root key and what was accepted survive a restart; keep it private");
  app.add_flag("--scoped-names", flags.scoped_names,
               "tell a sidecar with --dns that has a scope the names of that alone: the resolvers "
               "of its machine know the others; in Kubernetes always so");
  app.add_option("--listen", flags.listen,
                 "TLS address for sidecars: certificates and configuration")
      ->capture_default_str();
  app.add_option("--plaintext-xds", flags.plaintext_xds,
                 "address for gRPC clients without a sidecar, for example 127.0.0.1:15010; it "
                 "proves nothing and hides nothing (default: off)");
  app.add_option("--admin", flags.admin, "address of /ready, /metrics, /mesh and /config, or off")
      ->capture_default_str();
  app.add_option("--metrics", flags.metrics,
                 "address of /metrics alone, for a Prometheus elsewhere; in the clear (default: "
                 "off)");
  app.add_option("--webhook", flags.webhook,
                 "HTTPS address for the API server's admission reviews: /inject, /inject/pods and "
                 "/validate (default: off)");
  app.add_option("--inject-image", flags.inject_image,
                 "image of the sidecar that is put into pods");
  app.add_option(
      "--inject-redirect-image", flags.inject_redirect_image,
      "image of the init container that loads the redirect rules (default: weft-redirect "
      "beside weft-sidecar, of the same version)");
  app.add_option("--inject-control", flags.inject_control,
                 "where injected sidecars find the control plane (default: "
                 "weft-control.weft-system.svc:15012)");
  app.add_option(
         "--revision", flags.revision,
         "the weft.dev/rev that this control plane injects for; its Service and its webhook "
         "configurations are named after it")
      ->capture_default_str();
  app.add_flag("--inject-classic", flags.inject_classic,
               "inject for clusters without native sidecars (before Kubernetes 1.29)");
  app.add_option("--max-certificate-lifetime", flags.max_certificate_lifetime,
                 "the longest that a workload's certificate may last, from 10s")
      ->capture_default_str();
  app.add_option("--debounce", flags.debounce,
                 "how long the directory must be quiet before a change is taken")
      ->capture_default_str();
  app.add_option("--debounce-max", flags.debounce_max,
                 "a change is taken after this even if the directory is never quiet")
      ->capture_default_str();
  app.add_option("--drain-time", flags.drain_time,
                 "how long connections may take to finish after SIGTERM")
      ->capture_default_str();
  app.add_option("-l,--log-level", flags.log_level, "debug, info, warn, error or off")
      ->capture_default_str();
  app.add_option("--mode", flags.mode, "serve, or validate: check the directory and exit")
      ->check(CLI::IsMember({"serve", "validate"}))
      ->capture_default_str();
  app.footer(
      "With --kubernetes any number of replicas serve; one of them, by the Lease\n"
      "weft-system/weft-control, writes status and events (WEFT_POD_NAME tells them apart).\n\n"
      "An address is IP:PORT; port 0 takes a free one. When it serves, one line on stdout says\n"
      "where: weft-control VERSION ready xds=… plaintext-xds=… admin=… generation=…\n\n"
      "Exit: 0 drained after SIGTERM, or valid; 1 could not start, or not valid; 2 usage.\n\n"
      "Example: weft-control --config-dir shop --state-dir state");
}

int start(int argc, char** argv) {
  Flags flags;
  CLI::App app("weft-control: the control plane of the weft service mesh.");
  add_flags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  const Result<LogLevel> level = parse_log_level(flags.log_level);
  if (!level) {
    complain("--log-level: " + level.error().detail);
    return kUsage;
  }
  set_log_level(*level);
  if (flags.mode == "validate") return validate(flags);
  const Result<Start> read = read_start(flags);
  if (!read) {
    complain(read.error().detail);
    return kUsage;
  }
  net::raise_descriptor_limit();  // thousands of sidecars are thousands of descriptors
  return Process(*read).run();
}

}  // namespace

}  // namespace weft::control

int main(int argc, char** argv) {
  weft::install_out_of_memory_handler();
  weft::net::install_allocators();
  // Before anything else touches OpenSSL; without it the library's own allocator serves as well.
  (void)weft::tls::install_allocator();
  const int code = weft::control::start(argc, argv);
  weft::flush_log();
  return code;
}
