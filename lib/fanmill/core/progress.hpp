#pragma once
// How far a run has come, in the few numbers that fit on a line.

#include <cstdint>
#include <optional>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

struct Progress {
  std::uint64_t done = 0;                  // tasks that have their outcome
  std::uint64_t failed = 0;                // of these, failed or dead
  std::optional<std::uint64_t> total{};    // once the input has ended
  std::optional<std::uint64_t> workers{};  // where that is known
  double rate = 0;                         // tasks per second, lately
  Duration elapsed{};                      // since the start

  // How long the rest takes at this rate; nothing where that cannot be said.
  [[nodiscard]] std::optional<Duration> left() const;
};

}  // namespace fanmill::core
