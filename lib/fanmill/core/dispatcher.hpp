#pragma once
// Which task goes to which lane, and what is still owed.
//
// Holds every task from the moment that it is read to the moment that its outcome is acknowledged, and
// nothing after that. A task's way, of which most take the first line:
//
//   fresh ─▶ out ─▶ done
//            out ─▶ again ─▶ out          its worker died or gave it back, or its result was lost on the way
//            out ─▶ suspect ─▶ out        the second worker that had it has died: with a few others like it
//            out ─▶ suspect ─▶ out alone  and the third one
//            out alone ─▶ dead ─▶ done    the third worker that had it and nothing else has died
//            out ─▶ delayed ─▶ again      it failed and may be tried again
//            out ─▶ kept ─▶ done          it failed for the last time
//   unchecked ─▶ fresh or done            with a store: the sink says whether it has an outcome already
//
// Pure: time is given, tasks to send are asked for. One thread.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/credit.hpp>
#include <fanmill/core/meter.hpp>
#include <fanmill/core/task_pages.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core {

class Dispatcher {
 public:
  struct Settings {
    std::size_t window_tasks = 131072;
    std::size_t window_bytes = std::size_t{32} << 20;
    std::optional<std::uint32_t> prefetch;
    std::uint32_t min_lanes = 1;  // nothing is handed out before so many lanes have been open at once
    std::uint32_t retries = 0;    // further attempts after a failure
    Duration retry_delay{};       // before the first of them; doubled for each further one
  };
  struct Limits {
    std::uint32_t slots = 1;
    std::uint32_t max_batch = 1;
    // Of payload on the lane at the most, or the slots and one task more, whichever is more.
    std::size_t bytes = std::size_t{1} << 20;
  };
  // A batch for one lane. The views hold until the next call of a member that is not const.
  struct Handout {
    LaneIndex lane = 0;
    std::vector<wire::TaskBlock> blocks;
    std::size_t count = 0;      // of tasks
    bool takes_frames = false;  // the worker knows neighbours, and frames of their own

    [[nodiscard]] std::vector<wire::TaskView> tasks() const;  // each of them
    void add(const wire::TaskBlock& block);
  };

  // What became of a lane's worker: whether its tasks may be the cause. `vanished`: it was about to leave;
  // that counts as a death for a task that has seen it a few times.
  enum class Fate : std::uint8_t { left, vanished, died };

  explicit Dispatcher(const Settings& settings) : settings_(settings) {}

  // --- input
  // False while enough is waiting, or the window is full, or the input has ended.
  [[nodiscard]] bool wants_input() const;
  TaskId add(ByteView payload);  // copies it
  // Several that lie one after the other in one block, which is shared: what they say stays as it is.
  void add(std::span<const ByteView> payloads, const Bytes& block);
  void end_input() { input_ended_ = true; }
  // Hand out nothing more; what has begun may finish, and recall() asks for the rest.
  void stop();

  // --- what the sink has already
  // From now on nothing is handed out before the sink has said that it has no outcome for it; and ask again
  // for all that is not acknowledged.
  void check_everything();
  // The next tasks to ask about: the first id, and the payloads of it and those that follow. False if there
  // are none.
  [[nodiscard]] bool next_check(TaskId& first, std::vector<ByteView>& payloads);
  // The sink has no outcome for these. Returns how many of them are done again, since their failure was kept
  // by a sink that has gone.
  std::size_t confirm_fresh(std::span<const IdRange> ids);

  // --- lanes
  LaneIndex open(const Limits& limits);
  // The lane is gone, and what it held goes to the head of the queue, in order; `died`: so is its worker,
  // perhaps for one of these tasks, whose ids are appended to `lost`. Returns how many tasks it held.
  std::uint64_t close(LaneIndex lane, Fate fate, std::vector<TaskId>* lost = nullptr);
  // Nothing more for this lane; it keeps what it has.
  void drain(LaneIndex lane);
  // Tasks that the worker has not started come back, to the head of the queue, no attempt charged. Ids that
  // the lane does not hold are passed over; returns how many it did.
  std::uint64_t give_back(LaneIndex lane, std::span<const IdRange> ids);
  // The worker has had `received` messages and still has the tasks `held`; what else it had had and is not
  // acknowledged was lost on its way to the sink, and goes again. Returns how many that were.
  std::uint64_t reclaim(LaneIndex lane, std::uint64_t received, const IdSet& held);
  // A lane to take tasks back from, after wake(): another has an empty slot, nothing is pending, and of this
  // one more than its slots has been out for a while. What it gives, if anything, is for given(); until then
  // it is not asked again. After stop() every lane is one that has more than its slots.
  struct Recall {
    LaneIndex lane = 0;
    std::uint64_t number = 0;
    std::uint64_t most = 0;
  };
  [[nodiscard]] std::optional<Recall> recall();
  // The answer: these come back, no attempt charged. Returns false where it is the answer to no recall, or to
  // an older one: then nothing changes.
  bool given(LaneIndex lane, std::uint64_t number, std::span<const IdRange> ids);
  [[nodiscard]] std::uint64_t held(LaneIndex lane) const { return lanes_[lane].held; }

