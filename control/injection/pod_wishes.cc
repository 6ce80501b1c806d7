#include "control/injection/pod_wishes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/model/names.h"
#include "control/model/uses.h"
#include "sidecar/core/address.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

constexpr std::size_t kListMax = 64;

// Known, and somebody else's to read.
constexpr std::array<std::string_view, 3> kOfOthers = {"force", "route-pod-ips", "status"};

bool digits_only(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_port(std::string_view text) {
  const std::optional<std::uint64_t> port = parse_u64(text);
  return port && *port >= 1 && *port <= 65535;
}

// "80", "8000-8010"
std::string check_ports(std::string_view item) {
  const std::size_t dash = item.find('-');
  if (dash == std::string_view::npos) {
    return is_port(item) ? std::string() : "want ports such as 80 or 8000-8010";
  }
  const std::string_view first = item.substr(0, dash);
  const std::string_view last = item.substr(dash + 1);
  const bool good = is_port(first) && is_port(last) && *parse_u64(first) <= *parse_u64(last);
  return good ? std::string() : "want ports such as 80 or 8000-8010";
}

std::string check_cidr(std::string_view item) {
  return Cidr::parse(item) ? std::string() : "want ranges such as 10.0.0.0/8";
}

std::string check_interface(std::string_view item) {
  const bool good = !item.empty() && item.size() <= 15 && item.front() != '-' &&
                    std::ranges::all_of(item, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                    });
  return good ? std::string() : "want names of interfaces such as eth1";
}

// As the control plane will read it.
std::string check_use(std::string_view item) {
  return Uses::check(item).empty() ? std::string() : "want Services such as cart or shop/cart";
}

// The forms of a Kubernetes quantity that people write: "100m", "1.5", "128Mi".
bool is_quantity(std::string_view text) {
  static constexpr std::array<std::string_view, 10> kUnits = {"",   "m",  "k",  "M", "G",
                                                              "Ki", "Mi", "Gi", "T", "Ti"};
  const std::size_t unit = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, unit);
  const std::size_t dot = number.find('.');
  const bool good = dot == std::string_view::npos
                        ? digits_only(number)
                        : digits_only(number.substr(0, dot)) && digits_only(number.substr(dot + 1));
  return good && number.size() <= 16 &&
         std::ranges::find(kUnits, text.substr(unit)) != kUnits.end();
}

bool is_image(std::string_view text) {
  return !text.empty() && text.size() <= 1024 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("./_:@-").find(c) != std::string_view::npos;
  });
}

// One pod's annotations, read one by one.
class WishReader final {
 public:
  WishReader(const Json& pod, PodWishes& out) : out_(out) {
    const Json* annotations = member(member(&pod, "metadata"), "annotations");
    if (annotations == nullptr) return;
    for (const auto& [key, value] : annotations->items()) {
      if (key.starts_with(kPrefix) && value.is_string()) {
        found_.emplace(key.substr(std::string_view(kPrefix).size()), value.get<std::string>());
      }
    }
  }

  [[nodiscard]] const std::string* find(const std::string& name) {
    known_.push_back(name);
    const auto found = found_.find(name);
    return found == found_.end() ? nullptr : &found->second;
  }
  void refuse(const std::string& name, std::string_view what) {
    mistakes_ += fmt::format("{}{}{}: {}, found '{}'", mistakes_.empty() ? "" : "\n", kPrefix, name,
                             what, escape(found_[name], 80));
  }

  using ItemCheck = std::string (*)(std::string_view);
  // Normal form: no spaces. "*" alone, where it is allowed, is everything.
  std::optional<std::string> list(const std::string& name, ItemCheck check, bool star,
                                  std::size_t items_max = kListMax) {
    const std::string* text = find(name);
    if (text == nullptr) return std::nullopt;
    if (star && trim(*text) == "*") return "*";
    std::string out;
    std::size_t count = 0;
    if (trim(*text).empty()) return out;
    for (const std::string_view item : split(*text, ',')) {
      if (++count > items_max) {
        refuse(name, fmt::format("want at most {} of them", items_max));
        return std::nullopt;
      }
      if (const std::string wrong = check(item); !wrong.empty()) {
        refuse(name, wrong);
        return std::nullopt;
      }
      out += (out.empty() ? "" : ",") + std::string(item);
    }
    return out;
  }
  void redirect_list(const std::string& name, ItemCheck check, bool star = false) {
    const std::optional<std::string> value = list(name, check, star);
    if (value && !value->empty()) out_.redirect.emplace_back("--" + name, *value);
  }
  void flag(const std::string& name, bool& out) {
    const std::string* text = find(name);
    if (text == nullptr) return;
    if (*text != "true" && *text != "false") return refuse(name, "want true or false");
    out = *text == "true";
  }
  void quantity(const std::string& name, std::string& out) {
    const std::string* text = find(name);
    if (text == nullptr) return;
    if (!is_quantity(*text)) return refuse(name, "want a quantity such as 100m or 128Mi");
    out = *text;
    out_.own_resources = true;
  }
  void rest() {
    for (const auto& [name, value] : found_) {
      if (std::ranges::find(known_, name) != known_.end() ||
          std::ranges::find(kOfOthers, name) != kOfOthers.end()) {
        continue;
      }
      const bool label = name == "inject" || name == "rev";
      out_.warnings.push_back(
          label ? fmt::format("{}{} is a label, not an annotation; it has no effect here", kPrefix,
                              name)
                : fmt::format("there is no annotation {}{}; it has no effect", kPrefix,
                              escape(name, 80)));
    }
  }
  [[nodiscard]] const std::string& mistakes() const { return mistakes_; }

