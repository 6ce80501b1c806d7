// Several weft-control of one cluster: whichever is asked, `weft status` knows the sidecars of all;
// and says so where one of them is silent.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "control/cli/status.h"
#include "tests/control/replica_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::AdminPorts;
using testing::FakeApiServer;
using testing::make_control_pod;
using testing::make_pod;
using testing::make_service;
using testing::Replica;
using testing::ReplicaCaller;

constexpr const char* kReplicaPods = "/api/v1/pods";

class Replicas : public ::testing::Test {
 protected:
  Replicas() : api_(rig_) {
    api_.serve_core();
    api_.more_tokens.insert("second");
    api_.put("/api/v1/services", make_service("cart"));
    api_.put(kReplicaPods, make_pod("cart-a", "10.1.0.1", "cart"));
    api_.put(kReplicaPods, make_pod("cart-b", "10.1.0.2", "cart"));
    api_.put(kReplicaPods, make_control_pod("secret", "10.9.0.1"));
    api_.put(kReplicaPods, make_control_pod("second", "10.9.0.2"));
    first_ = std::make_unique<Replica>(rig_, "secret", ports_);
    rig_.pass(2s);
    second_ = std::make_unique<Replica>(rig_, "second", ports_);
    rig_.pass(2s);
    ports_.at["10.9.0.1:15014"] = &first_->control->admin();
    ports_.at["10.9.0.2:15014"] = &second_->control->admin();
    a_ = std::make_unique<ReplicaCaller>(rig_, *first_, "cart-a", "cart");
    b_ = std::make_unique<ReplicaCaller>(rig_, *second_, "cart-b", "cart");
    rig_.pass(5s);
  }
  ~Replicas() override {
    a_.reset();
    b_.reset();
    first_.reset();
    second_.reset();
    rig_.turn.end();
  }

  // "cart-a current, cart-b current": as that replica's /mesh has it.
  static std::string seen_by(const Replica& replica) {
    const auto page = FakeApiServer::Json::parse(replica.control->mesh_page());
    std::string out;
    for (const auto& sidecar : page["sidecars"]) {
      out += (out.empty() ? "" : ", ") + sidecar["workload"].get<std::string>().substr(5) + " " +
             sidecar["state"].get<std::string>();
      if (sidecar.contains("replica")) out += " at " + sidecar["replica"].get<std::string>();
    }
    return out;
  }
  static cli::StatusPage status_of(const Replica& replica) {
    return cli::make_status_page(replica.control->mesh_page()).value();
  }

  xds::testing::WireRig rig_;
  FakeApiServer api_;
  AdminPorts ports_{rig_};
  std::unique_ptr<Replica> first_;
  std::unique_ptr<Replica> second_;
  std::unique_ptr<ReplicaCaller> a_;
  std::unique_ptr<ReplicaCaller> b_;
};

TEST_F(Replicas, EachKnowsTheSidecarsOfAll) {
  EXPECT_EQ(a_->last_error() + b_->last_error(), "");
  EXPECT_EQ(seen_by(*first_), "cart-a current, cart-b current at 10.9.0.2:15014");
  EXPECT_EQ(seen_by(*second_), "cart-a current at 10.9.0.1:15014, cart-b current");
  for (const Replica* replica : {first_.get(), second_.get()}) {
    const cli::StatusPage page = status_of(*replica);
    EXPECT_TRUE(page.well) << page.text;
    EXPECT_NE(page.text.find("2 of 2 sidecars connected, 2 current, 1 weft-control beside this"),
              std::string::npos)
        << page.text;
  }
}

TEST_F(Replicas, WhatASidecarRefusesElsewhereIsToldHere) {
  b_->refuse = "outbound|80||ledger.shop.svc.cluster.local";
  api_.put("/api/v1/services", make_service("ledger"));
  rig_.pass(5s);
  EXPECT_EQ(seen_by(*first_), "cart-a current, cart-b refused at 10.9.0.2:15014");
  const cli::StatusPage page = status_of(*first_);
  EXPECT_FALSE(page.well);
  EXPECT_NE(page.text.find("refused by shop/cart-b: Cluster: "), std::string::npos) << page.text;
  EXPECT_NE(page.text.find("not with me"), std::string::npos) << page.text;
}

TEST_F(Replicas, OneThatIsSilentIsSaidAndSoAreItsSidecars) {
  ports_.at.erase("10.9.0.2:15014");
  rig_.cut();
  rig_.pass(30s);
  const cli::StatusPage page = status_of(*first_);
  EXPECT_EQ(seen_by(*first_), "cart-a current, cart-b missing");
  EXPECT_FALSE(page.well);
  EXPECT_NE(page.text.find("warning: weft-control at 10.9.0.2:15014 does not answer"),
            std::string::npos)
      << page.text;
}

// Its stream to the first is dead, which nobody has noticed there yet.
TEST_F(Replicas, ASidecarThatHasMovedIsWhereItsNewestStreamIs) {
  ReplicaCaller moved(rig_, *second_, "cart-a", "cart");
  rig_.pass(5s);
  EXPECT_EQ(seen_by(*first_), "cart-a current at 10.9.0.2:15014, cart-b current at 10.9.0.2:15014");
  EXPECT_EQ(seen_by(*second_), "cart-a current, cart-b current");
}

}  // namespace
}  // namespace weft::control