  // --- out
  // Moves what has waited long enough to the queue, and sees whether there is leisure to read on.
  void wake(Time now);
  [[nodiscard]] Time next_wake() const;
  // Fills `out` with the next batch, or says that there is none to send now.
  [[nodiscard]] bool next(Handout& out);
  // The batch that next() gave could not be sent: as if it had not been asked for.
  void unsent(const Handout& out);

  // --- outcomes
  // Forgets these tasks wherever they are; returns how many were there. Ids that are unknown, were never
  // handed out (unless the sink was asked about them) or are forgotten already change nothing.
  // `took`: what the sink's store needed for it.
  std::uint64_t acknowledge(std::span<const IdRange> ids, Time now, Duration took = {});
  // This attempt has failed: try again (or something else is under way), or let that be the outcome? The same
  // question gets the same answer. `fresh_failure` is set where it is asked for the first time.
  enum class Ruling : std::uint8_t { retry, keep };
  [[nodiscard]] Ruling rule(TaskId id, std::uint32_t attempt, Time now, bool& fresh_failure);
  // Tasks that are dead and not acknowledged; payloads as views.
  [[nodiscard]] std::vector<wire::TaskView> dead();

  // --- facts
  [[nodiscard]] std::uint64_t added() const { return tasks_.next_id(); }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }
  [[nodiscard]] std::uint64_t out() const { return out_; }          // handed out, not acknowledged
  [[nodiscard]] std::uint64_t pending() const { return pending_; }  // to be handed out
  [[nodiscard]] std::uint64_t redelivered() const { return redelivered_; }
  [[nodiscard]] std::uint64_t recalled() const { return recalled_; }  // tasks that were given back
  [[nodiscard]] std::uint64_t dead_count() const { return dead_; }
  [[nodiscard]] bool input_ended() const { return input_ended_; }
  // Nothing is owed any more: all acknowledged, or stopped and nothing out.
  [[nodiscard]] bool done() const { return input_ended_ && out_ == 0 && (pending_ == 0 || stopped_); }
  [[nodiscard]] std::size_t open_lanes() const { return open_lanes_; }
  [[nodiscard]] std::uint64_t unchecked() const { return unchecked_; }  // pending, the sink has not answered
  [[nodiscard]] std::uint64_t delayed() const {
    return delayed_.size();
  }  // pending, until their time has come
  [[nodiscard]] std::uint64_t suspects() const { return suspects_.size(); }  // pending, until a lane is empty
  // Of what is acknowledged, that which nobody had to do: the sink had it already.
  [[nodiscard]] std::uint64_t restored() const { return restored_; }
  // Bytes of payload held.
  [[nodiscard]] std::size_t bytes() const { return tasks_.bytes(); }

  // How a lane does, for people.
  struct LaneReport {
    std::uint64_t credit = 0;
    std::uint64_t done = 0;  // tasks whose outcome has come
    double rate = 0;         // of these per second, lately
    double busy = 0;         // the share of its slots' time for which they had a task, lately
    Time finished{};         // when the last one came; Time{} if none has
    bool alone = false;      // has suspects, or is kept free for them
  };
  [[nodiscard]] LaneReport report(LaneIndex lane, Time now) const;

 private:
  using State = Task::State;
  // What a lane has of what it may have.
  enum Stock : std::uint8_t { too_little, some, enough };
  struct Lane {
    Lane(const Limits& l, std::optional<std::uint32_t> prefetch) : limits(l), credit(l.slots, prefetch) {}
    Limits limits;
    Credit credit;
    std::uint64_t held = 0;
    std::size_t held_bytes = 0;
    std::uint32_t messages = 0;  // sent
    std::uint64_t room = 0;      // as counted in room_total_
    bool open = true;
    bool draining = false;
    bool reserved = false;            // gets nothing until it is empty, and then suspects
    bool solo = false;                // has suspects, and gets nothing else
    std::array<bool, 3> stands_in{};  // of waiting_
    std::uint64_t empty_slots = 0;    // as counted in empty_slots_
    bool may_give = false;            // as counted in lanes_that_may_give_
    bool recalling = false;           // has not answered yet
    std::uint64_t recalls = 0;
    std::uint64_t recalled = 0;  // tasks that the last one has asked for
    Time recalled_at{};
    Time progress{};  // when something was last acknowledged, given back, or sent to it while it had nothing
    Duration patience{};  // how long without progress before it is asked
    std::uint64_t done = 0;
    Time finished{};
    Meter finishes;
    Meter busy;               // nanoseconds of slots that had a task
    Time busy_since = never;  // until when that is counted
    std::uint64_t busy_slots = 0;
  };

  // Of what is pending, that which could be sent if there were room.
  [[nodiscard]] std::uint64_t ready() const {
    return pending_ - unchecked_ - delayed_.size() - suspects_.size();
  }
  Task::State count_added(std::size_t count);
  void refresh(LaneIndex lane);
  static void progressed(Lane& lane, Time now);
  [[nodiscard]] bool has_leisure() const;
  static void count_busy(Lane& lane, Time now);
  static void finished(Lane& lane, std::uint64_t tasks, Time now);
  void count_balance(Lane& lane);
  [[nodiscard]] std::optional<Recall> recall_rest();
  Recall ask(LaneIndex lane, std::uint64_t most);
  [[nodiscard]] std::uint64_t room_of(const Lane& lane) const;
  [[nodiscard]] static Stock stock_of(const Lane& lane);
  [[nodiscard]] bool has_much() const;
  [[nodiscard]] bool is_flood() const;
  LaneIndex pick_lane();
  void put_back(std::vector<TaskId>& ids);
  void suspect(TaskId id, Task& task);
  void off_lane(LaneIndex lane, std::uint64_t count, std::size_t bytes);
  void hand_out(TaskPages::Page& page, TaskId id, LaneIndex lane, Handout& out);
  void count_out(Lane& lane, std::uint64_t count, std::size_t bytes);
  [[nodiscard]] bool next_suspects(Handout& out);
  void take_suspects(LaneIndex index, Handout& out);
  void release_reserved();
  void begin(Handout& out, LaneIndex lane) const;
  void fill(LaneIndex lane, Handout& out);
  [[nodiscard]] bool take_again(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out);
  void take_fresh(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out);

  static constexpr LaneIndex no_lane = ~LaneIndex{0};

  Settings settings_;
  TaskPages tasks_;
  TaskId next_fresh_ = 0;  // ids from here on have never been handed out
  TaskId next_check_ = 0;  // ids from here on are to be asked about
  bool checking_ = false;
  // To be handed out again, before anything fresh; may hold ids that are done by now.
  std::deque<TaskId> again_;
  std::deque<TaskId> suspects_;          // exactly those in this state
  std::multimap<Time, TaskId> delayed_;  // exactly those in this state
  std::vector<Lane> lanes_;
  std::vector<LaneIndex> unused_;  // closed, to be opened again
  // Lanes with credit left, by stock; some that have none by now, or of another stock, which stand there,
  // too.
  std::array<std::deque<LaneIndex>, 3> waiting_;
  std::size_t open_lanes_ = 0;
  std::uint64_t empty_slots_ = 0;  // of lanes that may get something
  std::size_t lanes_that_may_give_ = 0;
  Time recall_at_ = never;  // when to look for a lane to recall from
  Time now_{};              // of the last wake()
  Time began_ = never;      // the first one
  Meter finishes_;          // of all lanes
  bool leisure_ = false;
  bool started_ = false;  // min_lanes has been reached
  bool input_ended_ = false;
  bool stopped_ = false;
  std::uint64_t room_total_ = 0;
  std::uint64_t pending_ = 0;
  std::uint64_t unchecked_ = 0;
  std::uint64_t out_ = 0;
  std::uint64_t dead_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t redelivered_ = 0;
  std::uint64_t recalled_ = 0;
  std::uint64_t restored_ = 0;
  std::size_t fresh_bytes_ = 0;
};

}  // namespace fanmill::core
