#pragma once
// The two messages that carry the work: TASKS down a lane, RESULTS to the sink. Many tasks share a frame, so
// these are written and read in place: no tree, no copy, no allocation per task.
//
//   TASKS   = [version, 16, run, token, [task or neighbours, …]]
//   RESULTS = [version, 17, run, token, worker, records, [result or neighbours, …]]
//   task    = [id, attempt, payload]
//   result  = [id, attempt, outcome, output]
//          or [id, attempt, outcome, output, detail]  always of failed and dead
//   detail  = [cause, code, error, stderr, slot, started, took, item, stdout_dropped, stderr_dropped]
//   neighbours = [bytes, [first id, attempt, between, size, …]]
//             or [nil, [first id, attempt, between, size, …]]    bytes is the message's next frame
//
// payload, output, bytes, stderr and item are msgpack bin (str is accepted); worker and error are str.
// Neighbours are tasks with one id after the other, or such results that are ok, and of which there is no
// more to say: payloads or outputs stand in `bytes` one after the other, with `between` bytes that mean
// nothing between two of them. So they are copied all at once, with the delimiters that they lie between; or,
// in a frame of their own, not at all.
// Pure: no socket, no thread, no clock.

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/wire/decoded.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/wire/tasks.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

// What made a task fail: `none` with ok, and with ok alone.
enum class Cause : std::uint8_t {
  none = 0,
  exit = 1,    // code: the exit status
  signal = 2,  // code: the signal's number
  timeout = 3,
  error = 4,  // a handler threw, a command could not be started, an item that cannot be an argument
  lost = 5,   // the workers that ran it died
};

struct Detail {
  Cause cause = Cause::none;
  std::uint32_t code = 0;
  ByteView error;  // for people; ≤ max_text
  ByteView stderr_text;
  std::uint32_t slot = 0;     // from 1; 0 where there was none (lost)
  std::uint64_t started = 0;  // µs since 1970
  std::uint64_t took = 0;     // µs
  ByteView item;  // the payload, where the sink wants it or the task failed (then ≤ 4 KiB of it)
  std::uint64_t stdout_dropped = 0;  // bytes over --max-output
  std::uint64_t stderr_dropped = 0;
  // To a sink that wants items: an empty one is there where somebody has run the task.
  [[nodiscard]] bool has_item() const { return !item.empty() || slot > 0; }
  friend bool operator==(const Detail&, const Detail&) = default;
};

struct ResultView {
  TaskId id = 0;
  std::uint32_t attempt = 0;
  Outcome outcome = Outcome::ok;
  ByteView output;
  std::optional<Detail> detail;  // always with failed and dead
  friend bool operator==(const ResultView&, const ResultView&) = default;
};

struct TasksHeader {
  RunId run{};
  LaneToken token{};
};

struct ResultsHeader {
  RunId run{};
  LaneToken token{};
  ByteView worker;       // for people: host:pid or a name
  bool records = false;  // each output is one record, to be followed by the run's delimiter
  // Not on the wire: the sink's word for the key that the connection had, which is no claim of the worker's.
  // Empty without keys.
  ByteView key_name{};
};

// What our writers put between two neighbours at the most: a delimiter, or a length. More might be as much as
// the payloads.
inline constexpr std::size_t most_between = 16;

// Builds one TASKS message of one to max_batch tasks. `take` leaves the writer empty, ready for `begin`.
class TasksWriter {
 public:
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();
  // Bytes of neighbours that are so many, and an eighth of their memory, go into frames of their own where
  // that can be shared. For less it is not worth keeping it.
  void begin(const TasksHeader& header, std::size_t own_from = never);
  void add(const TaskView& task);
  void add(const TaskBlock& tasks);
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return writer_.size(); }
  [[nodiscard]] ByteView view() const { return writer_.view(); }
  // The frames that follow, in order; until the next begin().
  struct OwnFrame {
    const Bytes* memory = nullptr;
    ByteView bytes;  // of it
  };
  [[nodiscard]] std::span<const OwnFrame> own_frames() const { return own_frames_; }
  [[nodiscard]] Bytes take();

 private:
  void add_neighbours(const TaskBlock& tasks, std::optional<ByteView> bytes, std::size_t between);

  Writer writer_;
  std::size_t entries_at_ = 0;  // where their number is filled in
  std::uint32_t entries_ = 0;
  std::size_t expected_ = 0;  // bytes: batches come in like sizes
  std::uint32_t count_ = 0;
  std::size_t own_from_ = never;
  std::vector<OwnFrame> own_frames_;
};

