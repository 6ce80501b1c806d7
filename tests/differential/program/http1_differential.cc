// http1_differential: generated HTTP/1 messages, and what weft's parser makes of them.
//
//   http1_differential compare requests|responses SEED COUNT FILE   against llhttp, by the list
//   FILE http1_differential emit    requests|responses SEED COUNT        for a parser in another
//   language
//
// The messages are those of the seeds SEED to SEED + COUNT - 1. `compare` prints how often each
// class of difference occurred; its exit status is 1 when one is not listed in FILE or never came.

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/differential/generator.h"
#include "tests/differential/ledger.h"
#include "tests/differential/llhttp_reading.h"

namespace {

using namespace weft::differential;

int emit(Kind kind, std::uint64_t seed, std::uint64_t count) {
  std::string out;
  for (std::uint64_t i = seed; i < seed + count; ++i) {
    const std::string text = generate(kind, i);
    out += encode(text, read_by_weft(kind, text));
    if (out.size() < 65536 && i + 1 < seed + count) continue;
    if (std::fwrite(out.data(), 1, out.size(), stdout) != out.size()) return 1;
    out.clear();
  }
  return 0;
}

#ifdef WEFT_LLHTTP
int compare(Kind kind, std::uint64_t seed, std::uint64_t count, const std::string& file) {
  Ledger ledger(file, kind == Kind::kRequests ? "llhttp, requests" : "llhttp, responses");
  for (std::uint64_t i = seed; i < seed + count; ++i) {
    const std::string text = generate(kind, i);
    const std::string what =
        difference(read_by_weft(kind, text), read_by_llhttp(kind, text), "llhttp");
    if (!what.empty()) ledger.note(what, text);
  }
  std::printf("%s%llu of %llu messages read differently\n", ledger.table().c_str(),
              static_cast<unsigned long long>(ledger.noted()),
              static_cast<unsigned long long>(count));
  for (const std::string& line : ledger.unlisted()) std::printf("NOT LISTED: %s\n", line.c_str());
  for (const std::string& line : ledger.never()) std::printf("NEVER: %s\n", line.c_str());
  return ledger.unlisted().empty() && ledger.never().empty() ? 0 : 1;
}
#else
int compare(Kind, std::uint64_t, std::uint64_t, const std::string&) {
  std::fprintf(stderr, "llhttp is not installed (Debian package node-llhttp)\n");
  return 2;
}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const std::string_view kind = argc > 2 ? argv[2] : "";
  const bool known = kind == "requests" || kind == "responses";
  if (!known || (what != "emit" && what != "compare") || argc != (what == "emit" ? 5 : 6)) {
    std::fprintf(stderr, "see the top of http1_differential.cc\n");
    return 2;
  }
  const Kind messages = kind == "requests" ? Kind::kRequests : Kind::kResponses;
  const std::uint64_t seed = std::strtoull(argv[3], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[4], nullptr, 10);
  return what == "emit" ? emit(messages, seed, count) : compare(messages, seed, count, argv[5]);
}
