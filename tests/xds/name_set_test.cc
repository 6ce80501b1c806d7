#include "xds/name_set.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "sidecar/core/random.h"

namespace weft::xds {
namespace {

TEST(NamePool, HoldsEachTextOnceAndNoLongerThanItIsHeld) {
  NamePool pool;
  Name first = pool.intern("cart");
  const Name second = pool.intern(std::string("ca") + "rt");
  EXPECT_EQ(first.get(), second.get());
  EXPECT_NE(pool.intern("rest").get(), first.get());
  EXPECT_EQ(pool.size(), 1U) << "nobody holds rest";
  first.reset();
  EXPECT_EQ(pool.size(), 1U);
  EXPECT_EQ(*second, "cart");
}

TEST(NamePool, MayGoBeforeItsNames) {
  Name kept;
  {
    NamePool pool;
    kept = pool.intern("cart");
  }
  EXPECT_EQ(*kept, "cart");
}

std::string set_text(const NameSet& set) {
  std::string out;
  for (const std::string& name : set) out += name + " ";
  return out;
}

TEST(NameSet, IsWhatASetIs) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    NamePool pool;
    NameSet ours;
    std::set<std::string, std::less<>> theirs;
    const auto draw = [&] { return "n" + std::to_string(random.below(40)); };
    for (int step = 0; step < 300; ++step) {
      const std::string name = draw();
      switch (random.below(5)) {
        case 0:
          EXPECT_EQ(ours.insert(pool.intern(name)), theirs.insert(name).second);
          break;
        case 1:
          ours.erase(name);
          theirs.erase(name);
          break;
        case 2: {
          std::vector<Name> more;
          for (int i = 0; i < 6; ++i) {
            const std::string one = draw();
            more.push_back(pool.intern(one));
            theirs.insert(one);
          }
          ours.insert_all(NameSet(std::move(more)));
          break;
        }
        case 3: {
          const auto gone = [&](const std::string& one) { return one.back() == name.back(); };
          ours.erase_if(gone);
          std::erase_if(theirs, gone);
          break;
        }
        default:
          EXPECT_EQ(ours.contains(name), theirs.contains(name));
      }
      ASSERT_EQ(ours.size(), theirs.size());
    }
    std::string expected;
    for (const std::string& name : theirs) expected += name + " ";
    EXPECT_EQ(set_text(ours), expected);
    EXPECT_EQ(pool.size(), theirs.size());
  }
}

TEST(NameSet, AsksOfEachInOrder) {
  NamePool pool;
  NameSet set({pool.intern("c"), pool.intern("a"), pool.intern("b"), pool.intern("a")});
  std::string asked;
  set.erase_if([&](const std::string& name) {
    asked += name;
    return name == "b";
  });
  EXPECT_EQ(asked, "abc");
  EXPECT_EQ(set_text(set), "a c ");
}

}  // namespace
}  // namespace weft::xds
