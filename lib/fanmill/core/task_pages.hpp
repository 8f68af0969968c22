#pragma once
// Where unacknowledged tasks lie: in pages of neighbouring ids, their payloads in one block each, which is
// the memory that they were read into and is not copied. Memory follows what is unacknowledged and not what
// was ever read: of a block that is kept for a few slow tasks these are copied, and it goes.
//
// Tasks come, go out and are acknowledged many at a time, and then they differ in nothing: so a page says
// what holds of them once for all of a stretch, and for each of them only from when that is asked for.
// docs/decisions/0039.
//
// Pure. One thread.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::core {

// A lane's number in the dispatcher; used again after it was closed.
using LaneIndex = std::uint32_t;

struct Task {
  enum class State : std::uint8_t {
    unchecked,  // the sink has to say whether it has an outcome already
    fresh,      // never handed out
    again,      // to be handed out again, before anything fresh
    delayed,    // failed; again after a while
    suspect,    // to be handed out again, where there is nothing else
    out,        // with a worker
    kept,       // its failure is its outcome; the sink has been told
    dead,       // has no worker left to kill; the sink has been told
    done,       // acknowledged
  };
  LaneIndex lane = 0;         // out: whose; again after a failure: who had it last
  std::uint32_t message = 0;  // out: which of the lane's messages it went with, from 1
  std::uint32_t attempt = 0;
  std::uint32_t failures = 0;
  State state = State::fresh;
  std::uint8_t deaths = 0;       // workers that died while they had it; no more than matter are counted
  std::uint8_t solo_deaths = 0;  // of these, workers that had nothing else
  bool alone : 1 = false;        // out: its worker has nothing else
  std::uint8_t excused : 2 = 0;  // losses that were not counted as deaths, since the worker was leaving
  friend bool operator==(const Task&, const Task&) = default;
};

class TaskPages {
 public:
  class Page {
   public:
    [[nodiscard]] TaskId first() const { return first_; }
    [[nodiscard]] TaskId end() const { return first_ + size_; }
    [[nodiscard]] std::uint32_t size() const { return size_; }
    // All that follows is by index in the page.
    [[nodiscard]] std::uint32_t index_of(TaskId id) const { return static_cast<std::uint32_t>(id - first_); }
    [[nodiscard]] ByteView payload(std::uint32_t index) const {
      return {block_.data() + cuts_[index].offset, cuts_[index].size};
    }
    [[nodiscard]] std::uint32_t size_of(std::uint32_t index) const { return cuts_[index].size; }
    // Of the payloads first … last − 1.
    [[nodiscard]] std::size_t size_of(std::uint32_t first, std::uint32_t last) const;
    // How many, from `first` on and before `last`, are together no more than that.
    [[nodiscard]] std::uint32_t fitting(std::uint32_t first, std::uint32_t last, std::size_t bytes) const;
    [[nodiscard]] wire::TaskBlock block(std::uint32_t first, std::uint32_t last,
                                        std::uint32_t attempt) const {
      return {first_ + first, attempt,
              block_.data(),  std::span(cuts_).subspan(first, last - first),
              &block_,        even_ ? std::optional(between_) : std::nullopt};
    }

    // A task by itself; from then on the page has one for each.
    [[nodiscard]] Task& task(std::uint32_t index) {
      if (tasks_.empty()) spread();
      return tasks_[index];
    }
    // Up to which index, `last` at the most, tasks are known to be as the one at `index`, and how that is.
    struct Stretch {
      std::uint32_t end = 0;
      Task task;
    };
    [[nodiscard]] Stretch stretch_at(std::uint32_t index, std::uint32_t last) const;
    // first … last − 1, which are alike, become so.
    void set(std::uint32_t first, std::uint32_t last, const Task& task);

   private:
    friend class TaskPages;
    void add(std::uint32_t count, std::size_t bytes, const Task& task);
    void spread();
    void clear();
    // Whether most of its block, if that is not a small one, is kept for nothing, as far as this page is
    // concerned.
    [[nodiscard]] bool is_wasteful() const {
      return block_.room() >= worth_leaving && live_bytes_ < block_.room() / 2;
    }
    // Copies what is not done into memory of its own.
    void leave_block();

