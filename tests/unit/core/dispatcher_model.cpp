#include "dispatcher_model.hpp"

#include <algorithm>
#include <utility>

namespace fanmill::core::test {

namespace {

bool covers(const std::vector<IdRange>& ids, TaskId id) {
  return std::any_of(ids.begin(), ids.end(),
                     [id](const IdRange& range) { return range.first <= id && id <= range.last; });
}

}  // namespace

void DispatcherModel::add(std::string payload) {
  tasks.push_back({std::move(payload)});
}

void DispatcherModel::open(LaneIndex index, const Dispatcher::Limits& limits) {
  lanes[index] = {limits, {}, false};
}

std::uint64_t DispatcherModel::close(LaneIndex index) {
  const std::set<TaskId> lost = lanes.at(index).held;
  for (const TaskId id : lost) ++tasks[id].attempt;
  put_back(lost);
  lanes.erase(index);
  return lost.size();
}

std::uint64_t DispatcherModel::give_back(LaneIndex index, const std::vector<IdRange>& ids) {
  std::set<TaskId> back;
  for (const TaskId id : lanes.at(index).held) {
    if (covers(ids, id)) back.insert(id);
  }
  for (const TaskId id : back) lanes.at(index).held.erase(id);
  put_back(back);
  return back.size();
}

std::uint64_t DispatcherModel::acknowledge(const std::vector<IdRange>& ids) {
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

std::optional<TaskId> DispatcherModel::front() const {
  for (const TaskId id : again) {
    if (tasks[id].state == State::again) return id;
  }
  for (TaskId id = next_fresh; id < tasks.size(); ++id) return id;
  return std::nullopt;
}

void DispatcherModel::hand_out(TaskId id, LaneIndex lane) {
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

std::uint64_t DispatcherModel::count(State state) const {
  return static_cast<std::uint64_t>(
      std::count_if(tasks.begin(), tasks.end(), [&](const Task& task) { return task.state == state; }));
}
std::size_t DispatcherModel::bytes() const {
  std::size_t all = 0;
  for (const Task& task : tasks) all += task.state == State::done ? 0 : task.payload.size();
  return all;
}
std::size_t DispatcherModel::held_bytes(const Lane& lane) const {
  std::size_t all = 0;
  for (const TaskId id : lane.held) all += tasks[id].payload.size();
  return all;
}
bool DispatcherModel::has_room(const Lane& lane, std::uint64_t credit) const {
  if (lane.draining || lane.held.size() >= credit) return false;
  return held_bytes(lane) < (std::size_t{1} << 20) || lane.held.size() <= lane.limits.slots;
}

void DispatcherModel::put_back(const std::set<TaskId>& ids) {
  for (const TaskId id : ids) tasks[id].state = State::again;
  again.insert(again.begin(), ids.begin(), ids.end());
}

}  // namespace fanmill::core::test
