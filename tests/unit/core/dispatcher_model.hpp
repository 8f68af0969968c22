#pragma once
// The dispatcher's promises kept the plain way, to compare it with: one map entry per task, one list of what
// goes first.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <fanmill/core/dispatcher.hpp>

namespace fanmill::core::test {

class DispatcherModel {
 public:
  enum class State : std::uint8_t { fresh, again, out, done };
  struct Task {
    std::string payload;
    State state = State::fresh;
    std::uint32_t attempt = 0;
    LaneIndex lane = 0;
  };
  struct Lane {
    Dispatcher::Limits limits;
    std::set<TaskId> held;
    bool draining = false;
  };

  void add(std::string payload) { tasks.push_back({std::move(payload)}); }

  void open(LaneIndex index, const Dispatcher::Limits& limits) { lanes[index] = {limits, {}, false}; }

  std::uint64_t close(LaneIndex index) {
    const std::set<TaskId> lost = lanes.at(index).held;
    for (const TaskId id : lost) ++tasks[id].attempt;
    put_back(lost);
    lanes.erase(index);
    return lost.size();
  }

  std::uint64_t give_back(LaneIndex index, const std::vector<IdRange>& ids) {
    std::set<TaskId> back;
    for (const TaskId id : lanes.at(index).held) {
      if (covers(ids, id)) back.insert(id);
    }
    for (const TaskId id : back) lanes.at(index).held.erase(id);
    put_back(back);
    return back.size();
  }

  std::uint64_t acknowledge(const std::vector<IdRange>& ids) {
    std::uint64_t forgotten = 0;
    for (TaskId id = 0; id < tasks.size(); ++id) {
      Task& task = tasks[id];
      if (!covers(ids, id) || (task.state != State::out && task.state != State::again)) continue;
      if (task.state == State::out) lanes.at(task.lane).held.erase(id);
      task.state = State::done;
      ++forgotten;
    }
    return forgotten;
  }

  // What has to be handed out next.
  [[nodiscard]] std::optional<TaskId> front() const {
    for (const TaskId id : again) {
      if (tasks[id].state == State::again) return id;
    }
    for (TaskId id = next_fresh; id < tasks.size(); ++id) return id;
    return std::nullopt;
  }

  void hand_out(TaskId id, LaneIndex lane) {
    while (!again.empty() && tasks[again.front()].state != State::again) again.pop_front();
    if (!again.empty() && again.front() == id) {
      again.pop_front();
    } else {
      next_fresh = id + 1;
    }
    tasks[id].state = State::out;
    tasks[id].lane = lane;
    lanes.at(lane).held.insert(id);
  }

  [[nodiscard]] std::uint64_t count(State state) const {
    return static_cast<std::uint64_t>(
        std::count_if(tasks.begin(), tasks.end(), [&](const Task& task) { return task.state == state; }));
  }
  [[nodiscard]] std::size_t bytes() const {
    std::size_t all = 0;
    for (const Task& task : tasks) all += task.state == State::done ? 0 : task.payload.size();
    return all;
  }
  [[nodiscard]] std::size_t held_bytes(const Lane& lane) const {
    std::size_t all = 0;
    for (const TaskId id : lane.held) all += tasks[id].payload.size();
    return all;
  }
  // Room beyond doubt: with the credit that every lane has at least, and below the limit of bytes.
  [[nodiscard]] bool has_room(const Lane& lane, std::uint64_t credit) const {
    if (lane.draining || lane.held.size() >= credit) return false;
    return held_bytes(lane) < (std::size_t{1} << 20) || lane.held.size() <= lane.limits.slots;
  }

  std::vector<Task> tasks;  // by id
  std::map<LaneIndex, Lane> lanes;
  std::deque<TaskId> again;
  TaskId next_fresh = 0;

 private:
  static bool covers(const std::vector<IdRange>& ids, TaskId id) {
    return std::any_of(ids.begin(), ids.end(),
                       [id](const IdRange& range) { return range.first <= id && id <= range.last; });
  }
  void put_back(const std::set<TaskId>& ids) {
    for (const TaskId id : ids) tasks[id].state = State::again;
    again.insert(again.begin(), ids.begin(), ids.end());
  }
};

}  // namespace fanmill::core::test
