#pragma once
// Which task goes to which lane, and what is still owed.
//
// Holds every task from the moment that it is read to the moment that its outcome is acknowledged, and
// nothing after that. Tasks lie in pages of neighbouring ids with their payloads in one block each, so that
// adding, handing out and forgetting cost a few nanoseconds, and memory follows what is unacknowledged and
// not what was ever read.
//
// Pure: time is given, tasks to send are asked for. One thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/credit.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::core {

// A lane's number here; used again after close(). The lane's name on the wire is its token.
using LaneIndex = std::uint32_t;

class Dispatcher {
 public:
  struct Settings {
    std::size_t window_tasks = 131072;
    std::size_t window_bytes = std::size_t{32} << 20;
    std::optional<std::uint32_t> prefetch;
    std::uint32_t min_lanes = 1;  // nothing is handed out before so many lanes have been open at once
  };
  struct Limits {
    std::uint32_t slots = 1;
    std::uint32_t max_batch = 1;
  };
  // A batch for one lane. The views hold until the next call of a member that is not const.
  struct Handout {
    LaneIndex lane = 0;
    std::vector<wire::TaskView> tasks;
  };

  explicit Dispatcher(const Settings& settings) : settings_(settings) {}

  // --- input
  // False while enough is waiting, or the window is full, or the input has ended.
  [[nodiscard]] bool wants_input() const;
  TaskId add(ByteView payload);
  void end_input() { input_ended_ = true; }
  // Hand out nothing more; what is out may finish.
  void stop() { stopped_ = input_ended_ = true; }

  // --- lanes
  LaneIndex open(const Limits& limits);
  // The worker is gone. What it held goes to the head of the queue, in order; returns how many tasks that
  // were.
  std::uint64_t close(LaneIndex lane);
  // Nothing more for this lane; it keeps what it has.
  void drain(LaneIndex lane);
  // Tasks that the worker has not started come back, to the head of the queue, no attempt charged. Ids that
  // the lane does not hold are passed over; returns how many it did.
  std::uint64_t give_back(LaneIndex lane, std::span<const IdRange> ids);
  [[nodiscard]] std::uint64_t held(LaneIndex lane) const { return lanes_[lane].held; }

  // --- out
  // Fills `out` with the next batch, or says that there is none to send now.
  [[nodiscard]] bool next(Handout& out);
  // The batch that next() gave could not be sent: as if it had not been asked for.
  void unsent(const Handout& out);

  // --- acknowledgements
  // Forgets these tasks wherever they are; returns how many were there. Ids that are unknown, were never
  // handed out or are forgotten already change nothing.
  std::uint64_t acknowledge(std::span<const IdRange> ids, Time now);

  // --- facts
  [[nodiscard]] std::uint64_t added() const { return next_id_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t out() const { return out_; }          // handed out, not acknowledged
  [[nodiscard]] std::uint64_t pending() const { return pending_; }  // to be handed out
  [[nodiscard]] std::uint64_t redelivered() const { return redelivered_; }
  [[nodiscard]] bool input_ended() const { return input_ended_; }
  // Nothing is owed any more: all acknowledged, or stopped and nothing out.
  [[nodiscard]] bool done() const { return input_ended_ && out_ == 0 && (pending_ == 0 || stopped_); }
  [[nodiscard]] std::size_t open_lanes() const { return open_lanes_; }
  // Bytes of payload held.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  enum class State : std::uint8_t { fresh, again, out, done };
  struct Entry {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
    LaneIndex lane = 0;
    std::uint32_t attempt : 24 = 0;
    State state : 8 = State::fresh;
  };
  struct Page {
    TaskId first = 0;
    std::string bytes;
    std::vector<Entry> entries;
    std::size_t live = 0;
    [[nodiscard]] ByteView payload(const Entry& entry) const {
      return {bytes.data() + entry.offset, entry.size};
    }
  };
  struct Lane {
    Lane(const Limits& l, std::optional<std::uint32_t> prefetch) : limits(l), credit(l.slots, prefetch) {}
    Limits limits;
    Credit credit;
    std::uint64_t held = 0;
    std::size_t held_bytes = 0;
    std::uint64_t room = 0;  // as counted in room_total_
    bool open = true;
    bool draining = false;
    bool in_idle = false;   // stands in idle_
    bool in_roomy = false;  // stands in roomy_
  };

  Page& page_for_add(std::size_t size);
  Page* page_of(TaskId id);
  void retire(TaskId first);
  void refresh(LaneIndex lane);
  void put_back(std::vector<TaskId>& ids);
  [[nodiscard]] std::uint64_t room_of(const Lane& lane) const;
  LaneIndex pick_lane();
  void hand_out(Page& page, Entry& entry, TaskId id, LaneIndex lane, Handout& out);
  void take_again(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out);
  void take_fresh(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out);

  static constexpr LaneIndex no_lane = ~LaneIndex{0};

  Settings settings_;
  std::map<TaskId, std::unique_ptr<Page>> pages_;  // by first id
  std::vector<std::unique_ptr<Page>> spare_;       // emptied pages, to be filled again
  TaskId next_id_ = 0;
  TaskId next_fresh_ = 0;    // ids from here on have never been handed out
  Page* filling_ = nullptr;  // where next_id_ goes
  Page* sending_ = nullptr;  // where next_fresh_ is, or null to look it up
  std::deque<TaskId>
      again_;  // to be handed out again, before anything fresh; may hold ids that are done by now
  std::vector<Lane> lanes_;
  std::vector<LaneIndex> unused_;  // closed, to be opened again
  std::deque<LaneIndex> idle_;     // lanes with a slot to fill
  std::deque<LaneIndex> roomy_;    // lanes with credit left
  std::size_t open_lanes_ = 0;
  bool started_ = false;  // min_lanes has been reached
  bool input_ended_ = false;
  bool stopped_ = false;
  std::uint64_t room_total_ = 0;
  std::uint64_t pending_ = 0;
  std::uint64_t out_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t redelivered_ = 0;
  std::size_t bytes_ = 0;
  std::size_t fresh_bytes_ = 0;
};

}  // namespace fanmill::core
