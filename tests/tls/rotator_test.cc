// Rotator: when it asks, what it believes, what it does while the issuer is ill. Time is moved by
// hand, both kinds of it.
#include "tls/rotator.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/tls/identities.h"
#include "tls/certificate.h"
#include "tls/csr.h"

namespace weft::tls::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

WallTime wall = WallTime(seconds(1'900'000'000));
WallTime read_wall() { return wall; }

class FakeIssuer final : public CertificateIssuer {
 public:
  struct Pending final : public Request {
    FakeIssuer& issuer;
    explicit Pending(FakeIssuer& i) : issuer(i) {}
    ~Pending() override { issuer.holder = nullptr; }
  };
  std::vector<std::string> requests;
  Holder* holder = nullptr;

  std::unique_ptr<Request> request(std::string csr_pem, Holder& h) override {
    requests.push_back(std::move(csr_pem));
    holder = &h;
    return std::make_unique<Pending>(*this);
  }
};

class Rotation : public ::testing::Test, public Rotator::Owner {
 protected:
  const SpiffeId id_ = SpiffeId::make("cluster.local", "shop", "cart").value();
  Turn turn_{TimePoint{}};
  Random random_{7};
  FakeIssuer issuer_;
  Key root_key_ = Key::generate().value();
  std::string root_ = make_root(root_key_, {.now = wall}).value();
  Rotator rotator_{turn_, random_, issuer_, *this, {.id = id_, .wall_clock = &read_wall}};
  std::vector<std::shared_ptr<const TlsMaterial>> materials_;
  std::vector<std::pair<std::string, Duration>> failures_;

  void on_material(std::shared_ptr<const TlsMaterial> material) override {
    materials_.push_back(std::move(material));
  }
  void on_rotation_failed(const Error& error, Duration left) override {
    failures_.emplace_back(error.detail, left);
  }

  void pass(Duration duration) {
    const WallTime end = wall + duration;
    while (wall < end) {
      const Duration step = std::min<Duration>(end - wall, seconds(30));
      wall += step;
      turn_.advance(turn_.now() + step);
      turn_.end();
    }
  }
  // Until a request is under way, at most so long.
  void pass_until_asked(Duration limit) {
    for (const WallTime end = wall + limit; wall < end && issuer_.holder == nullptr;)
      pass(seconds(30));
  }
  [[nodiscard]] Issued issue(Duration lifetime = hours(24)) {
    const CsrInfo csr = parse_csr(issuer_.requests.back()).value();
    return {sign_leaf({root_key_, root_}, csr.public_key,
                      {.id = id_, .lifetime = lifetime, .now = wall})
                .value(),
            root_};
  }
  void grant(Duration lifetime = hours(24)) {
    const Issued issued = issue(lifetime);
    issuer_.holder->on_issued(issued);
  }
};

TEST_F(Rotation, AsksAtOnceForItsOwnName) {
  rotator_.start();
  ASSERT_EQ(issuer_.requests.size(), 1U);
  EXPECT_TRUE(check_csr_names(parse_csr(issuer_.requests[0]).value(), id_).has_value());
  EXPECT_EQ(rotator_.material(), nullptr);
  grant();
  ASSERT_EQ(materials_.size(), 1U);
  EXPECT_EQ(materials_[0], rotator_.material());
  EXPECT_EQ(rotator_.state(), Rotator::State::kWaiting);
  EXPECT_EQ(rotator_.not_after(), wall + hours(24));
  // The material works as it is.
  const auto library = Library::make();
  EXPECT_TRUE(ServerContext::make(*materials_[0], server_settings(), library).has_value());
}

TEST_F(Rotation, RenewsAtHalfLifeGiveOrTakeATenth) {
  rotator_.start();
  grant(hours(24));
  pass(hours(10) + minutes(40));
  EXPECT_EQ(issuer_.requests.size(), 1U);
  pass_until_asked(hours(2) + minutes(40));
  ASSERT_EQ(issuer_.requests.size(), 2U);
  EXPECT_EQ(rotator_.material(), materials_[0]) << "the old one stays in use while asking";
  grant();
  ASSERT_EQ(materials_.size(), 2U);
  EXPECT_NE(materials_[0]->version, materials_[1]->version);
  EXPECT_NE(materials_[0]->key_pem, materials_[1]->key_pem) << "a new key for each certificate";
  EXPECT_EQ(rotator_.renewals(), 2U);
}

TEST_F(Rotation, SpreadsAFleetThatStartedTogether) {
  std::vector<Duration> moments;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    FakeIssuer issuer;
    Turn turn{TimePoint{}};
    Rotator rotator(turn, random, issuer, *this, {.id = id_, .wall_clock = &read_wall});
    rotator.start();
    const CsrInfo csr = parse_csr(issuer.requests.back()).value();
    issuer.holder->on_issued(
        {sign_leaf({root_key_, root_}, csr.public_key, {.id = id_, .now = wall}).value(), root_});
    const WallTime begin = wall;
    while (issuer.requests.size() == 1) {
      wall += minutes(1);
      turn.advance(turn.now() + minutes(1));
    }
    moments.push_back(wall - begin);
    wall = begin;
  }
  const auto [first, last] = std::minmax_element(moments.begin(), moments.end());
  EXPECT_GT(*last - *first, hours(1));
  EXPECT_GT(*first, hours(10));
  EXPECT_LT(*last, hours(14));
}

TEST_F(Rotation, NoticesAClockSetForward) {
  rotator_.start();
  grant(hours(24));
  wall += hours(20);
  turn_.advance(turn_.now() + minutes(6));
  EXPECT_EQ(issuer_.requests.size(), 2U);
}

TEST_F(Rotation, DoesNotHurryWhenTheClockIsSetBack) {
  rotator_.start();
  grant(hours(24));
  wall -= hours(5);
  for (int i = 0; i < 100; ++i) turn_.advance(turn_.now() + minutes(1));
  EXPECT_EQ(issuer_.requests.size(), 1U);
}

TEST_F(Rotation, TriesAgainWithBackoffAndKeepsTheOldCertificate) {
  rotator_.start();
  grant(hours(24));
  pass_until_asked(hours(14));
  ASSERT_EQ(issuer_.requests.size(), 2U);
  issuer_.holder->on_issue_failed(Error{Fault::kConnect, Side::kUpstream, "control plane is away"});
  EXPECT_EQ(rotator_.state(), Rotator::State::kBackingOff);
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_EQ(failures_[0].first, "control plane is away");
  EXPECT_GT(failures_[0].second, hours(9));
  for (int i = 0; i < 20; ++i) {
    pass(seconds(31));
    ASSERT_EQ(rotator_.state(), Rotator::State::kAsking) << i;
    issuer_.holder->on_issue_failed(Error{Fault::kConnect, Side::kUpstream, "still away"});
  }
  EXPECT_EQ(materials_.size(), 1U);
  EXPECT_EQ(rotator_.material(), materials_[0]);
  pass(seconds(31));
  grant();
  EXPECT_EQ(materials_.size(), 2U);
}

TEST_F(Rotation, SaysSoWhenTheCertificateHasExpired) {
  rotator_.start();
  grant(hours(1));
  for (int i = 0; i < 3; ++i) {
    pass(hours(1));
    if (issuer_.holder != nullptr)
      issuer_.holder->on_issue_failed(Error{Fault::kConnect, Side::kUpstream, "away"});
  }
  EXPECT_LT(failures_.back().second, Duration::zero());
  EXPECT_EQ(rotator_.material(), materials_[0]);
}

TEST_F(Rotation, GivesUpOnAnIssuerThatDoesNotAnswer) {
  rotator_.start();
  pass(seconds(9));
  EXPECT_NE(issuer_.holder, nullptr);
  turn_.advance(turn_.now() + seconds(2));
  EXPECT_EQ(issuer_.holder, nullptr) << "the request was dropped";
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_EQ(failures_[0].second, Duration::zero());
}

TEST_F(Rotation, NeverAsksInATightLoop) {
  rotator_.start();
  for (int i = 0; i < 1000; ++i) {
    if (issuer_.holder != nullptr) issuer_.holder->on_issue_failed(Error{});
    turn_.advance(turn_.now() + milliseconds(10));
  }
  EXPECT_LE(issuer_.requests.size(), 30U) << "in ten seconds";
}

TEST_F(Rotation, NeverAsksInATightLoopForCertificatesThatHardlyLive) {
  rotator_.start();
  for (int i = 0; i < 1000; ++i) {
    if (issuer_.holder != nullptr) grant(seconds(1));
    wall += milliseconds(10);
    turn_.advance(turn_.now() + milliseconds(10));
  }
  EXPECT_LE(issuer_.requests.size(), 25U) << "in ten seconds";
}

TEST_F(Rotation, BelievesOnlyWhatItAskedFor) {
  struct Case {
    const char* why;
    std::string chain;
    std::string roots;
  };
  rotator_.start();
  const Key other_key = Key::generate().value();
  const auto sign = [&](const Key& key, const SpiffeId& id, WallTime now) {
    return sign_leaf({root_key_, root_}, key, {.id = id, .lifetime = hours(1), .now = now}).value();
  };
  const auto asked_key = [&] { return parse_csr(issuer_.requests.back()).value().public_key; };
  const SpiffeId web = SpiffeId::make("cluster.local", "shop", "web").value();
  const Case cases[] = {
      {"another key", sign(other_key, id_, wall), root_},
      {"another identity", sign(asked_key(), web, wall), root_},
      {"expired", sign(asked_key(), id_, wall - hours(2)), root_},
      {"no chain", "", root_},
      {"no roots", sign(asked_key(), id_, wall), ""},
  };
  for (const Case& c : cases) {
    // The key changes with each request, so only the first case's failure is about what the case
    // says; each must fail.
    issuer_.holder->on_issued({c.chain, c.roots});
    EXPECT_EQ(rotator_.state(), Rotator::State::kBackingOff) << c.why;
    EXPECT_TRUE(materials_.empty());
    pass(seconds(31));
  }
  grant();
  EXPECT_EQ(materials_.size(), 1U);
}

TEST_F(Rotation, RefusesTheRightKeyWithAWrongNameAndOldOnes) {
  rotator_.start();
  const Key asked = parse_csr(issuer_.requests.back()).value().public_key;
  const SpiffeId web = SpiffeId::make("cluster.local", "shop", "web").value();
  issuer_.holder->on_issued(
      {sign_leaf({root_key_, root_}, asked, {.id = web, .now = wall}).value(), root_});
  EXPECT_NE(failures_.back().first.find("is for 'spiffe://cluster.local/ns/shop/sa/web'"),
            std::string::npos);
  pass(seconds(31));
  const Key again = parse_csr(issuer_.requests.back()).value().public_key;
  issuer_.holder->on_issued({sign_leaf({root_key_, root_}, again,
                                       {.id = id_, .lifetime = hours(1), .now = wall - hours(2)})
                                 .value(),
                             root_});
  EXPECT_NE(failures_.back().first.find("has expired"), std::string::npos);
}

TEST_F(Rotation, TakesNewRootsWithoutANewCertificate) {
  const std::string more =
      root_ + make_root(Key::generate().value(), {.trust_domain = "other.example"}).value();
  EXPECT_FALSE(rotator_.replace_roots(more).has_value());
  rotator_.start();
  grant();
  const auto before = rotator_.material();
  EXPECT_FALSE(rotator_.replace_roots("nonsense").has_value());
  EXPECT_TRUE(rotator_.replace_roots(root_).has_value());
  EXPECT_EQ(rotator_.material(), before);
  EXPECT_TRUE(rotator_.replace_roots(more).has_value());
  EXPECT_NE(rotator_.material()->version, before->version);
  EXPECT_EQ(rotator_.material()->key_pem, before->key_pem);
  EXPECT_EQ(rotator_.material()->roots_pem, more);
}

TEST_F(Rotation, SleepsBetweenItsLooksAtTheClock) {
  rotator_.start();
  grant(hours(24));
  pass(seconds(60));  // the wheel looks once more where the request's deadline was filed
  const auto wake = turn_.wheel().next_wake();
  ASSERT_TRUE(wake.has_value());
  EXPECT_GE(*wake - turn_.now(), minutes(3));
}

}  // namespace
}  // namespace weft::tls::testing
