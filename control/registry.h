#pragma once
// Registry: what people have written, as files come and go -> the accepted objects -> a Mesh.
//
// Per object the last good version holds: a file that cannot be read, or an object whose new text
// is bad, changes nothing but the list of problems. A document that cannot be read takes neither
// its neighbours down nor anything of its file away, as nobody knows what it was. An object is gone
// when its file is clear and no longer has it, or the file is gone. Two texts of one object: the
// first in the order of file names wins, the other is a problem. A bad file never disturbs another.
//
// A source that knows each object by its name (Kubernetes) tells changes with apply() instead; the
// same rule holds for each object: while its text is bad, the last good version stays. A change of
// Workloads alone costs little, however large the mesh is. One Registry takes one or the other.
//
// Pure: files in, values out. Owner: Control, `weft lint`. Thread: one. The Mesh and what is in it
// may go anywhere.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/mesh.h"
#include "control/model/object.h"
#include "sidecar/core/clock.h"

namespace weft::control {

struct SourceFile {
  std::string name;  // as it is shown: relative to the directory
  std::string text;
  std::string unreadable;  // why there is no text: no permission, too large
};

// An accepted object as it is kept over a restart.
struct Accepted {
  std::string file;
  std::string json;  // the document
  Object object;
  // The document with the lines it was written in; empty after a restart, until it is read again.
  std::string laid_out = {};
  std::uint64_t generation = 0;  // the first one that has it as it is
};

// A text that does not hold, and since when.
struct Problem {
  std::string file;
  std::optional<ObjectKey> key;
  std::string text;          // "cart.yaml:3:5: spec.ports: …"
  bool older_holds = false;  // an earlier version of the object is in force
};

// One object as it is now, from a source that knows it by its key; without `text` it is gone.
struct KeyedChange {
  struct Text {
    std::string json;
    std::optional<Object> object;  // only when there are no mistakes
    std::vector<std::string> mistakes;
    std::vector<std::string> notes;
    std::optional<RouteHead> refused_route = {};
  };
  ObjectKey key;
  std::optional<Text> text;
};

// A route whose present text does not hold; an earlier one may.
struct RefusedRoute {
  RouteHead head;
  std::string why;  // the first mistake
};

class Registry final {
 public:
  static constexpr std::size_t kObjectsMax = 100'000;
  static constexpr std::size_t kDocumentsPerFileMax = 10'000;
  static constexpr std::size_t kProblemsMax = 1'000;

  using AcceptedMap = std::map<ObjectKey, Accepted>;

  Registry();

  // What was accepted before a restart, with the generation it had; before the first set_files().
  // Each json is read and judged again: returns what an older weft accepted and this one does not.
  struct Kept {
    ObjectKey key;
    std::string file;
    std::string json;
  };
  std::vector<std::string> restore(const std::vector<Kept>& kept, std::uint64_t generation);

  // All files there are now. Returns whether the Mesh changed.
  bool set_files(std::vector<SourceFile> files);

  // What has changed, each object at most once. Returns whether the Mesh changed.
  bool apply(std::vector<KeyedChange> changes);
  // The next generation's number is above this.
  void number_above(std::uint64_t generation) { generation_ = std::max(generation_, generation); }

  // The trust domain that the root vouches for: a MeshConfig with another one is refused from here
  // on. Before restore() and set_files(), or with the one the Mesh has.
  void fix_trust_domain(std::string trust_domain) {
    trust_domain_ = std::move(trust_domain);
    clean_ = false;  // what is there is judged again
  }

  // New text with a time that is past or too far away is refused from here on. Without a clock
  // nobody judges.
  void judge_times_by(WallTime (*wall_clock)()) { wall_clock_ = wall_clock; }

  [[nodiscard]] const std::shared_ptr<const Mesh>& mesh() const { return mesh_; }
  [[nodiscard]] const AcceptedMap& accepted() const { return accepted_; }
  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }
  [[nodiscard]] const std::map<ObjectKey, RefusedRoute>& refused_routes() const {
    return refused_routes_;
  }
  // Of an object that is known by its key: what is wrong with its present text; empty: nothing.
  [[nodiscard]] std::string mistakes_of(const ObjectKey& key) const;
  // What is accepted and has no effect, by place.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Found {  // one document of a file
    ReadObject read;
    std::string json;
    std::string laid_out;
  };
  struct File {
    std::string text;
    std::vector<Found> found;
    std::string broken;  // why the file cannot be taken apart
    // Some document cannot be told by name, so nothing of this file may be taken for deleted.
    [[nodiscard]] bool is_unclear() const;
  };

  // In what two sets of accepted objects differ; where their text stands does not matter.
  struct Difference {
    bool any = false;
    bool only_workloads = true;
    WorkloadChanges workloads;

    void note(const ObjectKey& key, const Accepted* now);
  };
  using Files = std::map<std::string, File>;

  [[nodiscard]] static File read_file(SourceFile&& source);
  [[nodiscard]] static Difference difference(const AcceptedMap& before, const AcceptedMap& now);
  // Everything is looked at anew. / Only `changed` files, which came or are not as they were, and
  // `old`, those that they were; nothing where one cannot be sure without looking at the others.
  [[nodiscard]] Difference collect_all();
  [[nodiscard]] std::optional<Difference> collect_changed(const Files& old,
                                                          const std::vector<std::string>& changed);
  [[nodiscard]] bool is_clean(const Found& found) const;
  bool publish(const Difference& made);
  void collect(AcceptedMap& next);
  void take(const std::string& file, const Found& found, AcceptedMap& next);
  void keep_unclear(AcceptedMap& next);
  void add_problem(Problem problem);
  [[nodiscard]] std::string objection_to(const Object& object) const;
  [[nodiscard]] std::string objection_to_new(const ObjectKey& key, const Object& object,
                                             const std::string& json) const;
  bool apply_one(KeyedChange&& change, bool& said_changed);
  void publish_said();

  // What is to be said of a keyed object's present text.
  struct Said {
    std::vector<std::string> mistakes;
    std::vector<std::string> notes;
    std::optional<RouteHead> refused_route;
  };

  Files files_;
  // Of the files there is nothing to say: each object stands once, and is accepted as it stands.
  bool clean_ = false;
  std::map<ObjectKey, Said> said_;
  AcceptedMap accepted_;
  std::vector<Problem> problems_;
  std::vector<std::string> notes_;
  std::map<ObjectKey, RefusedRoute> refused_routes_;
  std::string trust_domain_;  // empty: not fixed yet
  WallTime (*wall_clock_)() = nullptr;
  std::uint64_t generation_ = 0;
  std::shared_ptr<const Mesh> mesh_;
};

}  // namespace weft::control
