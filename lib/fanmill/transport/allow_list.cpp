#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <fanmill/base/error.hpp>
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
  const auto cannot = [&](const std::string& reason, const std::string& next = {}) {
    return Error(ErrorCode::unavailable, "read", fmt::format("the keys of {}, '{}'", option_, directory_),
                 reason, next);
  };
  struct stat facts {};
  if (::stat(directory_.c_str(), &facts) != 0) throw cannot(reason_of(errno));
  if (!S_ISDIR(facts.st_mode)) throw cannot("it is not a directory");
  if ((facts.st_mode & S_IWOTH) != 0) {
    throw cannot("everybody on this host may put keys into it", fmt::format("chmod o-w '{}'", directory_));
  }
  Complaint complaint = look(seen_);
  if (!complaint) complaint = read(seen_);
  if (complaint) throw cannot(*complaint);
}

AllowList::Complaint AllowList::look(std::vector<Seen>& seen) const {
  seen.clear();
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(directory_.c_str()), ::closedir);
  if (!opened) return reason_of(errno);
  for (errno = 0; const dirent* const entry = ::readdir(opened.get()); errno = 0) {
    const std::string_view name(entry->d_name);
    if (!name.ends_with(public_key_ending) || name.size() == public_key_ending.size()) continue;
    struct stat facts {};
    if (::fstatat(::dirfd(opened.get()), entry->d_name, &facts, 0) != 0) continue;  // it has just gone
    seen.push_back({std::string(name), facts.st_ino, facts.st_size,
                    std::max(nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim))});
  }
  if (errno != 0) return reason_of(errno);
  std::sort(seen.begin(), seen.end(),
            [](const Seen& one, const Seen& other) { return one.name < other.name; });
  return std::nullopt;
}

AllowList::Complaint AllowList::read(const std::vector<Seen>& seen) {
  names_.clear();
  settled_ = std::all_of(seen.begin(), seen.end(),
                         [now = present()](const Seen& one) { return one.changed + tick < now; });
  Complaint complaint;
  for (const Seen& one : seen) {
    try {
      const PublicKey key = read_public_key(option_, directory_ + "/" + one.name);
      names_.emplace(key, one.name.substr(0, one.name.size() - public_key_ending.size()));
    } catch (const Error& error) {
      if (!complaint) complaint = error.what();
    }
  }
  return complaint;
}

std::optional<std::string> AllowList::name_of(const PublicKey& key) {
  std::vector<Seen> seen;
  Complaint complaint = look(seen);
  if (complaint) {
    names_.clear();
    settled_ = false;
  } else if (!settled_ || seen != seen_) {
    complaint = read(seen);
    seen_ = std::move(seen);
  } else {
    complaint = complaint_;
  }
  if (complaint.value_or("") != complaint_) {
    complaint_ = complaint.value_or("");
    if (complaint) {
      notice_(Severity::warning, fmt::format("the keys of {}, '{}', are not all let in any more: {}", option_,
                                             directory_, *complaint));
    }
  }
  const auto found = names_.find(key);
  return found != names_.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace fanmill::transport
