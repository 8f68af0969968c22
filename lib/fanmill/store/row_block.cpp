#include <array>
#include <cstddef>

#include <fanmill/store/row_block.hpp>
#include <fanmill/store/stored_key.hpp>

namespace fanmill::store {

namespace {

constexpr std::size_t number_bytes = 8;
constexpr unsigned outcome_shift = 62;

void put_number(std::string& bytes, std::uint64_t number) {
  for (std::size_t i = 0; i < number_bytes; ++i) bytes += static_cast<char>(number >> (8 * i));
}

std::uint64_t get_number(ByteView bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = number_bytes; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[i]);
  return number;
}

}  // namespace

void RowBlock::add(std::uint64_t row, const std::optional<Key>& key, TaskId task, Outcome outcome) {
  if (!key || row != first_ + count_) clear();
  if (!key) return;
  if (count_ == 0) first_ = row;
  ++count_;
  const StoredKey stored = to_stored(*key);
  keys_.append(stored.data(), stored.size());
  if (!tasks_.empty() && tasks_.back().outcome == outcome && tasks_.back().tasks.last + 1 == task) {
    tasks_.back().tasks.last = task;
  } else {
    tasks_.push_back({{task, task}, outcome});
  }
}

void RowBlock::clear() {
  count_ = 0;
  keys_.clear();
  tasks_.clear();
}

std::string RowBlock::tasks() const {
  std::string bytes;
  bytes.reserve(tasks_.size() * 2 * number_bytes);
  for (const TaskRun& run : tasks_) {
    put_number(bytes, run.tasks.first | static_cast<std::uint64_t>(run.outcome) << outcome_shift);
    put_number(bytes, run.tasks.last - run.tasks.first + 1);
  }
  return bytes;
}

std::optional<std::vector<TaskRun>> read_tasks(ByteView bytes, std::uint64_t count) {
  constexpr std::array outcomes{Outcome::ok, Outcome::failed, Outcome::dead};
  std::vector<TaskRun> runs;
  for (; bytes.size() >= 2 * number_bytes; bytes.remove_prefix(2 * number_bytes)) {
    const std::uint64_t start = get_number(bytes);
    const std::uint64_t outcome = start >> outcome_shift;
    const TaskId first = start & ((std::uint64_t{1} << outcome_shift) - 1);
    const std::uint64_t size = get_number(bytes.substr(number_bytes));
    if (outcome >= outcomes.size() || first > max_task_id || size == 0 || size > count ||
        size - 1 > max_task_id - first) {
      return std::nullopt;
    }
    runs.push_back({{first, first + size - 1}, outcomes[outcome]});
    count -= size;
  }
  if (!bytes.empty() || count != 0) return std::nullopt;
  return runs;
}

}  // namespace fanmill::store
