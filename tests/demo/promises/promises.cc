#include "tests/demo/promises/promises.h"

#include <algorithm>

namespace weft::demo {

const std::vector<Promise>& promises() {
  static const std::vector<Promise> table = {
      {"split-90-10", "10,000 requests under 90/10 come out within 1 per 1,000",
       "the route says 80/20", keep_split_90_10},
      {"edit-moves-live",
       "an edit of the YAML moves live traffic on kept connections in under 1 s, and nothing fails",
       "the edit is never saved", keep_edit_moves_live},
      {"split-99-1", "10,000 requests under 99/1 come out within 1 per 1,000",
       "ledger forgets to note one number in a hundred", keep_split_99_1},
      {"app-killed",
       "an app dies by kill -9 behind its living sidecar: only requests in flight at it may fail",
       "every app of cart is killed", keep_app_killed},
      {"control-killed",
       "the control plane dies by kill -9 under load and comes back: nothing fails, and every "
       "sidecar is back within 5 s",
       "the control plane does not come back", keep_control_killed},
      {"bad-push",
       "a bad YAML file is reported with file and line, also across a restart of the control "
       "plane, and changes nothing",
       "the file is a good one, with other weights", keep_bad_push},
      {"refusals",
       "who has no certificate, one of another root, or the wrong name is refused, at both ends, "
       "each with its metric",
       "everybody shows a good certificate", keep_refusals},
      {"trace", "one trace links web, cart and ledger, every span under the right parent",
       "cart does not pass the trace headers on", keep_trace},
      {"instance-killed",
       "one of two instances dies by kill -9, app and sidecar: only requests in flight at it may "
       "fail",
       "every instance of cart is killed", keep_instance_killed},
      {"certificates-renewed",
       "certificates of short life are renewed ten times under load: nothing fails, and every new "
       "handshake finds a good one",
       "the control plane, which signs them, is gone", keep_certificates_renewed},
      {"identities", "at every hop the peer proved to be who it should",
       "somebody with another service account of the mesh calls web", keep_identities},
  };
  return table;
}

const Promise* find_promise(std::string_view name) {
  const auto found = std::ranges::find(promises(), name, &Promise::name);
  return found == promises().end() ? nullptr : &*found;
}

}  // namespace weft::demo
