#include "sidecar/config/path_index.h"

#include <algorithm>
#include <map>
#include <string>

namespace weft::config {

namespace {

bool is_prefix(const PathMatch& path) {
  return !path.ignore_case &&
         (path.how == PathMatch::How::kPrefix || path.how == PathMatch::How::kSegmentPrefix);
}

bool is_exact(const PathMatch& path) {
  return !path.ignore_case && path.how == PathMatch::How::kExact;
}

// A request without just this value cannot match.
bool wants_one_value(const HeaderMatch& header) {
  return header.how == HeaderMatch::How::kText && header.text.how == TextMatch::How::kExact &&
         !header.text.ignore_case && !header.invert && !header.missing_is_empty;
}

const HeaderMatch* find_header(const Route& route, std::string_view name) {
  const auto found = std::ranges::find_if(route.headers, [&](const HeaderMatch& header) {
    return header.name == name && wants_one_value(header);
  });
  return found == route.headers.end() ? nullptr : &*found;
}

}  // namespace

PathIndex::PathIndex(const std::vector<Route>& routes) : routes_(&routes) {
  const bool worth_it = routes.size() >= kWorthHashing;
  if (worth_it) choose_lengths();
  for (std::uint32_t number = 0; number < routes.size(); ++number) {
    const PathMatch& path = routes[number].path;
    const std::string_view text = path.text.value;
    if (worth_it && is_exact(path)) {
      exact_[text].all.push_back(number);
    } else if (worth_it && is_prefix(path) && std::ranges::binary_search(lengths_, text.size())) {
      prefixes_[text].all.push_back(number);
    } else {
      others_.all.push_back(number);
    }
  }
  for (auto& [path, bucket] : exact_) divide(bucket);
  for (auto& [path, bucket] : prefixes_) divide(bucket);
  divide(others_);
}

void PathIndex::choose_lengths() {
  std::map<std::size_t, std::size_t> routes_of;
  for (const Route& route : *routes_) {
    if (is_prefix(route.path)) ++routes_of[route.path.text.value.size()];
  }
  std::vector<std::pair<std::size_t, std::size_t>> by_use;  // routes, length
  for (const auto& [length, routes] : routes_of) by_use.emplace_back(routes, length);
  std::ranges::sort(by_use, std::greater<>());
  if (by_use.size() > kLengthsMax) by_use.resize(kLengthsMax);
  for (const auto& [routes, length] : by_use) lengths_.push_back(length);
  std::ranges::sort(lengths_);
}

// Takes out of `all` what the header wanted by most of them tells apart.
void PathIndex::divide(Bucket& bucket) const {
  if (bucket.all.size() < kWorthHashing) return;
  std::unordered_map<std::string_view, std::size_t> wanted;
  for (const std::uint32_t number : bucket.all) {
    for (const HeaderMatch& header : (*routes_)[number].headers) {
      if (wants_one_value(header)) ++wanted[header.name];
    }
  }
  const auto most = std::ranges::max_element(
      wanted, [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == wanted.end() || most->second < kWorthHashing) return;
  Numbers rest;
  for (const std::uint32_t number : bucket.all) {
    const HeaderMatch* header = find_header((*routes_)[number], most->first);
    if (header == nullptr) {
      rest.push_back(number);
      continue;
    }
    bucket.header = header;
    bucket.by_value[header->text.value].push_back(number);
  }
  bucket.all = std::move(rest);
}

void PathIndex::collect(const Bucket& bucket, const http::RequestHead& head, Candidates& out) {
  out.add(bucket.all);
  if (bucket.header == nullptr) return;
  std::string joined;
  const std::optional<std::string_view> value = bucket.header->value_in(head, joined);
  if (!value) return;
  const auto found = bucket.by_value.find(*value);
  if (found != bucket.by_value.end()) out.add(found->second);
}

void PathIndex::collect(const http::RequestHead& head, Candidates& out) const {
  collect(others_, head, out);
  if (exact_.empty() && prefixes_.empty()) return;
  const std::string_view path = head.path();
  if (!exact_.empty()) {
    const auto found = exact_.find(path);
    if (found != exact_.end()) collect(found->second, head, out);
  }
  for (const std::size_t length : lengths_) {
    if (length > path.size()) break;
    const auto found = prefixes_.find(path.substr(0, length));
    if (found != prefixes_.end()) collect(found->second, head, out);
  }
}

const Route* PathIndex::Candidates::next(const std::vector<Route>& routes) {
  if (count_ == 0) return nullptr;
  std::size_t first = 0;
  for (std::size_t i = 1; i < count_; ++i) {
    if (*lists_[i].at < *lists_[first].at) first = i;
  }
  const std::uint32_t number = *lists_[first].at++;
  if (lists_[first].at == lists_[first].end) lists_[first] = lists_[--count_];
  return &routes[number];
}

}  // namespace weft::config
