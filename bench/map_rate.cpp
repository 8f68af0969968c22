// A function over a million ints, int → int: by fanmill::map, or by a thread pool as one writes it by hand,
// with one locked queue and a future for each item.
//
//   map_rate map|pool [--workers N] [--count N] [--work STEPS]
//
// From before the threads start to after they have ended, as both have to; the fastest that a loop on one
// thread could be is what --work, steps of arithmetic for each item, is there to be compared with.
// Prints one line of JSON.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <string_view>
#include <thread>
#include <vector>

#include <fanmill/fanmill.hpp>

namespace {

class Pool {
 public:
  explicit Pool(std::size_t workers) {
    for (std::size_t i = 0; i < workers; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  std::future<int> submit(std::function<int()> call) {
    std::packaged_task<int()> task(std::move(call));
    std::future<int> result = task.get_future();
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    changed_.notify_one();
    return result;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::packaged_task<int()> task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::packaged_task<int()>> queue_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

// Some arithmetic that no compiler sees through, a nanosecond a round or so.
int turn(int item, long rounds) {
  auto bits = static_cast<std::uint32_t>(item) | 1U;
  for (long round = 0; round < rounds; ++round) {
    bits ^= bits << 13;
    bits ^= bits >> 17;
    bits ^= bits << 5;
  }
  return static_cast<int>(bits);
}

std::vector<int> by_pool(const std::vector<int>& items, std::size_t workers, long work) {
  std::vector<std::future<int>> futures;
  futures.reserve(items.size());
  Pool pool(workers);
  for (const int item : items) futures.push_back(pool.submit([item, work] { return turn(item, work); }));
  std::vector<int> results;
  results.reserve(items.size());
  for (auto& future : futures) results.push_back(future.get());
  return results;
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view how;
  std::size_t workers = 2;
  std::size_t count = 1'000'000;
  long work = 0;
  for (int at = 1; at < argc; ++at) {
    const std::string_view word = argv[at];
    if (word == "map" || word == "pool") {
      how = word;
    } else if (at + 1 < argc && word == "--workers") {
      workers = std::strtoul(argv[++at], nullptr, 10);
    } else if (at + 1 < argc && word == "--count") {
      count = std::strtoul(argv[++at], nullptr, 10);
    } else if (at + 1 < argc && word == "--work") {
      work = std::strtol(argv[++at], nullptr, 10);
    }
  }
  if (how.empty()) {
    std::fputs("usage: map_rate map|pool [--workers N] [--count N] [--work STEPS]\n", stderr);
    return 2;
  }
  std::vector<int> items(count);
  std::iota(items.begin(), items.end(), 0);
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<int> results =
      how == "map" ? fanmill::map(items, [work](int item) { return turn(item, work); }, {.workers = workers})
                   : by_pool(items, workers, work);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (std::size_t at = 0; at < count; at += 1 + count / 1000) {
    if (results[at] != turn(items[at], work)) return 1;
  }
  std::printf(
      "{\"how\": \"%s\", \"workers\": %zu, \"count\": %zu, \"work\": %ld, \"seconds\": %.6f, \"rate\": "
      "%.1f}\n",
      how.data(), workers, count, work, seconds, static_cast<double>(count) / seconds);
  return 0;
}
