#pragma once
// Pieces of HTTP/1 by which a seeded hand bends a message: put where they do not belong, they are
// what parsers come to disagree over.

#include <array>
#include <string_view>

namespace weft::testing {

inline constexpr auto kHttp1Bends =
    std::to_array<std::string_view>({"\r\n",
                                     "\n",
                                     "\r",
                                     "\r\n\r\n",
                                     " ",
                                     "\t",
                                     ":",
                                     ",",
                                     ";",
                                     "\x0b",
                                     "\x0c",
                                     std::string_view("\0", 1),
                                     "\x80",
                                     "\xff",
                                     "0",
                                     "1",
                                     "5",
                                     "a",
                                     "f",
                                     "+",
                                     "-",
                                     "_",
                                     "x",
                                     "0x",
                                     "chunked",
                                     "Content-Length: 1\r\n",
                                     "Content-Length: 10\r\n",
                                     "Transfer-Encoding: chunked\r\n",
                                     "Transfer-Encoding: identity\r\n",
                                     "Connection: close\r\n",
                                     "Upgrade: h2c\r\n",
                                     "\r\n ",
                                     "\r\n\t",
                                     " HTTP/1.1",
                                     "HTTP/1.0",
                                     "GET / HTTP/1.1\r\n",
                                     "Host: x\r\n",
                                     "0\r\n\r\n",
                                     "\"",
                                     ";a=\"b\"",
                                     "#",
                                     "%00",
                                     "/",
                                     "\\",
                                     "(",
                                     "\x7f"});

}  // namespace weft::testing
