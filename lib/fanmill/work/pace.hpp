#pragma once
// How many tasks an executor takes at a time, from how long tasks have taken: as many as fill a fraction of a
// millisecond. Then neither the queue's lock nor the clock costs anything per task, and hour-long tasks are
// taken one by one. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace fanmill::work {

class Pace {
 public:
  explicit Pace(std::size_t executors) : executors_(executors) {}

  // `count` tasks took so long, one after the other.
  void ran(std::size_t count, std::chrono::nanoseconds took);

  // How many to take when `queued` ≥ 1 are there: 1 … queued, and no more than leaves something for the
  // others.
  [[nodiscard]] std::size_t chunk(std::size_t queued) const;

  // How many tasks may be running and waiting in all: what keeps each executor busy until more can be
  // brought, which is none to spare where tasks take long.
  [[nodiscard]] std::size_t room() const;

  // Whether a reading of the clock is nothing beside a task.
  [[nodiscard]] bool allows_clock() const { return per_task_ == 0 || per_task_ >= 1000; }

  // Whether all of the last chunks were so short, task by task, that a loop that runs the next one itself is
  // not missed meanwhile.
  [[nodiscard]] bool short_lately() const { return short_in_a_row_ >= many_in_a_row; }

  // How long a chunk should take.
  [[nodiscard]] static std::chrono::nanoseconds enough() { return target; }

  // A chunk that has taken longer than that was cut from a wrong guess.
  [[nodiscard]] static std::chrono::nanoseconds too_long() { return 2 * target; }

 private:
  static constexpr std::chrono::nanoseconds target = std::chrono::microseconds(150);
  static constexpr std::size_t many_in_a_row = 64;

  std::size_t executors_;
  std::uint64_t per_task_ = 0;  // ns, a moving average; 0: not known yet
  std::size_t wanted_ = 1;      // tasks that fill the target; grows by doubling
  std::size_t short_in_a_row_ = 0;
};

}  // namespace fanmill::work
