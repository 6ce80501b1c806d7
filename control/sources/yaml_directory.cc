#include "control/sources/yaml_directory.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "control/files.h"

namespace weft::control {

namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

bool is_ours(std::string_view name) {
  return !name.starts_with('.') &&
         (name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"));
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

YamlDirectory::YamlDirectory(Turn& turn, std::string directory, Owner& owner,
                             const Options& options)
    : turn_(turn),
      directory_(std::move(directory)),
      owner_(owner),
      options_(options),
      timer_(turn.timers(), *this) {}

Result<YamlDirectory::Listing> YamlDirectory::list(const std::string& top) {
  Listing out;
  std::vector<std::pair<std::string, int>> folders = {{"", 0}};  // names relative to the top
  std::size_t folders_seen = 0;                                  // links may lead to folders above
  while (!folders.empty()) {
    if (++folders_seen > kFilesMax) {
      return fail(Fault::kInvalid, fmt::format("{}: more than {} folders", top, kFilesMax));
    }
    const auto [folder, depth] = std::move(folders.back());
    folders.pop_back();
    const std::string path = folder.empty() ? top : top + "/" + folder;
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (directory == nullptr) {
      if (errno == ENOENT && !folder.empty()) continue;  // gone meanwhile
      return fail(Fault::kInvalid, fmt::format("{}: {}", path, std::strerror(errno)));
    }
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string leaf = entry->d_name;
      if (leaf.starts_with('.')) continue;  // also Kubernetes' "..data" of a mounted ConfigMap
      const std::string name = folder.empty() ? leaf : folder + "/" + leaf;
      struct stat status{};
      if (::stat((top + "/" + name).c_str(), &status) != 0) continue;  // gone meanwhile
      if (S_ISDIR(status.st_mode)) {
        if (depth + 1 < kDepthMax) folders.emplace_back(name, depth + 1);
      } else if (S_ISREG(status.st_mode) && is_ours(leaf)) {
        out.emplace(name, Stamp{.inode = status.st_ino,
                                .size = status.st_size,
                                .modified_ns = nanoseconds(status.st_mtim),
                                .changed_ns = nanoseconds(status.st_ctim)});
        if (out.size() > kFilesMax) {
          return fail(Fault::kInvalid, fmt::format("{}: more than {} files", top, kFilesMax));
        }
      }
    }
  }
  return out;
}

SourceFile YamlDirectory::read(const std::string& path, std::string name) {
  SourceFile file{.name = std::move(name)};
  Result<std::string> text = read_file(path, kFileBytesMax);
  if (text) {
    file.text = std::move(*text);
  } else {
    file.unreadable = text.error().detail;
  }
  return file;
}

Result<std::vector<SourceFile>> YamlDirectory::read_all(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail(Fault::kInvalid, fmt::format("{}: {}", path, std::strerror(errno)));
  }
  std::vector<SourceFile> files;
  if (!S_ISDIR(status.st_mode)) {
    files.push_back(read(path, path));
    return files;
  }
  const Result<Listing> listing = list(path);
  if (!listing) return fail(listing.error());
  for (const auto& [name, stamp] : *listing) {
    // With the path as it was asked for, so that an editor can jump there.
    files.push_back(read(path + "/" + name, path + (path.ends_with('/') ? "" : "/") + name));
  }
  return files;
}

Result<std::vector<SourceFile>> YamlDirectory::start() {
  timer_.arm(options_.look_every);
  Result<Listing> listing = list(directory_);
  if (!listing) {
    problem_ = listing.error().detail;
    return fail(listing.error());
  }
  seen_ = told_ = std::move(*listing);
  std::vector<SourceFile> files;
  for (const auto& [name, stamp] : told_) {
    files.push_back(files_[name] = read(directory_ + "/" + name, name));
  }
  return files;
}

void YamlDirectory::on_timer(Timer&) {
  timer_.arm(moving_since_ ? options_.settle : options_.look_every);
  look();
}

void YamlDirectory::look_soon() {
  if (moving_since_) return;  // it is looked at until it is quiet
  timer_.arm(std::max(Duration::zero(), looked_ + options_.settle / kHintsPart - turn_.now()));
}

void YamlDirectory::look() {
  looked_ = turn_.now();
  Result<Listing> listing = list(directory_);
  const std::string problem = listing ? std::string() : listing.error().detail;
  if (problem != problem_) {
    problem_ = problem;
    owner_.on_source_problem(problem_);
  }
  if (!listing) return;
  const TimePoint now = turn_.now();
  if (*listing != seen_) {
    seen_ = std::move(*listing);
    moved_at_ = now;
    if (!moving_since_) moving_since_ = now;
    timer_.arm(options_.settle);
  }
  if (!moving_since_) return;
  if (now - moved_at_ >= options_.settle || now - *moving_since_ >= options_.settle_max) tell();
}

void YamlDirectory::tell() {
  moving_since_.reset();
  std::map<std::string, SourceFile> next;
  for (const auto& [name, stamp] : seen_) {
    const auto before = told_.find(name);
    const auto file = files_.find(name);
    const bool same = before != told_.end() && before->second == stamp && file != files_.end() &&
                      file->second.unreadable.empty();
    next[name] = same ? std::move(file->second) : read(directory_ + "/" + name, name);
  }
  files_ = std::move(next);
  told_ = seen_;
  std::vector<SourceFile> files;
  for (const auto& [name, file] : files_) files.push_back(file);
  owner_.on_files(std::move(files));
}

}  // namespace weft::control
