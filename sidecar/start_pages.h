#pragma once
// Start pages: what the start alone needed of the program, given back to the system.
//
// Reading a configuration, registering message types and loading OpenSSL touch most of a static
// program's 9 MB of code, since the kernel maps 64 KiB around each touch; serving needs a third of
// it. The pages are only unmapped: the file stays in the page cache, and what is wanted again costs
// a minor fault. Breakpoints that a debugger set before are lost with their pages. Any thread; the
// others may run meanwhile.

namespace weft::sidecar {

void give_back_start_pages();

}  // namespace weft::sidecar
