#include "sidecar/certificates_page.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "sidecar/core/strings.h"
#include "tls/certificate.h"

namespace weft::sidecar {

namespace {

std::int64_t unix_time(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void add_certificates(nlohmann::json& list, const std::string& where,
                      const std::shared_ptr<const TlsMaterial>& material) {
  if (material == nullptr) return;
  for (const auto& [kind, pem] :
       {std::pair{"chain", &material->chain_pem}, std::pair{"roots", &material->roots_pem}}) {
    if (pem->empty()) continue;
    auto certificates = tls::parse_certificates(*pem, where);
    if (!certificates) continue;
    for (const tls::Certificate& certificate : *certificates) {
      list.push_back({{"used_by", where},
                      {"kind", kind},
                      {"identity", certificate.spiffe_id.uri()},
                      {"serial", certificate.serial},
                      {"not_before", unix_time(certificate.not_before)},
                      {"not_after", unix_time(certificate.not_after)}});
    }
  }
}

nlohmann::json certificates_of(const config::Snapshot& snapshot) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& listener : snapshot.listeners) {
    for (const config::FilterChain& chain : listener->chains) {
      if (chain.tls) add_certificates(list, "listener " + listener->name, chain.tls->material);
    }
  }
  for (const auto& [name, entry] : snapshot.clusters) {
    if (entry.config->tls) add_certificates(list, "cluster " + name, entry.config->tls->material);
  }
  return list;
}

}  // namespace

std::string certificates_page(const config::Snapshot* snapshot, const Identity* identity) {
  nlohmann::json page{
      {"certificates", snapshot == nullptr ? nlohmann::json::array() : certificates_of(*snapshot)}};
  if (identity != nullptr) {
    const Identity::Stats stats = identity->stats();
    page["identity"] = {{"id", identity->id().uri()},
                        {"not_after", identity->ready() ? unix_time(stats.not_after) : 0},
                        {"renewals", stats.renewals},
                        {"failures", stats.failures},
                        {"last_error", escape(stats.last_error)}};
  }
  return page.dump(1) + "\n";
}

}  // namespace weft::sidecar
