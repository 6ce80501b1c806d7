#pragma once
// Command: what every `weft` command has: a name on the command line, options, an exit code.
//
// Exit codes: 0 all is well, 1 what was asked about is not (lint found mistakes, a sidecar is
// behind), 2 it could not be done. Each add_… registers one command; its options live as long as
// the CLI::App. Output goes to stdout, errors to stderr.

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

#include "control/json.h"

namespace weft::control::cli {

inline constexpr int kOk = 0;
inline constexpr int kNotWell = 1;
inline constexpr int kFailed = 2;

inline constexpr const char* kControlAdmin = "127.0.0.1:15014";

// The chosen command's exit code, set by its callback.
struct Outcome {
  int code = kOk;
};

void add_status(CLI::App& app, Outcome& outcome);
void add_lint(CLI::App& app, Outcome& outcome);
void add_explain(CLI::App& app, Outcome& outcome);
void add_route(CLI::App& app, Outcome& outcome);
void add_token(CLI::App& app, Outcome& outcome);
void add_traces(CLI::App& app, Outcome& outcome);
void add_breakers(CLI::App& app, Outcome& outcome);
void add_endpoints(CLI::App& app, Outcome& outcome);
void add_sidecar_config(CLI::App& app, Outcome& outcome);
void add_schema(CLI::App& app, Outcome& outcome);
void add_check(CLI::App& app, Outcome& outcome);
void add_install(CLI::App& app, Outcome& outcome);
void add_uninstall(CLI::App& app, Outcome& outcome);
void add_inject(CLI::App& app, Outcome& outcome);
void add_uninject(CLI::App& app, Outcome& outcome);
void add_version(CLI::App& app, Outcome& outcome);

// "weft: …" on stderr; kFailed.
int complain(const std::string& what);

// What others wrote, without the control characters that a terminal would obey.
[[nodiscard]] std::string printable(std::string_view text);

// A field of a page that others wrote, printable, whatever its type; `otherwise` where there is
// none.
[[nodiscard]] std::string shown(const Json& object, std::string_view key,
                                std::string_view otherwise = "");

}  // namespace weft::control::cli
