#include "telemetry/metrics.h"

#include <gtest/gtest.h>

#include <set>

namespace weft::telemetry {
namespace {

struct One {
  Counter count;
  void clear() { count.clear(); }
};
using Table = SeriesTable<One>;

SeriesBits key(std::uint64_t n) { return {n, n * 7, 0}; }

std::uint64_t total(const Table& table) {
  std::uint64_t sum = 0;
  table.for_each([&sum](const Table::Entry& entry) { sum += entry.values.count.value(); });
  return sum;
}

std::size_t size(const Table& table) {
  std::size_t entries = 0;
  table.for_each([&entries](const Table::Entry&) { ++entries; });
  return entries;
}

TEST(SeriesTable, FindsWhatItAdded) {
  Table table(1000, 0);
  for (std::uint64_t round = 0; round < 3; ++round) {
    for (std::uint64_t n = 0; n < 1000; ++n) table.find_or_add(key(n), 1)->values.count.add();
  }
  EXPECT_EQ(size(table), 1000u);
  EXPECT_EQ(total(table), 3000u);
  for (std::uint64_t n = 0; n < 1000; ++n)
    EXPECT_EQ(table.find_or_add(key(n), 1)->values.count.value(), 3u);
}

TEST(SeriesTable, IsBoundedAndHasItsReserve) {
  Table table(10, 1);
  for (std::uint64_t n = 0; n < 10; ++n) ASSERT_NE(table.find_or_add(key(n), 1), nullptr);
  EXPECT_EQ(table.find_or_add(key(99), 1), nullptr);
  Table::Entry* other = table.find_or_add(key(1000), 1, true);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(table.find_or_add(key(1000), 1, true), other);
  EXPECT_NE(table.find_or_add(key(5), 1), nullptr);
}

TEST(SeriesTable, ARetiredSeriesIsInvisibleAndStartsAgainAtZero) {
  Table table(10, 0);
  table.find_or_add(key(1), 1)->values.count.add(5);
  table.find_or_add(key(2), 1)->values.count.add(7);
  table.retire(2, [](const SeriesBits& bits) { return bits == key(1); });
  EXPECT_EQ(total(table), 7u);
  table.find_or_add(key(1), 2)->values.count.add();
  EXPECT_EQ(total(table), 8u);
}

TEST(SeriesTable, GivesTheRoomOfRetiredSeriesToNewOnesFromTheNextEpochOn) {
  Table table(100, 0);
  for (std::uint64_t n = 0; n < 100; ++n) table.find_or_add(key(n), 1)->values.count.add();
  table.retire(2, [](const SeriesBits& bits) { return bits[0] % 2 == 0; });
  EXPECT_EQ(table.find_or_add(key(500), 2), nullptr);
  for (std::uint64_t n = 500; n < 550; ++n) {
    Table::Entry* entry = table.find_or_add(key(n), 3);
    ASSERT_NE(entry, nullptr) << n;
    EXPECT_EQ(entry->values.count.value(), 0u);
    entry->values.count.add(3);
  }
  EXPECT_EQ(table.find_or_add(key(550), 3), nullptr);
  EXPECT_EQ(size(table), 100u);
  for (std::uint64_t n = 1; n < 100; n += 2)
    EXPECT_EQ(table.find_or_add(key(n), 3)->values.count.value(), 1u);
  for (std::uint64_t n = 500; n < 550; ++n)
    EXPECT_EQ(table.find_or_add(key(n), 3)->values.count.value(), 3u);
}

TEST(SeriesTable, APinnedOrReservedSeriesIsNeverRetired) {
  Table table(1, 1);
  Table::Entry* pinned = table.find_or_add(key(1), 1);
  table.pin(*pinned);
  pinned->values.count.add();
  table.find_or_add(key(2), 1, true)->values.count.add();
  const auto all = [](const SeriesBits&) { return true; };
  table.retire(2, all);
  EXPECT_EQ(total(table), 2u);
  table.unpin(*pinned, 2);
  table.retire(3, all);
  EXPECT_EQ(total(table), 1u);
}

TEST(SeriesTable, PinningARetiredSeriesRevivesIt) {
  Table table(1, 0);
  Table::Entry* entry = table.find_or_add(key(1), 1);
  entry->values.count.add(9);
  table.retire(2, [](const SeriesBits&) { return true; });
  table.pin(*entry);
  entry->values.count.add();
  EXPECT_EQ(total(table), 1u);
}

AccessRecord request(std::uint16_t status = 200) {
  AccessRecord record;
  record.status = status;
  record.source = intern_peer({.workload = intern("web")});
  record.destination = intern_peer({.workload = intern("cart")});
  record.service = intern_service({.host = intern("cart.shop")});
  return record;
}

TEST(SeriesKey, EveryFieldSurvivesPackingAndMakesADifference) {
  SeriesKey base = SeriesKey::of(request());
  std::set<SeriesBits> seen{base.pack()};
  EXPECT_EQ(SeriesKey::unpack(base.pack()), base);
  const auto differs = [&](auto change) {
    SeriesKey changed = base;
    change(changed);
    EXPECT_EQ(SeriesKey::unpack(changed.pack()), changed);
    EXPECT_TRUE(seen.insert(changed.pack()).second);
  };
  differs([](SeriesKey& k) { k.source = static_cast<PeerId>(0xffff'fffe); });
  differs([](SeriesKey& k) { k.destination = static_cast<PeerId>(0xffff'fffe); });
  differs([](SeriesKey& k) { k.service = static_cast<ServiceId>(0xffff'fffe); });
  differs([](SeriesKey& k) { k.flags.set(Flag::kDownstreamRemoteReset); });
  differs([](SeriesKey& k) { k.status = 599; });
  differs([](SeriesKey& k) { k.grpc_status = 16; });
  differs([](SeriesKey& k) { k.cause = Cause::kInternal; });
  differs([](SeriesKey& k) { k.direction = Direction::kOutbound; });
  differs([](SeriesKey& k) { k.protocol = RequestProtocol::kTcp; });
  differs([](SeriesKey& k) { k.security = SecurityPolicy::kMutualTls; });
}

TEST(SeriesKey, CodesNobodyDefinedDoNotBecomeLabels) {
  AccessRecord record = request(999);
  record.grpc_status = 100;
  EXPECT_EQ(SeriesKey::of(record).status, 0);
  EXPECT_EQ(SeriesKey::of(record).grpc_status, 2);
  record.grpc_status = -7;
  EXPECT_EQ(SeriesKey::of(record).grpc_status, SeriesKey::kNoGrpc);
}

}  // namespace
}  // namespace weft::telemetry
