#pragma once
// The two messages that carry the work: TASKS down a lane, RESULTS to the sink. Many tasks share a frame, so
// these are written and read in place: no tree, no copy, no allocation per task.
//
//   TASKS   = [version, 16, run, token, [[id, attempt, payload], …]]
//   RESULTS = [version, 17, run, token, worker, records, [result, …]]
//   result  = [id, attempt, outcome, output] or, always of failed and dead, [id, attempt, outcome, output,
//   detail] detail  = [cause, code, error, stderr, slot, started, took, item, stdout_dropped, stderr_dropped]
//
// payload, output, stderr and item are msgpack bin (str is accepted); worker and error are str.
// Pure: no socket, no thread, no clock.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/wire/decoded.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

// Views into the frame that they were read from, or into whatever the caller encodes from.
struct TaskView {
  TaskId id = 0;
  std::uint32_t attempt = 0;  // from 0
  ByteView payload;
  friend bool operator==(const TaskView&, const TaskView&) = default;
};

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

// Builds one TASKS frame of one to max_batch tasks. `take` leaves the writer empty, ready for `begin`.
class TasksWriter {
 public:
  void begin(const TasksHeader& header);
  void add(const TaskView& task) { add({&task, 1}); }
  void add(std::span<const TaskView> tasks);
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return writer_.size(); }
  [[nodiscard]] ByteView view() const { return writer_.view(); }
  [[nodiscard]] Bytes take();

 private:
  Writer writer_;
  std::size_t count_at_ = 0;  // where the array's length is filled in
  std::size_t expected_ = 0;  // bytes: batches come in like sizes
  std::uint32_t count_ = 0;
};

// Makes a TASKS frame of one task without copying its payload, which lies at `payload`: the frame ends with
// it, and what comes before overwrites some of the tasks_heading bytes before `payload`.
inline constexpr std::size_t tasks_heading = 48;
[[nodiscard]] ByteView write_before(char* payload, const TasksHeader& header, const TaskView& task);

// Builds one RESULTS frame, likewise.
class ResultsWriter {
 public:
  void begin(const ResultsHeader& header);
  void add(const ResultView& result) {
    assert(result.detail || result.outcome == Outcome::ok);
    add(result.id, result.attempt, result.outcome, result.output, result.detail ? 5 : 4);
    if (result.detail) add_detail(*result.detail);
  }
  // One that is ok, and of which there is no more to say.
  void add(TaskId id, std::uint32_t attempt, ByteView output) { add(id, attempt, Outcome::ok, output, 4); }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return writer_.size(); }
  [[nodiscard]] Bytes take();

 private:
  void add(TaskId id, std::uint32_t attempt, Outcome outcome, ByteView output, std::size_t arity) {
    assert(count_ < max_batch && id <= max_task_id && attempt <= max_attempt);
    char* at = writer_.room(5 * max_header, output);
    at = put_array(at, arity);
    at = put_number(at, id);
    at = put_number(at, attempt);
    at = put_number(at, static_cast<std::uint64_t>(outcome));
    writer_.wrote(put_bin_header(at, output.size()), output);
    ++count_;
  }
  void add_detail(const Detail& detail);

  Writer writer_;
  std::size_t count_at_ = 0;
  std::size_t expected_ = 0;
  std::uint32_t count_ = 0;
};

// Decodes a whole frame before anything in it is believed. `tasks`/`results` are cleared first and hold views
// into `frame`; where a flaw comes back their content means nothing. Ids ≤ max_task_id, attempts ≤
// max_attempt, at least one and at most max_batch entries, no id order. A frame of another type is
// Flaw::unknown_type.
[[nodiscard]] Decoded<TasksHeader> decode_tasks(ByteView frame, std::vector<TaskView>& tasks);
[[nodiscard]] Decoded<ResultsHeader> decode_results(ByteView frame, std::vector<ResultView>& results);

}  // namespace fanmill::wire
