#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include <fanmill/store/order_buffer.hpp>

namespace fanmill::store {

namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 20;
constexpr std::size_t largest_window = std::size_t{256} << 10;
constexpr std::size_t smallest_window = std::size_t{4} << 10;

// std's heaps have the largest on top; ours have the smallest id there.
constexpr auto entry_after = [](const auto& left, const auto& right) {
  return left.record.id > right.record.id;
};
constexpr auto run_after = [](const auto& left, const auto& right) { return left.head > right.head; };

}  // namespace

std::string& OrderBuffer::begin(TaskId id) {
  open_.record.id = id;
  open_.at = block_.size();
  return block_;
}

void OrderBuffer::end(ByteView stderr_text) {
  open_.record.output = block_.size() - open_.at;
  open_.record.stderr_text = stderr_text.size();
  block_.append(stderr_text);
  bytes_ += open_.record.size();
  entries_.push_back(open_);
  std::push_heap(entries_.begin(), entries_.end(), entry_after);
  if (block_.size() + entries_.size() * sizeof(Record) >= block_bytes) close_block();
}

bool OrderBuffer::block_is_first() const {
  return !entries_.empty() && (runs_.empty() || entries_.front().record.id < runs_.front().head);
}

std::optional<TaskId> OrderBuffer::first() const {
  if (block_is_first()) return entries_.front().record.id;
  if (runs_.empty()) return std::nullopt;
  return runs_.front().head;
}

void OrderBuffer::take_first(std::string& output, std::string& stderr_text) {
  assert(first());
  if (block_is_first()) {
    take_from_block(output, stderr_text);
  } else {
    take_from_run(output, stderr_text);
  }
}

void OrderBuffer::take_from_block(std::string& output, std::string& stderr_text) {
  std::pop_heap(entries_.begin(), entries_.end(), entry_after);
  const Entry& entry = entries_.back();
  output.append(block_, entry.at, entry.record.output);
  stderr_text.append(block_, entry.at + entry.record.output, entry.record.stderr_text);
  bytes_ -= entry.record.size();
  entries_.pop_back();
  if (entries_.empty()) block_.clear();
}

void OrderBuffer::take_from_run(std::string& output, std::string& stderr_text) {
  std::pop_heap(runs_.begin(), runs_.end(), run_after);
  Run& run = runs_.back();
  Record record;
  load(run, sizeof record);
  std::memcpy(&record, run.bytes.data() + run.at, sizeof record);
  load(run, record.size());
  output.append(run.bytes, run.at + sizeof record, record.output);
  stderr_text.append(run.bytes, run.at + sizeof record + record.output, record.stderr_text);
  run.at += record.size();
  bytes_ -= record.size();
  if (run.at == run.bytes.size() && run.file_at == run.file_end) {
    retire(run);
    runs_.pop_back();
    return;
  }
  load(run, sizeof record);
  std::memcpy(&run.head, run.bytes.data() + run.at, sizeof run.head);
  std::push_heap(runs_.begin(), runs_.end(), run_after);
}

// Makes sure that `size` bytes from `at` on are in memory.
void OrderBuffer::load(Run& run, std::size_t size) {
  const std::size_t have = run.bytes.size() - run.at;
  if (have >= size) return;
  assert(!run.in_memory());
  // Many runs may be open at the same time, so they share what memory there is.
  const std::size_t window = std::clamp(memory_limit_ / runs_.size(), smallest_window, largest_window);
  const std::uint64_t more =
      std::min<std::uint64_t>(run.file_end - run.file_at, std::max(size - have, window));
  run.bytes.erase(0, run.at);
  run.at = 0;
  run.bytes.resize(have + more);
  spool_.read(run.file_at, run.bytes.data() + have, more);
  run.file_at += more;
}

void OrderBuffer::retire(Run& run) {
  if (run.in_memory()) {
    memory_ -= run.bytes.size();
  } else {
    spool_.forget(run.file_begin, run.file_end - run.file_begin);
  }
}

// Also where most of the block has been taken already: what is left is a small run, and the room is free
// again.
void OrderBuffer::close_block() {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& left, const Entry& right) { return left.record.id < right.record.id; });
  std::size_t size = 0;
  for (const Entry& entry : entries_) size += entry.record.size();
  Run run;
  run.head = entries_.front().record.id;
  run.bytes.reserve(size);
  for (const Entry& entry : entries_) {
    run.bytes.append(reinterpret_cast<const char*>(&entry.record), sizeof entry.record);
    run.bytes.append(block_, entry.at, entry.record.output + entry.record.stderr_text);
  }
  entries_.clear();
  // A huge result's room is not kept.
  if (block_.capacity() > 4 * block_bytes) std::string().swap(block_);
  block_.clear();
  memory_ += run.bytes.size();
  runs_.push_back(std::move(run));
  std::push_heap(runs_.begin(), runs_.end(), run_after);
}

void OrderBuffer::spill() {
  while (memory_ > memory_limit_) {
    // What comes last waits longest.
    Run* last = nullptr;
    for (Run& run : runs_) {
      if (run.in_memory() && (last == nullptr || run.head > last->head)) last = &run;
    }
    assert(last != nullptr);
    const ByteView rest = ByteView(last->bytes).substr(last->at);
    last->file_begin = last->file_at = spool_.append(rest);
    last->file_end = last->file_begin + rest.size();
    memory_ -= last->bytes.size();
    std::string().swap(last->bytes);
    last->at = 0;
  }
}

}  // namespace fanmill::store
