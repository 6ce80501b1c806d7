#pragma once
// NamePool and NameSet: names of resources as thousands of streams hold them: each text once, and a
// sorted list of pointers for each stream.
//
// A sidecar that is told of a thousand Services subscribes to a thousand names, and two thousand
// sidecars to the same ones. A NameSet reads as a std::set<std::string> does; inserting in order
// costs nothing, elsewhere it moves what is behind. Owner: ServerState; the pool is its
// AdsServer's, and outlives no Name. Thread: one.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace weft::xds {

using Name = std::shared_ptr<const std::string>;

class NamePool final {
 public:
  // The one of that text; it is forgotten with its last owner.
  [[nodiscard]] Name intern(std::string_view text) {
    const auto found = texts_->find(text);
    if (found != texts_->end()) return (*found)->shared_from_this()->as_name();
    auto held = std::make_shared<Held>(std::string(text), texts_);
    texts_->insert(held.get());
    return held->as_name();
  }
  [[nodiscard]] std::size_t size() const { return texts_->size(); }

 private:
  struct Held;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
    std::size_t operator()(const Held* held) const { return (*this)(held->text); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Held* a, const Held* b) const { return a->text == b->text; }
    bool operator()(std::string_view a, const Held* b) const { return a == b->text; }
    bool operator()(const Held* a, std::string_view b) const { return a->text == b; }
  };
  using Texts = std::unordered_set<Held*, Hash, Equal>;
  struct Held final : std::enable_shared_from_this<Held> {
    Held(std::string given, std::shared_ptr<Texts> among)
        : text(std::move(given)), texts(std::move(among)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { texts->erase(this); }
    [[nodiscard]] Name as_name() { return {shared_from_this(), &text}; }

    const std::string text;
    const std::shared_ptr<Texts> texts;
  };

  std::shared_ptr<Texts> texts_ = std::make_shared<Texts>();
};

class NameSet final {
 public:
  class Iterator final {
   public:
    using value_type = std::string;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using reference = const std::string&;
    using pointer = const std::string*;

    Iterator() = default;
    explicit Iterator(const Name* at) : at_(at) {}
    reference operator*() const { return **at_; }
    pointer operator->() const { return at_->get(); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    const Name* at_ = nullptr;
  };

  NameSet() = default;
  // In any order, some perhaps twice.
  explicit NameSet(std::vector<Name> names) : names_(std::move(names)) {
    std::sort(names_.begin(), names_.end(), less);
    const auto same = [](const Name& a, const Name& b) { return *a == *b; };
    names_.erase(std::unique(names_.begin(), names_.end(), same), names_.end());
  }

  [[nodiscard]] Iterator begin() const { return Iterator(names_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(names_.data() + names_.size()); }
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] bool empty() const { return names_.empty(); }
  [[nodiscard]] bool contains(std::string_view name) const {
    const auto at = place_of(name);
    return at != names_.end() && **at == name;
  }

  // False: it was there.
  bool insert(Name name) {
    if (names_.empty() || *names_.back() < *name) {
      names_.push_back(std::move(name));
      return true;
    }
    const auto at = place_of(*name);
    if (**at == *name) return false;
    names_.insert(at, std::move(name));
    return true;
  }
  void insert_all(const NameSet& other) {
    if (other.empty()) return;
    std::vector<Name> both;
    both.reserve(names_.size() + other.names_.size());
    std::set_union(names_.begin(), names_.end(), other.names_.begin(), other.names_.end(),
                   std::back_inserter(both), less);
    names_ = std::move(both);
  }
  void erase(std::string_view name) {
    const auto at = place_of(name);
    if (at != names_.end() && **at == name) names_.erase(at);
  }
  // `gone` is asked of each in order, once.
  template <typename Gone>
  void erase_if(Gone gone) {
    std::erase_if(names_, [&](const Name& name) { return gone(*name); });
    if (names_.empty()) names_.shrink_to_fit();
  }
  void clear() { names_ = {}; }

 private:
  static bool less(const Name& a, const Name& b) { return *a < *b; }
  [[nodiscard]] std::vector<Name>::const_iterator place_of(std::string_view name) const {
    return std::lower_bound(names_.begin(), names_.end(), name,
                            [](const Name& a, std::string_view b) { return *a < b; });
  }

  std::vector<Name> names_;
};

}  // namespace weft::xds
