#include "sidecar/access_logs.h"

#include "sidecar/core/log.h"

namespace weft::sidecar {

void AccessLogs::Writer::write_log(std::string_view path, std::string_view line) {
  for (const auto& [known, ring] : rings_) {
    if (known != path) continue;
    if (ring == nullptr) {
      metrics_.dropped(telemetry::Signal::kLogLine).add();
    } else {
      ring->push(line);
    }
    return;
  }
  telemetry::LogRing* ring = logs_.ring(path, metrics_.dropped(telemetry::Signal::kLogLine));
  rings_.emplace_back(std::string(path), ring);
  if (ring != nullptr) ring->push(line);
}

telemetry::LogRing* AccessLogs::ring(std::string_view path, Counter& dropped) {
  const std::lock_guard lock(mutex_);
  auto found = writers_.find(path);
  if (found == writers_.end()) {
    if (writers_.size() >= kFilesMax) {
      WEFT_LOG(kError, "access log {}: more than {} log files", escape(path), kFilesMax);
      return nullptr;
    }
    found =
        writers_
            .emplace(std::string(path), std::make_unique<telemetry::LogWriter>(std::string(path)))
            .first;
  }
  return &found->second->add_ring(dropped);
}

void AccessLogs::reopen() {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, writer] : writers_) writer->reopen();
}

}  // namespace weft::sidecar
