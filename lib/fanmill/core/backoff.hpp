#pragma once
// When to say something again that has not been answered. Pure.

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Backoff {
 public:
  // Waits `first`, then twice as long each time, up to `most`.
  Backoff(Duration first, Duration most) : first_(first), most_(most), wait_(first) {}

  void start(Time now);              // due at once
  void stop() { due_ = never; }      // answered
  [[nodiscard]] bool due(Time now);  // true once for each time that has come
  [[nodiscard]] Time next() const { return due_; }
  [[nodiscard]] bool running() const { return due_ != never; }

 private:
  Duration first_;
  Duration most_;
  Duration wait_;
  Time due_ = never;
};

}  // namespace fanmill::core
