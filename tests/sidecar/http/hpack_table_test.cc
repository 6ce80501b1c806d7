#include "sidecar/http/hpack_table.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "sidecar/core/slab.h"

namespace weft::http {
namespace {

std::string entries_of(const HpackTable& table) {
  std::string text;
  for (std::size_t i = 0; i < table.entries(); ++i) {
    const HpackTable::Entry* entry = table.at(i);
    text += std::string(entry->name()) + "=" + std::string(entry->value()) + " ";
  }
  return text + std::to_string(table.bytes());
}

TEST(HpackTable, CountsThirtyTwoBytesAnEntryMore) {
  HpackTable table(200);
  EXPECT_EQ(entries_of(table), "0");
  table.insert("a", "1", {});
  EXPECT_EQ(entries_of(table), "a=1 34");
  table.insert("bb", "", {});
  EXPECT_EQ(entries_of(table), "bb= a=1 68");
  EXPECT_EQ(table.at(2), nullptr);
}

TEST(HpackTable, EvictsTheOldest) {
  HpackTable table(100);
  for (const char* name : {"a", "b", "c"}) table.insert(name, "", {});
  EXPECT_EQ(entries_of(table), "c= b= a= 99");
  table.insert("d", "", {});
  EXPECT_EQ(entries_of(table), "d= c= b= 99");
  table.insert("e", std::string(35, 'x'), {});
  EXPECT_EQ(entries_of(table), "e=" + std::string(35, 'x') + " 68")
      << "two had to go, and c with them";
}

TEST(HpackTable, TakesAnEntryOfItsSizeAndIsEmptiedByALargerOne) {
  HpackTable table(40);
  EXPECT_NE(table.insert("name", "1234", {}), nullptr);
  EXPECT_EQ(entries_of(table), "name=1234 40");
  EXPECT_EQ(table.insert("name", "12345", {}), nullptr);
  EXPECT_EQ(entries_of(table), "0");
}

TEST(HpackTable, CopiesTheTextsOfAnEntryThatGoes) {
  HpackTable table(60);
  const HpackTable::Entry* old = table.insert("a-long-name", "1", {});
  const HpackTable::Entry* entry = table.insert(old->name(), "2", {});
  EXPECT_EQ(entry->name(), "a-long-name");
  EXPECT_EQ(entries_of(table), "a-long-name=2 44");
}

TEST(HpackTable, ShrinksAndGrows) {
  HpackTable table(4096);
  for (char c = 'a'; c <= 'z'; ++c) table.insert(std::string(1, c), "", {});
  table.set_bytes_max(70);
  EXPECT_EQ(entries_of(table), "z= y= 66");
  table.set_bytes_max(1000);
  table.insert("new", "", {});
  EXPECT_EQ(entries_of(table), "new= z= y= 101");
  table.set_bytes_max(0);
  EXPECT_EQ(entries_of(table), "0");
  EXPECT_EQ(table.insert("", "", {}), nullptr);
}

TEST(HpackTable, RemembersWhatWasFoundOut) {
  HpackTable table(4096);
  table.insert("host", "\x01", {.id = HeaderId::kHost, .value_valid = false});
  table.insert(":path", "/", {.pseudo = Pseudo::kPath});
  EXPECT_EQ(table.at(0)->traits().pseudo, Pseudo::kPath);
  EXPECT_EQ(table.at(1)->traits().id, HeaderId::kHost);
  EXPECT_TRUE(table.at(1)->traits().name_valid);
  EXPECT_FALSE(table.at(1)->traits().value_valid);
}

// Over many turns of the ring at every size of it, beside a plain list.
TEST(HpackTable, KeepsTheOrderWhileItsRingGrows) {
  HpackTable table(20'000);
  std::vector<std::string> inserted;
  for (std::size_t i = 0; i < 5000; ++i) {
    inserted.push_back(std::to_string(i));
    table.insert(inserted.back(), i % 7 == 0 ? std::string(i % 300, 'v') : "", {});
    if (i % 1000 == 999) table.set_bytes_max(i % 2000 == 999 ? 700 : 20'000);
    for (std::size_t age = 0; age < table.entries(); age += 1 + age / 2)
      ASSERT_EQ(table.at(age)->name(), inserted[i - age]);
    ASSERT_LE(table.bytes(), table.bytes_max());
  }
  EXPECT_EQ(table.inserted(), 5000U);
}

#ifndef WEFT_SANITIZED
// On a thread of its own, whose slabs nobody else fills.
TEST(HpackTable, HasNoMemoryWhileItIsEmpty) {
  std::thread([] {
    HpackTable table(4096);
    const auto fill = [&] {
      for (int i = 0; i < 100; ++i) table.insert("name", "value", {});
    };
    fill();
    const std::size_t kept_by_full = slab_kept_bytes();
    table.clear();
    const std::size_t all = slab_kept_bytes();
    EXPECT_GT(all, kept_by_full + 90 * 64);
    fill();
    EXPECT_LT(slab_kept_bytes(), all - 90 * 64);
    table.set_bytes_max(0);
    EXPECT_EQ(slab_kept_bytes(), all);
  }).join();
}
#endif

}  // namespace
}  // namespace weft::http
