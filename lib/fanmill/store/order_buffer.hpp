#pragma once
// Results that wait for their turn, in memory up to a limit and beyond it in a temporary file.
//
// It is an external merge sort that never ends: results are collected in a block of about 1 MiB; a full block
// is sorted and becomes a run; runs beyond the limit go to the file; the smallest id is found among the heads
// of all runs. So what is in memory for a result in the file is nothing: only each run has a head and, while
// it is read, a window. Ten gigabytes that wait for one slow task are ten thousand heads.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/store/spool.hpp>

namespace fanmill::store {

class OrderBuffer {
 public:
  // `memory` in bytes; blocks under way and windows of runs in the file come on top of it.
  explicit OrderBuffer(std::size_t memory) : memory_limit_(memory) {}

  // Takes one result: what begin() returns is to be appended to, then comes end(). Ids must be new.
  std::string& begin(TaskId id);
  void end(ByteView stderr_text);

  // The smallest id that waits.
  [[nodiscard]] std::optional<TaskId> first() const;
  // Appends that one's bytes, and forgets it. Throws Error{unavailable} for a file that cannot be read.
  void take_first(std::string& output, std::string& stderr_text);

  // Moves what is over the limit to the file. Throws Error{unavailable} for a file that cannot be written.
  void spill();

  // Of all that waits, a few bytes for each result included.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  // Of it in memory, in runs; and how large the file is.
  [[nodiscard]] std::size_t bytes_in_memory() const { return memory_; }
  [[nodiscard]] std::uint64_t bytes_in_file() const { return spool_.size(); }

 private:
  // How a result stands in a run: this, the output, the stderr.
  struct Record {
    TaskId id = 0;
    std::uint64_t output = 0;       // bytes
    std::uint64_t stderr_text = 0;  // bytes
    [[nodiscard]] std::size_t size() const { return sizeof(Record) + output + stderr_text; }
  };

  // Where a result is in the block.
  struct Entry {
    Record record;
    std::size_t at = 0;
  };

  // Results in ascending order: first what is in `bytes` from `at` on, then what is in the file.
  struct Run {
    TaskId head = 0;
    std::string bytes;
    std::size_t at = 0;
    std::uint64_t file_begin = 0;
    std::uint64_t file_at = 0;
    std::uint64_t file_end = 0;  // file_begin == file_end: it is in memory
    [[nodiscard]] bool in_memory() const { return file_begin == file_end; }
  };

  void close_block();
  void take_from_block(std::string& output, std::string& stderr_text);
  void take_from_run(std::string& output, std::string& stderr_text);
  void load(Run& run, std::size_t size);
  void retire(Run& run);
  [[nodiscard]] bool block_is_first() const;

  std::size_t memory_limit_;
  std::size_t memory_ = 0;
  std::uint64_t bytes_ = 0;
  std::string block_;           // bytes of results as they came
  std::vector<Entry> entries_;  // of those in the block, a heap
  Entry open_;                  // between begin() and end()
  std::vector<Run> runs_;       // a heap
  Spool spool_;
};

}  // namespace fanmill::store
