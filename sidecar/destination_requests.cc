#include "sidecar/destination_requests.h"

namespace weft::sidecar {

void DestinationRequests::on_known(const xds::Destination& destination) {
  on_demand_.on_known(destination.name, destination.clusters);
}

void DestinationRequests::on_destinations_wanted(const OnDemand::Names& names) {
  shard_.on_demand_destinations.set(static_cast<std::int64_t>(names.size()));
  if (source_ != nullptr) source_->want(names);
}

void DestinationRequests::on_destination_answered(const std::string& name, bool known) {
  const Result<SocketAddress> address = SocketAddress::parse(name);
  if (!address) return;
  for (const auto& worker : workers_) worker->answer(*address, known);
}

void DestinationRequests::on_destination_forgotten(const std::string& name) {
  const Result<SocketAddress> address = SocketAddress::parse(name);
  if (!address) return;
  for (const auto& worker : workers_) worker->forget(*address);
}

void DestinationRequests::on_use_asked() {
  for (const auto& worker : workers_) {
    worker->ask_clusters([this, index = worker->index()](const Worker::States& states) {
      on_demand_.note_use(index, states);
    });
  }
}

}  // namespace weft::sidecar
