#pragma once
// ClientState: what a client of ADS has asked for, holds and must say next. Events in, requests
// out; no I/O, no clock.
//
//   subscribe() ──> next_request() … to the server
//   response ──read()──> Update ──(judged by the owner)──conclude()──> an ACK or a NACK in
//   next_request()
//
// One bad resource does not spoil a response: it is refused by name, its last good version stays,
// the others apply, and the NACK lists what was refused (2.7; gRFC A46). What has not changed since
// it was accepted is not in the Update at all. Subscription changes are sent before answers, and
// apart from them: the server then knows what a new listener needs before it hears that the
// listener arrived, and can tell the end of a push from a pause in it. Stays over streams: open()
// begins one, close() ends it; versions held are resumed (2.2.10, 2.3.7). Owner: AdsClient. Thread:
// its loop's. Source: xDS v3 reference, sections 2.2, 2.3, 2.7; threats.md CP-01, CP-02.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sidecar/core/clock.h"
#include "xds/ads.h"
#include "xds/proto/discovery.pb.h"

namespace weft::xds {

class ClientState final {
 public:
  static constexpr std::size_t kNackBytesMax = 4096;
  static constexpr std::size_t kReasonBytesMax = 1024;  // kept of each refused resource

  using Request = std::variant<envoy::service::discovery::v3::DiscoveryRequest,
                               envoy::service::discovery::v3::DeltaDiscoveryRequest>;

  struct Change {
    std::string name;
    std::string version;
    google::protobuf::Any body;
    std::uint64_t digest = 0;
  };
  // A response, read. `changed` and `removed` are for the owner to judge and apply.
  struct Update {
    std::string type;  // full name of the message
    std::string version;
    std::string nonce;
    std::vector<Change> changed;
    // No longer there, or asked for by name and not there. The owner cannot refuse these.
    std::vector<std::string> removed;
    std::vector<Refusal> refused;        // for what they are, before anybody looked inside
    std::vector<std::string> confirmed;  // held already, in another version of the same content
    std::size_t ignored = 0;             // nobody asked for them
  };

  // What is known of one resource; for config_dump and `weft status`.
  struct Record {
    std::string version;  // of the last accepted content; empty: none
    std::uint64_t digest = 0;
    bool held = false;
    bool absent = false;  // the server said so
    WallTime accepted_at{};
    std::string refused_version;
    std::string refused_why;  // empty: the newest that came was accepted
    WallTime refused_at{};
  };
  using Records = std::map<std::string, Record, std::less<>>;

  struct TypeReport {
    std::string version;
    std::uint64_t accepted = 0;  // responses
    std::uint64_t rejected = 0;
    std::uint64_t ignored = 0;  // resources
    std::uint64_t refused = 0;  // resources, each time
    const Interest* interest = nullptr;
    const Records* records = nullptr;
  };

  ClientState(Variant variant, envoy::config::core::v3::Node node)
      : variant_(variant), node_(std::move(node)) {}

  // Replaces what is wanted of a type. What is no longer wanted is forgotten.
  void subscribe(std::string_view type, Interest interest);

  // A stream is up: everything must be asked for again. / It is gone: what was not answered never
  // will be.
  void open();
  void close();

  // The next thing to say, in order; nothing when all is said. REQUIRES an open stream.
  [[nodiscard]] std::optional<Request> next_request();

  // Every Update must be concluded before the next response is read.
  [[nodiscard]] Update read(envoy::service::discovery::v3::DiscoveryResponse&& response);
  [[nodiscard]] Update read(envoy::service::discovery::v3::DeltaDiscoveryResponse&& response);
  // `refusals` are the owner's, of names in update.changed.
  void conclude(Update&& update, std::vector<Refusal> refusals, WallTime now);

  [[nodiscard]] Variant variant() const { return variant_; }
  [[nodiscard]] std::map<std::string, TypeReport, std::less<>> report() const;

 private:
  struct Type {
    Interest interest;
    Records records;
    std::string version;  // SotW: of the last response accepted whole
    std::uint64_t accepted = 0;
    std::uint64_t rejected = 0;
    std::uint64_t ignored = 0;
    std::uint64_t refused = 0;
    // Of this stream:
    std::string nonce;  // of the latest response
    bool asked = false;
    bool dirty = false;           // the server's idea of the interest is old
    bool explicit_names = false;  // SotW: an empty list of names no longer means everything
    Interest told;                // delta: what the server knows
    std::set<std::string, std::less<>> again;  // delta: dropped and wanted again since
  };
  struct Answer {
    std::string type;
    std::string nonce;
    std::string version;
    std::string why;  // not empty: a NACK
  };
  struct Arrival;

  [[nodiscard]] Type* find(std::string_view type);
  [[nodiscard]] bool has_news(std::string_view name, const Type& type) const;
  void sort_in(Update& update, Type& type, std::vector<Arrival>&& arrivals);
  void find_absent(Update& update, const Type& type, const std::vector<Arrival>& arrivals) const;
  [[nodiscard]] Request make_subscription(const std::string& name, Type& type);
  [[nodiscard]] Request make_answer(Answer&& answer);
  void fill_names(envoy::service::discovery::v3::DiscoveryRequest& request, std::string_view name,
                  Type& type) const;
  void fill_names(envoy::service::discovery::v3::DeltaDiscoveryRequest& request,
                  std::string_view name, Type& type) const;
  template <typename Message>
  void sign(Message& request);

  Variant variant_;
  envoy::config::core::v3::Node node_;
  bool open_ = false;
  bool node_sent_ = false;
  std::map<std::string, Type, std::less<>> types_;
  std::deque<Answer> answers_;
};

}  // namespace weft::xds
