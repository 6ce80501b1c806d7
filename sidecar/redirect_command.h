#pragma once
// `weft-sidecar redirect apply|check|remove|print`: the command line of sidecar/redirect. Runs
// where the pod's init container does: as root (CAP_NET_ADMIN), in the pod's network namespace,
// before anything listens or calls.

namespace weft::sidecar {

// `argv[0]` is "redirect". 0: done, or as wanted; 1: it could not be done, or check found
// differences (one line each); 2: wrong usage.
[[nodiscard]] int run_redirect(int argc, char** argv);

}  // namespace weft::sidecar
