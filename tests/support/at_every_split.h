#pragma once
// at_every_split: runs something over a text cut in every way that matters, and expects the same
// answer as from the whole text.
//
// Cuts: byte by byte, at every single offset, and at every pair of offsets when the text is short.
// Use it for anything that is fed from a stream.

#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weft::testing {

using Pieces = std::vector<std::string_view>;

inline Pieces byte_by_byte(std::string_view text) {
  Pieces pieces;
  for (std::size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
  return pieces;
}

inline Pieces cut_at(std::string_view text, std::size_t first, std::size_t second) {
  return {text.substr(0, first), text.substr(first, second - first), text.substr(second)};
}

// `run` takes Pieces and returns a std::string. Returns what the whole text gave.
template <typename Run>
std::string at_every_split(std::string_view text, Run run, std::size_t pairs_up_to = 96) {
  const std::string whole = run(Pieces{text});
  EXPECT_EQ(run(byte_by_byte(text)), whole) << "byte by byte";
  for (std::size_t first = 1; first < text.size(); ++first) {
    const std::string cut = run(Pieces{text.substr(0, first), text.substr(first)});
    EXPECT_EQ(cut, whole) << "cut at " << first;
    if (cut != whole) return whole;
    for (std::size_t second = first + 1; text.size() <= pairs_up_to && second < text.size();
         ++second) {
      const std::string twice = run(cut_at(text, first, second));
      EXPECT_EQ(twice, whole) << "cut at " << first << " and " << second;
      if (twice != whole) return whole;
    }
  }
  return whole;
}

}  // namespace weft::testing