 private:
  PodWishes& out_;
  std::map<std::string, std::string> found_;
  std::vector<std::string> known_;
  std::string mistakes_;
};

void read_mode(WishReader& reader, PodWishes& out) {
  const std::string* text = reader.find("sidecar-mode");
  if (text == nullptr) return;
  if (*text != "native" && *text != "classic") {
    return reader.refuse("sidecar-mode", "want native or classic");
  }
  out.native = *text == "native";
}

void read_redirect(WishReader& reader, PodWishes& out) {
  const std::string* mode = reader.find("redirect-mode");
  if (mode != nullptr && *mode != "redirect" && *mode != "tproxy") {
    reader.refuse("redirect-mode", "want redirect or tproxy");
  } else if (mode != nullptr && *mode == "tproxy") {
    out.transparent = true;
    out.redirect.emplace_back("--mode", *mode);
  }
  reader.redirect_list("include-inbound-ports", check_ports, true);
  reader.redirect_list("exclude-inbound-ports", check_ports);
  reader.redirect_list("exclude-inbound-cidrs", check_cidr);
  reader.redirect_list("exclude-outbound-ports", check_ports);
  reader.redirect_list("include-outbound-cidrs", check_cidr, true);
  reader.redirect_list("exclude-outbound-cidrs", check_cidr);
  reader.redirect_list("exclude-interfaces", check_interface);
}

void read_rest(WishReader& reader, PodWishes& out) {
  if (const std::string* level = reader.find("log-level"); level != nullptr) {
    if (!parse_log_level(*level)) {
      reader.refuse("log-level", "want debug, info, warn, error or off");
    } else {
      out.log_level = *level;
    }
  }
  if (const std::string* image = reader.find("proxy-image"); image != nullptr) {
    if (!is_image(*image)) {
      reader.refuse("proxy-image", "want the name of an image");
    } else {
      out.image = *image;
    }
  }
  if (const std::string* drain = reader.find("drain-time"); drain != nullptr) {
    const Result<Duration> time = parse_duration(*drain);
    if (!time || *time < std::chrono::seconds(1)) {
      reader.refuse("drain-time", "want a duration from 1s");
    } else {
      out.drain_time = *time;
    }
  }
  if (const std::string* workers = reader.find("workers"); workers != nullptr) {
    const std::optional<std::uint64_t> count = parse_u64(*workers);
    if (!count || *count < 1 || *count > 64) {
      reader.refuse("workers", "want a number from 1 to 64");
    } else {
      out.workers = static_cast<std::uint32_t>(*count);
    }
  }
  // The control plane reads it from the pod; here only so that a slip is told while its author
  // looks.
  (void)reader.list("uses", check_use, true, Uses::kMax);
}

}  // namespace

Result<PodWishes> read_wishes(const Json& pod, const InjectionContext& context) {
  PodWishes out;
  out.dns = context.dns;
  out.native = context.native;
  out.resources = context.resources;
  out.image = context.image;
  WishReader reader(pod, out);
  read_mode(reader, out);
  read_redirect(reader, out);
  reader.flag("dns", out.dns);
  reader.flag("rewrite-probes", out.rewrite_probes);
  reader.flag("merge-metrics", out.merge_metrics);
  reader.quantity("cpu-request", out.resources.cpu_request);
  reader.quantity("memory-request", out.resources.memory_request);
  reader.quantity("cpu-limit", out.resources.cpu_limit);
  reader.quantity("memory-limit", out.resources.memory_limit);
  read_rest(reader, out);
  reader.rest();
  if (!reader.mistakes().empty()) return fail(Fault::kInvalid, reader.mistakes());
  return out;
}

}  // namespace weft::control::injection
