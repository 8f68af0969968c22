#pragma once
// The dispatcher's promises kept the plain way, to compare it with: one map entry per task, one list of what
// goes first. Its bodies are in a file of their own, which is optimised: it looks at every task at every
// step.

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

  void add(std::string payload);
  void open(LaneIndex index, const Dispatcher::Limits& limits);
  std::uint64_t close(LaneIndex index);
  std::uint64_t give_back(LaneIndex index, const std::vector<IdRange>& ids);
  std::uint64_t acknowledge(const std::vector<IdRange>& ids);
  // What has to be handed out next.
  [[nodiscard]] std::optional<TaskId> front() const;
  void hand_out(TaskId id, LaneIndex lane);

  [[nodiscard]] std::uint64_t count(State state) const;
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] std::size_t held_bytes(const Lane& lane) const;
  // Room beyond doubt: with the credit that every lane has at least, and below the limit of bytes.
  [[nodiscard]] bool has_room(const Lane& lane, std::uint64_t credit) const;

  std::vector<Task> tasks;  // by id
  std::map<LaneIndex, Lane> lanes;
  std::deque<TaskId> again;
  TaskId next_fresh = 0;

 private:
  void put_back(const std::set<TaskId>& ids);
};

}  // namespace fanmill::core::test
