#pragma once
// What a sink that resumes needs of neighbouring rows, together in one row of the table `block`: keys, tasks
// and outcomes of thousands are read for the price of one. It repeats what stands in `result`, which counts:
// rows that no block has are read themselves, and triggers take away the block of a row that is changed.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>

namespace fanmill::store {

// Neighbouring rows of neighbouring tasks with the same outcome.
struct TaskRun {
  IdRange tasks;
  Outcome outcome = Outcome::ok;
};

// The rows of a block while they are made.
class RowBlock {
 public:
  // A row that does not follow the one before begins a new block, and what there was is gone. So does one
  // without a key, with which no block can begin.
  void add(std::uint64_t row, const std::optional<Key>& key, TaskId task, Outcome outcome);
  void clear();

  [[nodiscard]] std::uint64_t first() const { return first_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // As they stand in the file: 16 bytes for each key; and for each run of tasks two numbers of 8 bytes, the
  // least significant first: the first task with the outcome in the two highest bits, and how many.
  [[nodiscard]] ByteView keys() const { return keys_; }
  [[nodiscard]] std::string tasks() const;

 private:
  std::uint64_t first_ = 0;
  std::uint64_t count_ = 0;
  std::string keys_;
  std::vector<TaskRun> tasks_;
};

// The runs of a block of `count` rows; none for what cannot have come from tasks().
[[nodiscard]] std::optional<std::vector<TaskRun>> read_tasks(ByteView bytes, std::uint64_t count);

}  // namespace fanmill::store
