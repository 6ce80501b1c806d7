#include "sidecar/proxy/record_log.h"

namespace weft::proxy {

void write_access_logs(const Services& services, const std::vector<config::AccessLog>& logs,
                       const telemetry::AccessRecord& record) {
  if (logs.empty()) return;
  // One per thread, so that a line costs no allocation once it has grown.
  thread_local std::string line;
  for (const config::AccessLog& log : logs) {
    if (log.mode == config::AccessLog::Mode::kErrors && !record.failed() && record.attempts <= 1)
      continue;
    line.clear();
    if (log.format == config::AccessLog::Format::kJson) {
      telemetry::append_json(record, line);
    } else {
      telemetry::append_text(record, line);
    }
    services.journal.write_log(log.path, line);
  }
}

}  // namespace weft::proxy