// Builds one RESULTS frame, likewise.
class ResultsWriter {
 public:
  // `between`, of up to most_between bytes, is put between the outputs of neighbours: the delimiter that is
  // to follow each of them is of use to a sink that writes them out as they are.
  void begin(const ResultsHeader& header, ByteView between = {});
  void add(const ResultView& result);
  // One that is ok, and of which there is no more to say.
  void add(TaskId id, std::uint32_t attempt, ByteView output) {
    if (lent_.follows != nullptr) settle();
    if (neighbours_ == 0 || id != next_ || attempt != attempt_) open_neighbours(id, attempt);
    char* const at = copy_small(writer_.room(between_.size(), output), output);
    // All of it, for that is no loop.
    std::memcpy(at, between_.data(), between_.size());
    writer_.wrote(at + between_size_);
    sizes_.number(output.size());
    ++next_;
    ++neighbours_;
    ++count_;
    bytes_ += output.size() + each_;
  }
  // The same, of an output that lies where lend_from() has said. As many bytes as are worth it, which are as
  // the frame would have them, what is between them too, go into a frame of their own; else they are copied.
  [[gnu::always_inline]] void lend(TaskId id, std::uint32_t attempt, ByteView output) {
    if (output.data() != lent_.follows || id != lent_.next || attempt != lent_.attempt ||
        !is_after_between(output.data())) {
      begin_lent(id, attempt, output.data());
    }
    lent_.follows = output.data() + output.size() + between_size_;
    lent_.sizes.number(output.size());
    ++lent_.next;
    ++count_;
    bytes_ += output.size() + each_;
  }
  // What is lent from now on lies in `memory`, which `owner` keeps as it is. `owner` has to stay where it is
  // until hold() or take().
  void lend_from(const std::shared_ptr<const void>& owner, const char* memory) {
    if (lent_.owner != owner || lent_.memory != memory) settle();
    owner_ = &owner;
    memory_ = memory;
  }
  void hold() {
    if (lent_.follows != nullptr) lent_.owner = *owner_;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  // Of the frame and those that follow it, about.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  // `ids`, where it is asked for: of the results, ascending and disjoint.
  [[nodiscard]] Bytes take(std::vector<IdRange>* ids = nullptr);
  // The frames that follow what take() has returned, in order; until the next begin().
  struct OwnFrame {
    std::shared_ptr<const void> owner;
    ByteView bytes;
  };
  [[nodiscard]] std::vector<OwnFrame>& own_frames() { return own_frames_; }

 private:
  // What stands before it is what is to be between it and the one before.
  [[nodiscard]] bool is_after_between(const char* output) const {
    if (between_size_ == 1) return output[-1] == between_[0];
    return std::memcmp(output - between_size_, between_.data(), between_size_) == 0;
  }
  void begin_lent(TaskId id, std::uint32_t attempt, const char* output);
  void settle();
  void open_neighbours(TaskId id, std::uint32_t attempt);
  void close_neighbours();
  void add_detail(const Detail& detail);

  Writer writer_;
  std::size_t entries_at_ = 0;
  std::uint32_t entries_ = 0;
  std::size_t expected_ = 0;
  std::uint32_t count_ = 0;
  std::vector<IdRange> ids_;  // in the order in which they came
  std::array<char, most_between> between_{};
  std::size_t between_size_ = 0;
  // Of the neighbours that are being written; there are none where their number is 0.
  std::uint32_t neighbours_ = 0;
  TaskId first_ = 0;
  TaskId next_ = 0;
  std::uint32_t attempt_ = 0;
  std::size_t size_at_ = 0;  // where the size of their bytes is filled in
  Writer sizes_;
  // Neighbours that have been lent and not settled: it is not known yet how many there will be.
  struct Lent {
    std::shared_ptr<const void> owner;  // null: as for what is lent now
    const char* memory = nullptr;
    const char* begin = nullptr;
    const char* follows = nullptr;  // where the next one would begin; null: there are none
    TaskId first = 0;
    TaskId next = 0;
    std::uint32_t attempt = 0;
    Writer sizes;
  };
  Lent lent_;
  const std::shared_ptr<const void>* owner_ = nullptr;
  const char* memory_ = nullptr;
  std::vector<OwnFrame> own_frames_;
  std::size_t bytes_ = 0;
  std::size_t each_ = 0;  // bytes of a result of neighbours besides its output
};

// Decodes a whole message before anything in it is believed. `tasks`/`results` are cleared first and hold
// views into its frames; where a flaw comes back their content means nothing. Ids ≤ max_task_id, attempts ≤
// max_attempt, at least one and at most max_batch entries, no id order. A frame of another type is
// Flaw::unknown_type. `more`: the frames that come after the first one, each of which has to be asked for.
[[nodiscard]] Decoded<TasksHeader> decode_tasks(ByteView frame, TaskBatch& tasks,
                                                std::span<const ByteView> more = {});
[[nodiscard]] Decoded<ResultsHeader> decode_results(ByteView frame, std::vector<ResultView>& results,
                                                    std::span<const ByteView> more = {});

}  // namespace fanmill::wire
