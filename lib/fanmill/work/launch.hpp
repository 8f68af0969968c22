#pragma once
// What starting a program is like for whoever does it: where it runs, and why it may not.

#include <chrono>
#include <string>
#include <string_view>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/time.hpp>

namespace fanmill::work {

// Where the system lacks what a process takes, how soon it is asked again, and how long before that is an
// error although nothing of ours runs.
inline constexpr auto wait_in_lack = std::chrono::milliseconds(50);
inline constexpr auto longest_lack = std::chrono::seconds(5);

// Since when nothing at all could be started.
class Lack {
 public:
  // `name` could not be started for this reason. While something of ours runs, its end may make room. Throws
  // Error{unavailable} where nothing does, and has not for too long.
  void found(std::string_view name, std::string_view reason, bool something_runs, Time now);
  void is_over() { since_ = never; }

 private:
  Time since_ = never;
};

// Whether an errno value says that the system has no room for a process just now.
[[nodiscard]] bool is_lack(int error);

// A working directory; an empty path is none. Throws Error{unavailable} where it cannot be used.
[[nodiscard]] Descriptor open_folder(const std::string& path);

// For people: why a program of that name could not be executed in `folder` (which may be empty: here).
[[nodiscard]] std::string why_not_run(std::string_view name, int error, const Descriptor& folder);

}  // namespace fanmill::work
