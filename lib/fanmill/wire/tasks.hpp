#pragma once
// Tasks as they are handed about: one by one as views, or many at a time as they lie in a block of memory.
// Neighbours differ in nothing but where their payloads lie, so for each of many there are eight bytes and no
// more: a view of each would be more memory than most payloads are, written by one thread and read by
// another.
//
// Pure: no socket, no thread, no clock.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>

namespace fanmill::wire {

// Views into the frame that they were read from, or into whatever the caller encodes from.
struct TaskView {
  TaskId id = 0;
  std::uint32_t attempt = 0;  // from 0
  ByteView payload;
  friend bool operator==(const TaskView&, const TaskView&) = default;
};

// Where a payload lies in a block of memory.
struct Cut {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  friend bool operator==(const Cut&, const Cut&) = default;
};

// Tasks with one id after the other and one attempt, whose payloads lie in one block in this order. What is
// between them may be copied too.
struct TaskBlock {
  TaskId first = 0;
  std::uint32_t attempt = 0;
  const char* base = nullptr;  // what offsets count from
  std::span<const Cut> cuts;
  const Bytes* memory =
      nullptr;  // where it all lies, to be shared by who sends it; null: it can only be copied
  // Bytes between each payload and the next, where there are as many everywhere; without it that is looked
  // for.
  std::optional<std::size_t> between{};
  [[nodiscard]] TaskView operator[](std::size_t index) const {
    return {first + index, attempt, {base + cuts[index].offset, cuts[index].size}};
  }
};

class TaskList;

// The tasks of a message. Payloads are views.
class TaskBatch {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  void clear() {
    size_ = 0;
    runs_.clear();
  }
  void add(const TaskView& task) {
    *add_neighbours(task.id, task.attempt, task.payload.data(), 1) = {
        0, static_cast<std::uint32_t>(task.payload.size())};
  }
  // With one id after the other and one attempt. Where they lie, counted from `base`, is for the caller to
  // write there, before anything else is added.
  [[nodiscard]] Cut* add_neighbours(TaskId first, std::uint32_t attempt, const char* base,
                                    std::size_t count) {
    // Never made smaller: to construct what the last message left would cost more than to read it.
    if (cuts_.size() < size_ + count) cuts_.resize(size_ + count);
    runs_.push_back({first, base, attempt, static_cast<std::uint32_t>(size_)});
    size_ += count;
    return cuts_.data() + size_ - count;
  }
  [[nodiscard]] TaskList list() const;  // until something is added

 private:
  friend class TaskList;
  friend class TaskCursor;
  struct Run {
    TaskId first = 0;
    const char* base = nullptr;
    std::uint32_t attempt = 0;
    std::uint32_t begin = 0;  // which task of the batch is its first one
  };

  [[nodiscard]] std::uint32_t end_of(std::size_t run) const {
    return run + 1 < runs_.size() ? runs_[run + 1].begin : static_cast<std::uint32_t>(size_);
  }
  [[nodiscard]] std::size_t run_of(std::uint32_t index) const;
  [[nodiscard]] TaskView view(std::size_t run, std::uint32_t index) const {
    const Run& its = runs_[run];
    return {
        its.first + (index - its.begin), its.attempt, {its.base + cuts_[index].offset, cuts_[index].size}};
  }

  std::vector<Cut> cuts_;  // more than size_ perhaps
  std::vector<Run> runs_;
  std::size_t size_ = 0;
};

// Tasks first … last − 1 of a batch, which outlives this.
class TaskList {
 public:
  TaskList() = default;
  TaskList(const TaskBatch& batch, std::size_t first, std::size_t last)
      : batch_(&batch), first_(static_cast<std::uint32_t>(first)), last_(static_cast<std::uint32_t>(last)) {
    assert(first <= last && last <= batch.size());
  }

  [[nodiscard]] std::size_t size() const { return last_ - first_; }
  [[nodiscard]] bool empty() const { return first_ == last_; }
  [[nodiscard]] TaskView operator[](std::size_t index) const {
    const std::uint32_t of_batch = first_ + static_cast<std::uint32_t>(index);
    assert(of_batch < last_);
    return batch_->view(batch_->run_of(of_batch), of_batch);
  }
  [[nodiscard]] TaskView front() const { return (*this)[0]; }
  [[nodiscard]] TaskList subspan(std::size_t from, std::size_t count) const {
    assert(from + count <= size());
    return {*batch_, first_ + from, first_ + from + count};
  }
  [[nodiscard]] TaskList first(std::size_t count) const { return subspan(0, count); }
  [[nodiscard]] TaskList last(std::size_t count) const { return subspan(size() - count, count); }
  // Those of neighbours are one range.
  [[nodiscard]] std::vector<IdRange> ids() const;

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = TaskView;
    using difference_type = std::ptrdiff_t;
    using pointer = const TaskView*;
    using reference = TaskView;
    Iterator(const TaskList& list, std::size_t index) : list_(&list), index_(index) {}
    [[nodiscard]] TaskView operator*() const { return (*list_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) {
      const Iterator before = *this;
      ++index_;
      return before;
    }
    friend bool operator==(const Iterator& left, const Iterator& right) {
      return left.index_ == right.index_;
    }

   private:
    const TaskList* list_;
    std::size_t index_;
  };
  [[nodiscard]] Iterator begin() const { return {*this, 0}; }
  [[nodiscard]] Iterator end() const { return {*this, size()}; }

 private:
  friend class TaskCursor;
  const TaskBatch* batch_ = nullptr;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
};

inline TaskList TaskBatch::list() const {
  return {*this, 0, size_};
}

// For who goes through a list from the front to the end, perhaps not one by one. It has what it needs of the
// batch in itself, where nobody else can have changed it meanwhile.
class TaskCursor {
 public:
  explicit TaskCursor(const TaskList& list)
      : batch_(list.batch_), cuts_(list.batch_->cuts_.data()), first_(list.first_) {}
  // Whether that task lies in other memory than the one of the call before, or is the first one. `index`, of
  // the list, is greater than that of the call before.
  [[nodiscard]] bool moves_to(std::uint32_t index) {
    at_ = first_ + index;
    if (at_ < run_end_) return false;
    const std::size_t run = batch_->run_of(at_);
    run_ = batch_->runs_[run];
    run_end_ = batch_->end_of(run);
    return true;
  }
  // Of the task that it has moved to.
  [[nodiscard]] TaskId id() const { return run_.first + (at_ - run_.begin); }
  [[nodiscard]] std::uint32_t attempt() const { return run_.attempt; }
  [[nodiscard]] ByteView payload() const { return {run_.base + cuts_[at_].offset, cuts_[at_].size}; }
  [[nodiscard]] const char* memory() const { return run_.base; }

 private:
  const TaskBatch* batch_;
  const Cut* cuts_;
  std::uint32_t first_;
  std::uint32_t at_ = 0;  // of the batch
  TaskBatch::Run run_{};
  std::uint32_t run_end_ = 0;
};

}  // namespace fanmill::wire
