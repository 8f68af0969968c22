#pragma once
// How a loop is asked to end from outside: by a signal handler, or by another thread.

#include <atomic>

namespace fanmill::roles {

// Asked once: end in order. Asked twice: end now. Raising is async-signal-safe and may be done from any
// thread; the loops wait on the descriptors.
class StopRequest {
 public:
  StopRequest();
  ~StopRequest();
  StopRequest(const StopRequest&) = delete;
  StopRequest& operator=(const StopRequest&) = delete;

  void raise(int signal_number) noexcept;  // 0 where no signal is behind it

  [[nodiscard]] int level() const noexcept { return level_.load(); }           // 0, 1 (in order) or 2 (now)
  [[nodiscard]] int signal_number() const noexcept { return signal_.load(); }  // the last one raised
  // Polls readable from the first raise on (1), from the second on (2).
  [[nodiscard]] int fd(int level) const noexcept { return level == 1 ? first_ : second_; }

 private:
  std::atomic<int> level_{0};
  std::atomic<int> signal_{0};
  int first_ = -1;
  int second_ = -1;
};

}  // namespace fanmill::roles
