#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fanmill/transport/allow_list.hpp>
#include <fanmill/transport/key_file.hpp>

namespace fanmill::transport {

namespace {

// The system's file times are those of its last tick: two changes within one look alike.
constexpr std::int64_t tick = 50'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t present() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

}  // namespace

AllowList::AllowList(std::string option, std::string directory, Notice notice)
    : option_(std::move(option)), directory_(std::move(directory)), notice_(std::move(notice)) {
  look(seen_);
  read(seen_);
  for (const Error& flaw : flaws_) throw Error(flaw);
}

Error AllowList::unusable(std::string_view reason, std::string_view next) const {
  return {ErrorCode::unavailable, "read", fmt::format("the keys of {}, '{}'", option_, directory_), reason,
          next};
}

void AllowList::look(std::vector<Seen>& seen) const {
  seen.clear();
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory_.c_str()), ::closedir);
  if (!opened) throw unusable(reason_of(errno), "name a directory with the public files of who may join");
  struct stat facts {};
  if (::fstat(::dirfd(opened.get()), &facts) != 0) throw unusable(reason_of(errno));
  if ((facts.st_mode & S_IWOTH) != 0) {
    throw unusable("everybody on this host may put keys into it", fmt::format("chmod o-w '{}'", directory_));
  }
  for (errno = 0; const dirent* const entry = ::readdir(opened.get()); errno = 0) {
    const std::string_view name(entry->d_name);
    if (!name.ends_with(public_key_ending) || name.size() == public_key_ending.size()) continue;
    // Of a link that leads nowhere, the link: it is a flaw, and seen again once it leads somewhere.
    const int directory = ::dirfd(opened.get());
    if (::fstatat(directory, entry->d_name, &facts, 0) != 0 &&
        ::fstatat(directory, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;  // it has just gone
    }
    seen.push_back({std::string(name), facts.st_ino, facts.st_size,
                    std::max(nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim))});
  }
  if (errno != 0) throw unusable(reason_of(errno));
  std::sort(seen.begin(), seen.end(),
            [](const Seen& one, const Seen& other) { return one.name < other.name; });
}

void AllowList::read(const std::vector<Seen>& seen) {
  names_.clear();
  flaws_.clear();
  settled_ = std::all_of(seen.begin(), seen.end(),
                         [now = present()](const Seen& one) { return one.changed + tick < now; });
  for (const Seen& one : seen) {
    try {
      const PublicKey key = read_public_key(option_, directory_ + "/" + one.name);
      names_.emplace(key, one.name.substr(0, one.name.size() - public_key_ending.size()));
    } catch (const Error& error) {
      flaws_.push_back(error);
    }
  }
}

void AllowList::look_again() {
  std::vector<Seen> seen;
  try {
    look(seen);
  } catch (const Error& error) {
    names_.clear();
    settled_ = false;
    flaws_ = {error};
    tell_new_flaws("nobody is let in any more");
    return;
  }
  if (settled_ && seen == seen_) return;
  read(seen);
  seen_ = std::move(seen);
  tell_new_flaws("not all keys are let in any more");
}

void AllowList::tell_new_flaws(std::string_view what_it_means) {
  std::vector<std::string> told;
  for (const Error& flaw : flaws_) {
    told.emplace_back(flaw.what());
    if (std::find(told_.begin(), told_.end(), told.back()) != told_.end()) continue;
    notice_(Severity::warning, fmt::format("{}: {}", what_it_means, flaw.what()));
  }
  told_ = std::move(told);
}

std::optional<std::string> AllowList::name_of(const PublicKey& key) {
  look_again();
  const auto found = names_.find(key);
  return found != names_.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace fanmill::transport
