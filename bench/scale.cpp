// How does the dispatcher do with ten thousand workers? The production dispatcher hands tasks to virtual
// workers under virtual time; only its own cost is real.
//
//   scale [--workers N] [--tasks-each N] [--task-us T]
//
// Workers have one slot, and speeds that differ by up to four times. A task's acknowledgement comes 0.3 ms
// after its end, together with what else ended in the same 0.1 ms. Prints one line of JSON: `ns_per_task`,
// the whole simulation's time for each task, `harness_ns_per_task`, what of it is not the dispatcher;
// `makespan`, of what perfect balance would take; `bytes_per_worker`, of memory that the dispatcher took for
// it.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include <malloc.h>

#include <fanmill/core/dispatcher.hpp>

namespace {

using namespace fanmill;
using namespace std::chrono_literals;
using core::Dispatcher;

constexpr auto tick = 100us;
constexpr auto way_back = 300us;
constexpr std::uint32_t batch = 8192;
const std::string payload(64, 'x');

struct Settings {
  std::uint64_t workers = 1000;
  std::uint64_t tasks_each = 200;
  std::uint64_t task_us = 1000;
};

// One virtual worker: runs what it holds one after the other.
struct Worker {
  Duration takes{};
  Time free_at{};
  std::deque<TaskId> waiting;  // the first of them runs
};

struct End {
  Time when;
  std::uint32_t worker;
  friend bool operator>(const End& left, const End& right) { return left.when > right.when; }
};

class Simulation {
 public:
  explicit Simulation(const Settings& settings) : settings_(settings), workers_(settings.workers) {
    const std::size_t before = allocated();
    dispatcher_ = std::make_unique<Dispatcher>(Dispatcher::Settings{});
    for (std::uint64_t i = 0; i < settings.workers; ++i) {
      // 1 … 4 times the given time, in an order that is not one of size.
      workers_[i].takes = std::chrono::microseconds(settings.task_us * (4 + (i * 7919) % 13) / 4);
      dispatcher_->open({.slots = 1, .max_batch = batch});
      rate_ += 1 / std::chrono::duration<double>(workers_[i].takes).count();
    }
    bytes_ = allocated() - before;
  }

  void run() {
    const std::uint64_t count = settings_.workers * settings_.tasks_each;
    const auto begin = Clock::now();
    Time now = start_;
    while (dispatcher_->acknowledged() < count) {
      now = std::max(now + tick, ends_.empty() ? now : std::min(ends_.top().when + way_back, now + 1s));
      finish_until(now);
      in_dispatcher([&] {
        if (!acknowledged_.empty()) dispatcher_->acknowledge(acknowledged_, now);
        dispatcher_->wake(now);
      });
      acknowledged_.clear();
      answer_recalls();
      hand_out(now, count);
    }
    const double all = seconds(Clock::now() - begin);
    const double ideal = static_cast<double>(count) / rate_;
    std::printf(
        "{\"workers\": %llu, \"tasks\": %llu, \"ns_per_task\": %.1f, \"harness_ns_per_task\": %.1f, "
        "\"makespan\": %.4f, \"bytes_per_worker\": %llu}\n",
        static_cast<unsigned long long>(settings_.workers), static_cast<unsigned long long>(count),
        all * 1e9 / static_cast<double>(count), (all - seconds(spent_)) * 1e9 / static_cast<double>(count),
        seconds(last_end_ - start_) / ideal, static_cast<unsigned long long>(bytes_ / settings_.workers));
  }

 private:
  static std::size_t allocated() {
    const auto memory = mallinfo2();
    return memory.uordblks + memory.hblkhd;
  }

  static double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

  template <typename Call>
  void in_dispatcher(Call call) {
    const auto begin = Clock::now();
    call();
    spent_ += Clock::now() - begin;
  }

  // What ended long enough before `now` for the news of it to be here.
  void finish_until(Time now) {
    ended_.clear();
    while (!ends_.empty() && ends_.top().when + way_back <= now) {
      const End end = ends_.top();
      ends_.pop();
      Worker& worker = workers_[end.worker];
      ended_.push_back(worker.waiting.front());
      worker.waiting.pop_front();
      last_end_ = std::max(last_end_, end.when);
      if (!worker.waiting.empty()) begin_next(end.worker, end.when);
    }
    std::sort(ended_.begin(), ended_.end());
    for (const TaskId id : ended_) {
      if (!acknowledged_.empty() && acknowledged_.back().last + 1 == id) {
        acknowledged_.back().last = id;
      } else {
        acknowledged_.push_back({id, id});
      }
    }
  }

  void begin_next(std::uint32_t worker, Time now) {
    Worker& one = workers_[worker];
    one.free_at = std::max(now, one.free_at) + one.takes;
    ends_.push({one.free_at, worker});
  }

  // A worker gives what it has not begun, the last first.
  void answer_recalls() {
    for (;;) {
      std::optional<Dispatcher::Recall> recall;
      in_dispatcher([&] { recall = dispatcher_->recall(); });
      if (!recall) return;
      Worker& worker = workers_[recall->lane];
      ended_.clear();
      while (worker.waiting.size() > 1 && ended_.size() < recall->most) {
        ended_.push_back(worker.waiting.back());
        worker.waiting.pop_back();
      }
      std::vector<IdRange> ids;
      std::sort(ended_.begin(), ended_.end());
      for (const TaskId id : ended_) ids.push_back({id, id});
      in_dispatcher([&] { dispatcher_->given(recall->lane, recall->number, ids); });
    }
  }

  void hand_out(Time now, std::uint64_t count) {
    for (;;) {
      in_dispatcher([&] {
        while (dispatcher_->added() < count && dispatcher_->wants_input()) dispatcher_->add(payload);
        if (dispatcher_->added() == count) dispatcher_->end_input();
      });
      bool any = false;
      for (;;) {
        bool got = false;
        in_dispatcher([&] { got = dispatcher_->next(handout_); });
        if (!got) break;
        any = true;
        const auto worker = static_cast<std::uint32_t>(handout_.lane);
        const bool idle = workers_[worker].waiting.empty();
        for (const wire::TaskView& task : handout_.tasks()) workers_[worker].waiting.push_back(task.id);
        if (idle) begin_next(worker, now);
      }
      if (!any) return;
    }
  }

  const Settings settings_;
  const Time start_ = Time{} + 1s;
  std::vector<Worker> workers_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  Dispatcher::Handout handout_;
  std::vector<TaskId> ended_;
  std::vector<IdRange> acknowledged_;
  Time last_end_{};
  Duration spent_{};
  double rate_ = 0;  // tasks per second of all workers together
  std::size_t bytes_ = 0;
};

[[noreturn]] void usage() {
  std::fputs("Usage: scale [--workers N] [--tasks-each N] [--task-us T]\n", stderr);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    const std::uint64_t value = i + 1 < argc ? std::strtoull(argv[i + 1], nullptr, 10) : 0;
    if (value == 0) usage();
    if (name == "--workers") {
      settings.workers = value;
    } else if (name == "--tasks-each") {
      settings.tasks_each = value;
    } else if (name == "--task-us") {
      settings.task_us = value;
    } else {
      usage();
    }
  }
  Simulation(settings).run();
  return 0;
}
