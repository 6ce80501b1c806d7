#pragma once
// Registry: what people have written, as files come and go -> the accepted objects -> a Mesh.
//
// Per object the last good version holds: a file that cannot be read, or an object whose new text
// is bad, changes nothing but the list of problems. A document that cannot be read takes neither
// its neighbours down nor anything of its file away, as nobody knows what it was. An object is gone
// when its file is clear and no longer has it, or the file is gone. Two texts of one object: the
// first in the order of file names wins, the other is a problem. A bad file never disturbs another.
//
// Pure: files in, values out. Owner: Control, `weft lint`. Thread: one. The Mesh and what is in it
// may go anywhere.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/mesh.h"
#include "control/model/object.h"

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
};

// A text that does not hold, and since when.
struct Problem {
  std::string file;
  std::optional<ObjectKey> key;
  std::string text;          // "cart.yaml:3:5: spec.ports: …"
  bool older_holds = false;  // an earlier version of the object is in force
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

  // The trust domain that the root vouches for: a MeshConfig with another one is refused from here
  // on. Before restore() and set_files(), or with the one the Mesh has.
  void fix_trust_domain(std::string trust_domain) { trust_domain_ = std::move(trust_domain); }

  [[nodiscard]] const std::shared_ptr<const Mesh>& mesh() const { return mesh_; }
  [[nodiscard]] const AcceptedMap& accepted() const { return accepted_; }
  [[nodiscard]] const std::vector<Problem>& problems() const { return problems_; }
  // What is accepted and has no effect, by place.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Found {  // one document of a file
    ReadObject read;
    std::string json;
  };
  struct File {
    std::string text;
    std::vector<Found> found;
    std::string broken;  // why the file cannot be taken apart
    // Some document cannot be told by name, so nothing of this file may be taken for deleted.
    [[nodiscard]] bool is_unclear() const;
  };

  [[nodiscard]] static File read_file(SourceFile&& source);
  void collect(AcceptedMap& next);
  void take(const std::string& file, const Found& found, AcceptedMap& next);
  void keep_unclear(AcceptedMap& next);
  void add_problem(Problem problem);
  [[nodiscard]] std::string objection_to(const Object& object) const;

  std::map<std::string, File> files_;
  AcceptedMap accepted_;
  std::vector<Problem> problems_;
  std::vector<std::string> notes_;
  std::string trust_domain_;  // empty: not fixed yet
  std::uint64_t generation_ = 0;
  std::shared_ptr<const Mesh> mesh_;
};

}  // namespace weft::control
