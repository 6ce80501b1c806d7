#pragma once
// Promises: what `--once` tries, each a function in a file of its own, and how each is broken on
// purpose so that its check is seen to notice.
//
// A promise leaves the stage as it found it: everything running, the route of cart at 90/10. With
// `broken` it does what the table says instead, and its verdict must be red. Blocking.

#include <string_view>
#include <vector>

#include "tests/demo/scene.h"
#include "tests/demo/verdict.h"

namespace weft::demo {

struct Promise {
  std::string_view name;
  std::string_view sentence;
  std::string_view how_broken;  // with --break
  void (*keep)(Scene& scene, bool broken, Verdict& verdict);
};

// In the order in which they are tried.
[[nodiscard]] const std::vector<Promise>& promises();
[[nodiscard]] const Promise* find_promise(std::string_view name);

void keep_split_90_10(Scene& scene, bool broken, Verdict& verdict);
void keep_split_99_1(Scene& scene, bool broken, Verdict& verdict);
void keep_edit_moves_live(Scene& scene, bool broken, Verdict& verdict);
void keep_app_killed(Scene& scene, bool broken, Verdict& verdict);
void keep_instance_killed(Scene& scene, bool broken, Verdict& verdict);
void keep_control_killed(Scene& scene, bool broken, Verdict& verdict);
void keep_bad_push(Scene& scene, bool broken, Verdict& verdict);
void keep_refusals(Scene& scene, bool broken, Verdict& verdict);
void keep_trace(Scene& scene, bool broken, Verdict& verdict);
void keep_identities(Scene& scene, bool broken, Verdict& verdict);
void keep_certificates_renewed(Scene& scene, bool broken, Verdict& verdict);

}  // namespace weft::demo
