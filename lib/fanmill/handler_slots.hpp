#pragma once
// The handler of a Pipeline or a Worker, as the runner behind it calls it: a function for each slot.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <fanmill/base/time.hpp>
#include <fanmill/handler.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::detail {

// Says for its lifetime that this thread is there.
class Presence {
 public:
  explicit Presence(std::atomic<std::thread::id>& where) : where_(where) {
    where_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  ~Presence() { where_.store({}, std::memory_order_relaxed); }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;
  [[nodiscard]] static bool is_here(const std::atomic<std::thread::id>& where) {
    return where.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

 private:
  std::atomic<std::thread::id>& where_;
};

class HandlerSlots {
 public:
  HandlerSlots(const Handler& handler, std::size_t count);

  // What a worker of the process runs; it refers to this object.
  [[nodiscard]] work::WorkSettings work(std::optional<Duration> timeout);

  // Requests the stop tokens of what runs, and starts nothing more. Any thread.
  void stop();
  // Whether a handler is running on this thread.
  [[nodiscard]] bool is_own_thread() const;
  // Calls that have returned, and that have thrown.
  [[nodiscard]] std::uint64_t returned() const { return sum(&Slot::returned); }
  [[nodiscard]] std::uint64_t thrown() const { return sum(&Slot::thrown); }

 private:
  struct Slot {
    Handler::Function function;
    Task task;
    std::string buffer;
    std::stop_source stop{std::nostopstate};  // the executor's; changed with the mutex held
    std::atomic<std::thread::id> thread{};    // while the function runs
    // The executor's; others read them. Together they would be a place that all executors write to.
    std::atomic<std::uint64_t> returned{0};
    std::atomic<std::uint64_t> thrown{0};
  };

  [[nodiscard]] std::uint64_t sum(std::atomic<std::uint64_t> Slot::*counter) const;
  [[nodiscard]] ByteView handle(ByteView payload, const work::FunctionCall& call);

  std::vector<std::unique_ptr<Slot>> slots_;
  std::mutex mutex_;
  std::atomic<bool> stopped_{false};
};

}  // namespace fanmill::detail
