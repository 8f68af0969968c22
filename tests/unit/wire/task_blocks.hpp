#pragma once
// Tasks as views: of what was read; and, with payloads that lie in one frame one after the other, as the
// blocks that a TasksWriter takes.

#include <span>
#include <vector>

#include <fanmill/wire/batch.hpp>

namespace fanmill::wire::test {

// As decode_tasks, with a view of each.
inline Decoded<TasksHeader> read_tasks(ByteView frame, std::vector<TaskView>& tasks,
                                       std::span<const ByteView> more = {}) {
  TaskBatch batch;
  const auto header = decode_tasks(frame, batch, more);
  const TaskList list = batch.list();
  tasks.assign(list.begin(), list.end());
  return header;
}

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
