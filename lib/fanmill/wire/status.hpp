#pragma once
// What a run is doing, as a ventilator tells it to whoever asks: numbers and names, and no judgement. Times
// are microseconds, rates thousandths of a task per second.
//
// Pure: no socket, no thread, no clock.

#include <cstdint>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/wire/reader.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

struct RunStatus {
  RunId run{};
  std::string host;  // of the ventilator, for people
  std::uint64_t pid = 0;
  std::string address;             // where workers and sinks connect
  std::uint64_t elapsed = 0;       // since its start
  std::uint64_t added = 0;         // tasks read
  bool input_ended = false;        // there will be no more of them
  bool stopped = false;            // nothing more is handed out
  std::uint64_t pending = 0;       // to be handed out; of these:
  std::uint64_t unchecked = 0;     //   the sink is asked whether it has them
  std::uint64_t delayed = 0;       //   failed, and wait for their next attempt
  std::uint64_t suspects = 0;      //   were with workers that died, and wait for one that has nothing else
  std::uint64_t out = 0;           // handed out, and not acknowledged
  std::uint64_t bytes = 0;         // of payload held
  std::uint64_t window_tasks = 0;  // the most tasks, and bytes, that are held
  std::uint64_t window_bytes = 0;
  std::uint64_t ok = 0;  // acknowledged, by outcome
  std::uint64_t failed = 0;
  std::uint64_t dead = 0;
  std::uint64_t restored = 0;     // of these, such as had their outcome before this run
  std::uint64_t redelivered = 0;  // attempts that came to nothing, because a worker or a result was lost
  std::uint64_t rate = 0;         // lately; restored ones not counted
  std::uint64_t needed = 0;       // workers without which nothing is handed out
  friend bool operator==(const RunStatus&, const RunStatus&) = default;
};

struct SinkStatus {
  bool present = false;  // if not, all else says nothing
  bool lost = false;     // its connection is down
  bool has_store = false;
  std::string name;
  std::string host;
  std::uint64_t pid = 0;
  Incarnation epoch{};
  std::uint64_t queue = 0;  // results that it has and that are not safe yet, as it has said last
  std::uint64_t took = 0;   // to make results safe, lately
  std::uint64_t seen = 0;   // since it was last heard of
  friend bool operator==(const SinkStatus&, const SinkStatus&) = default;
};

enum class WorkerStage : std::uint8_t {
  joining = 0,  // is not ready yet
  working = 1,
  alone = 2,    // has a suspect, or is kept free for one
  leaving = 3,  // gets no more
  gone = 4,     // its connection went down
};

struct WorkerStatus {
  std::string name;
  std::string host;
  std::uint64_t pid = 0;
  WorkerStage stage = WorkerStage::joining;
  std::uint32_t slots = 1;
  std::uint64_t held = 0;    // tasks on its lane that are not acknowledged
  std::uint64_t credit = 0;  // the most that it is given
  std::uint64_t done = 0;    // tasks whose outcome it has sent
  std::uint64_t rate = 0;    // lately
  std::uint64_t busy = 0;    // thousandths of its slots' time for which they had a task, lately
  std::uint64_t seen = 0;    // since its last result or message
  std::uint64_t lost = 0;    // attempts that came to nothing with it
  std::string trouble;       // what it said that it cannot do, up to max_name bytes of it
  friend bool operator==(const WorkerStatus&, const WorkerStatus&) = default;
};

// STATUS, ventilator → whoever asked.
struct Status {
  RunStatus run;
  SinkStatus sink;
  std::uint64_t worker_count = 0;  // those that are not gone
  std::vector<WorkerStatus>
      workers;  // the first max_status_workers of them, and the last of those that are gone
  friend bool operator==(const Status&, const Status&) = default;
};

// The fields of a STATUS, after version and type.
inline constexpr std::uint32_t status_fields = 4;
void write_status(Writer& writer, const Status& status);
[[nodiscard]] Status read_status(Reader& reader);

}  // namespace fanmill::wire
