#pragma once
// One or more of every message, filled in, for what must hold of all of them.

#include <string>
#include <vector>

#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::wire::test {

[[nodiscard]] std::vector<Control> control_samples();
[[nodiscard]] std::vector<TaskView> task_samples();
// Those that are ok have no detail.
[[nodiscard]] std::vector<ResultView> result_samples();

// As they lie in one block of an input, from `first` on.
[[nodiscard]] std::vector<TaskView> task_neighbours(TaskId first);

[[nodiscard]] std::string write_tasks(const TasksHeader& header, const std::vector<TaskView>& tasks);
[[nodiscard]] std::string write_results(const ResultsHeader& header, const std::vector<ResultView>& results,
                                        ByteView between = {});
// Of views into one frame: what it said of neighbours, and between them, is said again.
[[nodiscard]] std::string write_tasks_of(const TasksHeader& header, const std::vector<TaskView>& tasks);
[[nodiscard]] std::string write_results_of(const ResultsHeader& header,
                                           const std::vector<ResultView>& results);

struct Sample {
  std::string name;
  std::string frame;
  // Decodes, and encodes again what was understood.
  Decoded<std::string> (*rewrite)(ByteView frame);
};

[[nodiscard]] std::vector<Sample> all_samples();

}  // namespace fanmill::wire::test
