#pragma once
// ServerState: what one stream of ADS has subscribed to, was told and has answered, and what to
// tell it next. Events in, responses out; no I/O, no clock.
//
// A push is told in an order in which nothing is named before it exists or removed while it is
// named (2.4):
//
//   clusters + │ endpoints + │ listeners │ routes │ secrets │ others │ clusters − │ endpoints − │
//   Generation
//
// and each step waits for the answers to the one before it, so that a client can ask in between for
// what it just heard of. At most one response of a type is unanswered. What changes meanwhile joins
// the steps still to come: changes coalesce, and a slow client gets the newest state, not every
// state. A NACK is an answer: the same content is not sent again. Owner: AdsServer, one per stream.
// Thread: its loop's. Source: xDS v3 reference, 2.2 to 2.4, 2.10; threats.md CP-01 to CP-04.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"
#include "xds/ads.h"
#include "xds/name_set.h"
#include "xds/proto/discovery.pb.h"
#include "xds/resource_set.h"
#include "xds/response_writer.h"

namespace weft::xds {

class ServerState final {
 public:
  static constexpr std::size_t kTypesMax = 32;
  static constexpr std::size_t kNamesMax = 100'000;   // subscribed by name, of one type
  static constexpr std::size_t kNackBytesMax = 4096;  // kept of what the client says
  // Delta responses are cut here: gRPC clients accept 4 MiB unless told otherwise.
  static constexpr std::size_t kDeltaBytes = 2 * 1024 * 1024;
  static constexpr std::size_t kSotwBytesMax = 64 * 1024 * 1024;

  struct TypeReport {
    std::string type;
    bool everything = false;
    std::size_t names = 0;
    std::string version;                // SotW: last told
    std::uint64_t told_generation = 0;  // of the last response
    std::uint64_t answered_generation = 0;
    std::uint64_t responses = 0;
    std::uint64_t refusals = 0;
    std::string refused_why;  // of the last answer; empty: it was an ACK
    bool unanswered = false;
    std::string problem;  // why it cannot be told what it should be
  };

  // `pool`: shared with other streams, so that each name is held once.
  ServerState(Variant variant, std::string control_plane,
              std::shared_ptr<NamePool> pool = std::make_shared<NamePool>())
      : variant_(variant), control_plane_(std::move(control_plane)), pool_(std::move(pool)) {}
  // Not copied: steps_ points into types_, whose nodes move along.
  ServerState(ServerState&&) = default;
  ServerState& operator=(ServerState&&) = default;
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;
  ~ServerState() = default;

  // An error ends the stream: kProtocol or kLimit.
  [[nodiscard]] Status on_request(const envoy::service::discovery::v3::DiscoveryRequest& request);
  [[nodiscard]] Status on_request(
      const envoy::service::discovery::v3::DeltaDiscoveryRequest& request);
  void on_resources(std::shared_ptr<const ResourceSet> set);

  // What the client subscribes to of a type (a message's full name); null: it never did.
  [[nodiscard]] const NameSet* names_of(std::string_view type) const;

  // The next response, as it goes on the wire; nothing while an answer is awaited or all is told.
  [[nodiscard]] std::optional<std::string> next_response();

  // A response is not answered yet. / Its type no longer holds up the others, until it is.
  [[nodiscard]] bool awaits_answer() const;
  void stop_waiting();

  // The newest generation that was told in full and answered; whether anything of it was refused.
  [[nodiscard]] std::uint64_t settled_generation() const { return settled_generation_; }
  [[nodiscard]] bool settled() const;
  [[nodiscard]] bool refused() const;
  [[nodiscard]] std::vector<TypeReport> report() const;

 private:
  // What the client wants of one type.
  struct Wanted {
    bool everything = false;
    NameSet names;
    [[nodiscard]] bool covers(std::string_view name) const {
      return everything || names.contains(name);
    }
  };
  struct Type {
    bool leaves_late = false;  // told to go only after the routes were told
    bool closes = false;       // the Generation
    Wanted interest;
    bool seen = false;
    // Names whose state must be told. What they resolve to is looked up when they are.
    NameSet due;
    bool due_whole = false;  // SotW of a complete type: all of it
    bool due_empty = false;  // an answer is expected even if it holds nothing
    // SotW clusters that are gone, but may still be named by a route the client has.
    std::map<std::string, std::shared_ptr<const Resource>> leaving;
    std::string nonce;
    bool unanswered = false;
    bool overtaken = false;  // the others no longer wait
    std::uint64_t unanswered_generation = 0;
    TypeReport report;
  };
  enum class Phase { kTell, kRemove };
  struct Step {
    const std::string* name;
    Type* type;
    Phase phase;
  };

  [[nodiscard]] Result<Type*> find(std::string_view type_url);
  [[nodiscard]] const ResourceSet::Type* table_of(std::string_view name) const;
  void take_answer(Type& type, const google::rpc::Status* refusal);
  void note_difference(const std::string& name, Type& type, const ResourceSet::Type* before,
                       const ResourceSet::Type* after);
  void note_changed_cluster(const Resource& cluster);
  void make_all_due(std::string_view name, Type& type);
  void compare_with_held(const envoy::service::discovery::v3::DeltaDiscoveryRequest& request,
                         const ResourceSet::Type* table, Type& type);
  [[nodiscard]] Status name_limit(std::size_t names) const;
  template <typename Texts>
  [[nodiscard]] NameSet intern_all(const Texts& texts);

  void note_seen(Type& type);
  void put_in_order();
  [[nodiscard]] bool has_due(const Step& step) const;
  // Nothing when there turned out to be nothing to say.
  [[nodiscard]] std::optional<std::string> tell(const Step& step);
  [[nodiscard]] bool tell_whole(const Step& step, ResponseWriter& writer);
  [[nodiscard]] bool tell_due(const Step& step, ResponseWriter& writer);
  [[nodiscard]] std::string version_of_type(std::string_view name, const Type& type) const;

  Variant variant_;
  std::string control_plane_;
  std::shared_ptr<NamePool> pool_;
  std::shared_ptr<const ResourceSet> set_;
  std::map<std::string, Type, std::less<>> types_;
  std::vector<Step> steps_;  // in which what was seen is told; points into types_
  std::uint64_t nonces_ = 0;
  std::uint64_t settled_generation_ = 0;
};

}  // namespace weft::xds
