#pragma once
// AccessLogs: the log files of this process, one writer thread each, shared by all workers; and
// each worker's door to them.
//
// Owner: Sidecar; outlives the workers. Thread: AccessLogs any (a lock when a worker first meets a
// path), Writer its worker's. At most kFilesMax different paths; lines for further ones are dropped
// and counted.

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/proxy/services.h"
#include "telemetry/log_writer.h"
#include "telemetry/proxy_metrics.h"

namespace weft::sidecar {

class AccessLogs final {
 public:
  static constexpr std::size_t kFilesMax = 16;

  class Writer final : public proxy::Journal {
   public:
    Writer(AccessLogs& logs, telemetry::ProxyMetrics& metrics) : logs_(logs), metrics_(metrics) {}
    void write_log(std::string_view path, std::string_view line) override;

   private:
    AccessLogs& logs_;
    telemetry::ProxyMetrics& metrics_;
    std::vector<std::pair<std::string, telemetry::LogRing*>> rings_;  // null: one file too many
  };

  // For log rotation.
  void reopen();

 private:
  [[nodiscard]] telemetry::LogRing* ring(std::string_view path, Counter& dropped);

  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<telemetry::LogWriter>, std::less<>> writers_;
};

}  // namespace weft::sidecar
