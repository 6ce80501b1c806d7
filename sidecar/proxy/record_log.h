#pragma once
// record_log: a finished record into the access logs that its chain asks for.

#include <vector>

#include "sidecar/config/listener_config.h"
#include "sidecar/proxy/services.h"

namespace weft::proxy {

void write_access_logs(const Services& services, const std::vector<config::AccessLog>& logs,
                       const telemetry::AccessRecord& record);

}  // namespace weft::proxy
