#include <algorithm>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/wire/tasks.hpp>

using namespace fanmill;
using namespace fanmill::wire;

namespace {

const std::string text = "zero one two three alone four five";

// Neighbours, one by itself, and neighbours again.
TaskBatch batch_of_six() {
  TaskBatch batch;
  Cut* cuts = batch.add_neighbours(7, 0, text.data(), 3);
  cuts[0] = {0, 4};
  cuts[1] = {5, 3};
  cuts[2] = {9, 3};
  batch.add({100, 3, ByteView(text).substr(19, 5)});
  cuts = batch.add_neighbours(101, 3, text.data() + 25, 2);
  cuts[0] = {0, 4};
  cuts[1] = {5, 4};
  return batch;
}

const std::vector<TaskView> six{{7, 0, "zero"},    {8, 0, "one"},    {9, 0, "two"},
                                {100, 3, "alone"}, {101, 3, "four"}, {102, 3, "five"}};

std::vector<TaskView> views(const TaskList& list) {
  return {list.begin(), list.end()};
}

}  // namespace

TEST_CASE("task list: each task is what was added, wherever it begins and ends") {
  const TaskBatch batch = batch_of_six();
  const TaskList all = batch.list();
  CHECK(batch.size() == 6);
  CHECK(views(all) == six);
  for (std::size_t first = 0; first <= six.size(); ++first) {
    for (std::size_t last = first; last <= six.size(); ++last) {
      const TaskList some = all.subspan(first, last - first);
      const std::vector<TaskView> expected(six.begin() + static_cast<std::ptrdiff_t>(first),
                                           six.begin() + static_cast<std::ptrdiff_t>(last));
      CHECK(some.size() == expected.size());
      CHECK(some.empty() == expected.empty());
      CHECK(views(some) == expected);
      std::vector<IdRange> ids;
      for (const TaskView& task : expected) append_neighbours(ids, {task.id, task.id});
      CHECK(some.ids() == ids);
      if (expected.empty()) continue;
      CHECK(some.front() == expected.front());
      CHECK(views(some.first(1)) == std::vector{expected.front()});
      CHECK(views(some.last(1)) == std::vector{expected.back()});
    }
  }
  CHECK(TaskList().empty());
  CHECK(TaskList().ids().empty());
}

TEST_CASE("task list: a cursor finds what lies ahead, in whatever steps") {
  const TaskBatch batch = batch_of_six();
  for (std::size_t first = 0; first < six.size(); ++first) {
    const TaskList list = batch.list().last(six.size() - first);
    for (unsigned which = 0; which < 64; ++which) {
      TaskCursor cursor(list);
      const char* memory = nullptr;
      for (std::uint32_t i = 0; i < list.size(); ++i) {
        if ((which >> i & 1) == 0) continue;
        const bool moves = cursor.moves_to(i);
        CHECK(TaskView{cursor.id(), cursor.attempt(), cursor.payload()} == six[first + i]);
        CHECK((moves || cursor.memory() == memory));
        memory = cursor.memory();
      }
    }
  }
}

TEST_CASE("task list: a batch that is used again says nothing of what it had") {
  TaskBatch batch = batch_of_six();
  batch.clear();
  CHECK(batch.size() == 0);
  CHECK(batch.list().empty());
  batch.add({5, 1, "five"});
  CHECK(views(batch.list()) == std::vector<TaskView>{{5, 1, "five"}});
}
