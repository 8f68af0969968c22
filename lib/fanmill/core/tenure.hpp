#pragma once
// How long a worker stays: until it has had nothing to do for a time, or has been here for a time, or has
// done so many tasks. It outlives runs, where the worker stays for the next one. Pure.

#include <cstdint>
#include <limits>
#include <string>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Tenure {
 public:
  struct Settings {
    Duration idle_timeout = Duration::max();
    Duration lifetime = Duration::max();
    std::uint64_t max_tasks = std::numeric_limits<std::uint64_t>::max();  // ≥ 1
  };

  Tenure(const Settings& settings, Time now);

  // Tasks have been started, or have been taken back before they had begun.
  void started(std::uint64_t count) { left_ -= count; }
  void taken_back(std::uint64_t count) { left_ += count; }
  // How many may be started yet.
  [[nodiscard]] std::uint64_t left() const { return left_; }

  // Whether the worker has tasks now; to be said whenever that may have changed.
  void look(bool has_tasks, Time now);
  // Why it is over, for people; empty where it is not.
  [[nodiscard]] std::string over(Time now) const;
  // When it may be, unless something happens before.
  [[nodiscard]] Time next() const;

 private:
  Settings settings_;
  std::uint64_t left_;
  Time end_;  // of the lifetime
  Time idle_end_ = never;
};

}  // namespace fanmill::core
