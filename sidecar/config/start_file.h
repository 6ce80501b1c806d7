#pragma once
// StartFile: the text that a sidecar of the mesh starts from: who it is, where the control plane
// is, how it proves itself. Written for a Workload by `weft sidecar-config`, and by a sidecar in a
// pod for itself, from its environment.
//
// The subset of Envoy's Bootstrap that weft-sidecar reads, with weft.bootstrap.v1.Mesh for the rest
// (decisions A2). Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/core/address.h"

namespace weft::config {

struct StartFile {
  std::string title;  // what it is, for people: a comment of one line
  std::string node_id;
  std::string cluster;
  std::string region;
  std::string zone;
  std::string node;  // the machine it runs on, as endpoints name it; empty: not known
  SocketAddress admin;
  bool tells_admin = false;  // the control plane too, for whoever asks it where the pages are
  std::string control_host;  // a name or an address
  std::uint16_t control_port = 0;
  std::string control_id;  // SPIFFE URI
  std::string token_file;  // empty: none
  std::vector<std::string> roots_sha256;
  std::string trust_domain;
  std::string name_space;
  std::string service_account;
  std::string workload;
  std::string canonical_service;
  std::string canonical_revision;
  std::vector<std::uint16_t> app_ports;
};

// YAML. Whatever the values hold, they stay values.
[[nodiscard]] std::string write_start_file(const StartFile& file);

}  // namespace weft::config
