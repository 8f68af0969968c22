#pragma once
// Tasks whose payloads are views into one frame, one after the other, as the blocks that a TasksWriter takes.

#include <vector>

#include <fanmill/wire/batch.hpp>

namespace fanmill::wire::test {

inline void add_in_blocks(TasksWriter& writer, const std::vector<TaskView>& tasks) {
  std::vector<Cut> cuts;
  for (std::size_t at = 0; at < tasks.size(); at += cuts.size()) {
    const TaskView& first = tasks[at];
    const char* end = first.payload.data();
    cuts.clear();
    for (std::size_t i = at; i < tasks.size(); ++i) {
      const TaskView& task = tasks[i];
      if (task.id != first.id + cuts.size() || task.attempt != first.attempt || task.payload.data() < end)
        break;
      cuts.push_back({static_cast<std::uint32_t>(task.payload.data() - first.payload.data()),
                      static_cast<std::uint32_t>(task.payload.size())});
      end = task.payload.data() + task.payload.size();
    }
    writer.add(TaskBlock{first.id, first.attempt, first.payload.data(), cuts});
  }
}

}  // namespace fanmill::wire::test
