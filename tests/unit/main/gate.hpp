#pragma once
// For tests in which one thread waits for another.

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace fanmill::test {

// Those who wait at it go on when it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  // False where nobody opened it in time.
  bool pass() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(50), [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

}  // namespace fanmill::test