    TaskId first_ = 0;
    Bytes block_;  // shared with whoever reads into it, with other pages, and with what is on its way
    std::vector<wire::Cut> cuts_;  // `size_`, and what it had before it was emptied: never made smaller
    std::uint32_t size_ = 0;
    // Ascending, up to the last task; or nothing, and `tasks_` has each.
    std::vector<Stretch> stretches_;
    std::vector<Task> tasks_;
    std::size_t live_ = 0;        // not done
    std::size_t live_bytes_ = 0;  // of these
    std::size_t between_ = 0;     // bytes between two payloads
    bool even_ = true;            // that many everywhere
  };

  // Payloads that lie one after the other in this block, which is shared: what they say stays as it is.
  // References to tasks and payloads hold until the next add() or each().
  void add(std::span<const ByteView> payloads, const Bytes& block, Task::State state);
  // Copies it.
  void add(ByteView payload, Task::State state);
  [[nodiscard]] TaskId next_id() const { return next_id_; }

  // The page of this id, or null where all of it is forgotten or it was never added. Neighbours are found
  // fast.
  [[nodiscard]] Page* page_of(TaskId id);
  [[nodiscard]] Task* find(TaskId id) {
    Page* page = page_of(id);
    return page == nullptr ? nullptr : &page->task(page->index_of(id));
  }
  // The smallest id at or after `id` whose page is still here; next_id() if there is none.
  [[nodiscard]] TaskId next_held(TaskId id) const;

  // Calls visit(page, first, last) for each page that has tasks of the range, which may claim far more than
  // there is. The visitor may call finish().
  template <class Visit>
  void each_page(IdRange range, Visit visit) {
    auto at = pages_.upper_bound(range.first);
    if (at != pages_.begin()) --at;
    while (at != pages_.end() && at->first <= range.last) {
      Page& page = *at->second;
      ++at;
      const TaskId begin = std::max(range.first, page.first());
      const TaskId end = std::min(range.last + 1, page.end());
      if (begin < end) visit(page, page.index_of(begin), page.index_of(end));
      if (page.live_ == 0 && &page != filling_) retire(page.first());
    }
  }
  // Calls visit(id, task, page) for each task of the range that is here.
  template <class Visit>
  void each(IdRange range, Visit visit) {
    each_page(range, [&](Page& page, std::uint32_t first, std::uint32_t last) {
      for (std::uint32_t i = first; i < last; ++i) visit(page.first() + i, page.task(i), page);
    });
  }
  template <class Visit>
  void each(Visit visit) {
    if (next_id_ > 0) each(IdRange{0, next_id_ - 1}, visit);
  }

  // The tasks first … last − 1 of the page, which were alike, are done; it goes when all of it is, at the end
  // of the each_page() that this was called in.
  void finish(Page& page, std::uint32_t first, std::uint32_t last) {
    Task done;
    done.state = Task::State::done;
    page.set(first, last, done);
    const std::size_t bytes = page.size_of(first, last);
    bytes_ -= bytes;
    page.live_bytes_ -= bytes;
    page.live_ -= last - first;
  }

  // Bytes of payload of tasks that are not done.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t page_tasks = wire::batch_tasks;
  static constexpr std::size_t worth_leaving = std::size_t{64} << 10;

  [[nodiscard]] std::size_t fitting(std::span<const ByteView> payloads, const Bytes& block) const;
  void add_cuts(std::span<const ByteView> payloads, Task::State state);
  void begin_page(const Bytes& block);
  void look_at_old_pages();
  void retire(TaskId first);

  std::map<TaskId, std::unique_ptr<Page>> pages_;  // by first id
  std::vector<std::unique_ptr<Page>> spare_;       // emptied pages, to be filled again
  Page* filling_ = nullptr;                        // where next_id_ goes
  Page* last_found_ = nullptr;
  // Pages, by their first ids, some of which may have gone, that may keep a block for little.
  std::deque<TaskId> young_;
  std::deque<TaskId> old_;
  Bytes copies_;  // of payloads that came without a block
  TaskId next_id_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace fanmill::core
