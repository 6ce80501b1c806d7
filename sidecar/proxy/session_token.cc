#include "sidecar/proxy/session_token.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "sidecar/proxy/cookies.h"

namespace weft::proxy {

namespace {

using config::SessionPersistence;

constexpr std::size_t kDigits = 16;

}  // namespace

std::optional<std::uint64_t> read_session(const SessionPersistence& persistence,
                                          const http::RequestHead& head) {
  const std::optional<std::string_view> text = persistence.by == SessionPersistence::By::kCookie
                                                   ? find_cookie(head, persistence.name)
                                                   : head.headers.find(persistence.name);
  if (!text || text->size() != kDigits) return std::nullopt;
  std::uint64_t session = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + kDigits, session, 16);
  if (error != std::errc() || end != text->data() + kDigits) return std::nullopt;
  return session;
}

std::optional<std::size_t> cluster_of_session(const config::ForwardAction& action,
                                              std::uint64_t session,
                                              upstream::ClusterSet& clusters) {
  for (std::size_t i = 0; i < action.clusters.size(); ++i) {
    const upstream::ClusterRef cluster = clusters.find(action.clusters[i].cluster);
    if (cluster && cluster->find_session(session) != nullptr) return i;
  }
  return std::nullopt;
}

void write_session(const SessionPersistence& persistence, std::uint64_t session,
                   http::Headers& answer) {
  std::string value = fmt::format("{:016x}", session);
  if (persistence.by == SessionPersistence::By::kHeader) {
    answer.remove(persistence.name);
    answer.add_copy(persistence.name, value);
    return;
  }
  std::string cookie = persistence.name + "=\"" + value + "\"";
  if (persistence.lifetime > Duration::zero()) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(persistence.lifetime).count();
    cookie += fmt::format("; Max-Age={}", seconds);
  }
  if (!persistence.path.empty()) cookie += "; Path=" + persistence.path;
  cookie += persistence.attributes + "; HttpOnly";
  answer.add(http::HeaderId::kSetCookie, answer.copy(cookie));
}

}  // namespace weft::proxy
