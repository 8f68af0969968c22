#pragma once
// How fast something goes lately. What lies back longer than one window, or longer than it took for the last
// few of it to come, does not count; so it tells of microseconds and of hours alike. Pure.

#include <cstdint>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Meter {
 public:
  // Before the first start or add it measures nothing.
  void start(Time now) { start_ = now; }
  void add(std::uint64_t amount, Time now);
  [[nodiscard]] double per_second(Time now) const;  // 0 where nothing can be said yet

 private:
  Time start_ = never;        // of the present window
  std::uint64_t amount_ = 0;  // in it
  std::uint64_t before_ = 0;  // in the one before
  Duration before_took_{};
};

}  // namespace fanmill::core
