#pragma once
// Where unacknowledged tasks lie: in pages of neighbouring ids, their payloads in one block each. Adding,
// finding and forgetting cost a few nanoseconds, and memory follows what is unacknowledged and not what was
// ever read.
//
// Pure. One thread.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/base/large_payload.hpp>
#include <fanmill/base/ranges.hpp>

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
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
  LaneIndex lane = 0;         // out: whose; again after a failure: who had it last
  std::uint32_t message = 0;  // out: which of the lane's messages it went with, from 1
  std::uint32_t attempt = 0;
  std::uint32_t failures = 0;
  State state = State::fresh;
  std::uint8_t deaths = 0;       // workers that died while they had it; no more than matter are counted
  std::uint8_t solo_deaths = 0;  // of these, workers that had nothing else
  bool alone : 1 = false;        // out: its worker has nothing else
  std::uint8_t excused : 2 = 0;  // losses that were not counted as deaths, since the worker was leaving
};

class TaskPages {
 public:
  struct Page {
    TaskId first = 0;
    Bytes bytes;
    std::vector<Task> tasks;
    std::size_t live = 0;   // not done
    bool is_large = false;  // the first task is a LargePayload
    [[nodiscard]] ByteView payload(const Task& task) const { return {bytes.data() + task.offset, task.size}; }
    [[nodiscard]] TaskId end() const { return first + tasks.size(); }
  };

  // Copies payloads that lie one after the other in one block, and what is between them; none is a large one.
  // References to tasks and payloads hold until the next add() or each().
  void add(std::span<const ByteView> payloads, Task::State state);
  // Takes it over.
  TaskId add(LargePayload payload, Task::State state);
  [[nodiscard]] TaskId next_id() const { return next_id_; }

  // The page of this id, or null where all of it is forgotten or it was never added. Neighbours are found
  // fast.
  [[nodiscard]] Page* page_of(TaskId id);
  [[nodiscard]] Task* find(TaskId id) {
    Page* page = page_of(id);
    return page == nullptr ? nullptr : &page->tasks[id - page->first];
  }
  // The smallest id at or after `id` whose page is still here; next_id() if there is none.
  [[nodiscard]] TaskId next_held(TaskId id) const;

  // Calls visit(id, task, page) for each task of the range that is here; by pages, since a range may claim
  // far more than there is. The visitor may call finish().
  template <class Visit>
  void each(IdRange range, Visit visit) {
    auto at = pages_.upper_bound(range.first);
    if (at != pages_.begin()) --at;
    while (at != pages_.end() && at->first <= range.last) {
      Page& page = *at->second;
      ++at;
      const TaskId end = std::min(range.last + 1, page.end());
      for (TaskId id = std::max(range.first, page.first); id < end; ++id) {
        visit(id, page.tasks[id - page.first], page);
      }
      if (page.live == 0 && &page != filling_) retire(page.first);
    }
  }
  template <class Visit>
  void each(Visit visit) {
    if (next_id_ > 0) each(IdRange{0, next_id_ - 1}, visit);
  }

  // The task is done; its page goes when all of it is, at the end of the each() that this was called in.
  void finish(Page& page, Task& task) {
    task.state = Task::State::done;
    bytes_ -= task.size;
    --page.live;
  }

  // Bytes of payload of tasks that are not done.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t page_tasks = 2048;

  [[nodiscard]] std::size_t fitting(std::span<const ByteView> payloads) const;
  void add_tasks(std::span<const ByteView> payloads, std::size_t offset, Task::State state);
  void begin_page();
  void begin_page(std::unique_ptr<Page> page);
  void retire(TaskId first);

  std::map<TaskId, std::unique_ptr<Page>> pages_;  // by first id
  std::vector<std::unique_ptr<Page>> spare_;       // emptied pages, to be filled again
  Page* filling_ = nullptr;                        // where next_id_ goes
  Page* last_found_ = nullptr;
  TaskId next_id_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace fanmill::core
