#include "sidecar/net/resolver.h"

#include <utility>

#include "sidecar/net/dns_channel.h"
#include "sidecar/net/dns_lookup.h"

namespace weft::net {

Resolver::Resolver(Loop& loop, Options options)
    : channel_(std::make_unique<DnsChannel>(loop, std::move(options))) {}
Resolver::~Resolver() = default;

std::unique_ptr<Resolver::Query> Resolver::resolve(std::string_view name, DnsFamily family,
                                                   QueryHolder& holder) {
  auto lookup = std::make_unique<DnsLookup>(*channel_, std::string(name), family, holder);
  channel_->stats.queries.add();
  lookup->start();
  return lookup;
}

const Resolver::Stats& Resolver::stats() const { return channel_->stats; }

}  // namespace weft::net
