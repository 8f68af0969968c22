#pragma once
// The control messages: everything but tasks and results. One struct per message of docs/protocol.md, one
// encode per struct, one decode for all. A message is one frame, a msgpack array [version, type, …]: after
// those two come the fields of its struct in their order. Texts are str, the delimiter is bin (str is
// accepted), ids are one flat array [first, last, first, last, …], and a SinkPlace is an array of its own
// five fields.
//
// Pure: no socket, no thread, no clock.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/wire/decoded.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/wire/opening.hpp>
#include <fanmill/wire/status.hpp>

namespace fanmill::wire {

enum class Role : std::uint8_t { worker = 1, sink = 2 };

// HELLO, worker or sink → ventilator. Repeated until answered and after each reconnect.
struct Hello {
  Role role = Role::worker;
  Incarnation incarnation{};
  std::string reached;  // the control endpoint as this peer wrote it; its scheme chooses the lane's
  std::string host;     // for people
  std::uint64_t pid = 0;
  std::string name;                // for people; need not be unique
  std::uint32_t slots = 1;         // worker: tasks at a time, 1 … max_slots
  std::uint32_t max_batch = 2048;  // worker: most tasks in one message, 1 … wire::max_batch
  // Most bytes of an item or an output: that a worker takes and sends, that a sink takes.
  std::uint64_t max_message = default_max_message;
  bool marks = false;                // worker: says MARK and HELD when its results connection was lost
  std::vector<std::string> results;  // sink: where it takes results, one endpoint per transport
  std::string results_key;           // sink: its CURVE public key, or empty
  bool has_store = false;            // sink: outcomes survive it
  bool wants_item = false;           // sink: payloads are to be echoed in results
  bool wants_detail = false;         // sink: a detail with each result, not with failures alone
  friend bool operator==(const Hello&, const Hello&) = default;
};

// The sink as workers see it, in WELCOME and SINK.
struct SinkPlace {
  std::string endpoint;  // empty: there is none yet
  std::string key;       // its CURVE public key, or empty
  Incarnation epoch{};
  bool wants_item = false;
  bool wants_detail = false;
  friend bool operator==(const SinkPlace&, const SinkPlace&) = default;
};

// WELCOME, ventilator → worker or sink.
struct Welcome {
  RunId run{};
  std::string delimiter;    // what stood between the tasks in the input, 1 … 16 bytes, or empty
  std::string separator{};  // worker: between the columns of an item, up to 64 bytes; empty: there are none
  std::string lane;         // worker: endpoint of its lane
  LaneToken token{};        // worker: its lane's name; 0 for a sink
  SinkPlace sink;           // worker: where results go
  std::uint64_t acknowledged = 0;  // sink: outcomes of this run that sinks have made safe so far
  friend bool operator==(const Welcome&, const Welcome&) = default;
};

// REFUSED, ventilator → anybody. Final: the peer ends with exit status 4 and the reason.
struct Refused {
  std::string reason;
  friend bool operator==(const Refused&, const Refused&) = default;
};

// READY, worker → ventilator: lane and results are connected. No tasks before it.
struct Ready {
  LaneToken token{};
  friend bool operator==(const Ready&, const Ready&) = default;
};

// WHO, ventilator → a peer that it does not know: say HELLO.
struct Who {
  friend bool operator==(const Who&, const Who&) = default;
};

// SINK, ventilator → worker: the sink has come, or another has.
struct SinkAt {
  SinkPlace sink;
  friend bool operator==(const SinkAt&, const SinkAt&) = default;
};

// TROUBLE, worker or sink → ventilator: something for a person to read, for example a lane that cannot be
// reached.
struct Trouble {
  std::string text;
  friend bool operator==(const Trouble&, const Trouble&) = default;
};

// LEAVING, worker or sink → ventilator. A worker gives back what it has not started, and says it again for
// each batch that reaches it later; it stays until BYE.
struct Leaving {
  LaneToken token{};               // 0 from a sink
  std::vector<IdRange> unstarted;  // ascending, disjoint
  std::string reason;
  friend bool operator==(const Leaving&, const Leaving&) = default;
};

// BYE, ventilator → a worker that is leaving (all that it ran is acknowledged), or the sink at the end.
struct Bye {
  friend bool operator==(const Bye&, const Bye&) = default;
};

// STOP, ventilator → worker: the run is over.
struct Stop {
  friend bool operator==(const Stop&, const Stop&) = default;
};

// RECALL, ventilator → worker: others have nothing to do; give back tasks that you have not started. Answered
// by GIVEN.
struct Recall {
  LaneToken token{};
  std::uint64_t number = 0;  // of this recall on this lane, from 1
  std::uint64_t most = 0;    // tasks
  friend bool operator==(const Recall&, const Recall&) = default;
};

// GIVEN, worker → ventilator: these will not be started here. None: all that it has runs.
struct Given {
  LaneToken token{};
  std::uint64_t number = 0;  // of the RECALL
  std::vector<IdRange> ids;
  friend bool operator==(const Given&, const Given&) = default;
};

// ACK, sink → ventilator: these outcomes are safe.
struct Ack {
  RunId run{};
  Outcome outcome = Outcome::ok;
  std::vector<IdRange> ids;  // ascending, disjoint, not empty
  std::uint64_t took = 0;    // µs, to make them safe: how long the store has kept the sink from reading
  friend bool operator==(const Ack&, const Ack&) = default;
};

// END, ventilator → sink: the ids 0 … count−1 are all there will be. Repeated until ENDED.
struct End {
  RunId run{};
  std::uint64_t count = 0;
  bool stopped = false;  // the run was cut short: what has no outcome yet will get none
  bool partial = false;  // the input has not been read to its end
  friend bool operator==(const End&, const End&) = default;
};

// ENDED, sink → ventilator: the closing statement is written. Counts are of what the sink accepted.
struct Ended {
  RunId run{};
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t dead = 0;
  std::uint64_t duplicates = 0;
  friend bool operator==(const Ended&, const Ended&) = default;
};

// CHECK, ventilator → a sink with a store: the keys of the tasks first, first + 1, … . Answered by an ACK for
// those that have an outcome, and by NEW for the others; until then they are not handed out. One without keys
// says that a sink that has just come was asked about all that may be out: of the first `first` tasks, those
// that have no outcome.
struct Check {
  RunId run{};
  TaskId first = 0;
  std::vector<Key> keys;  // at most max_keys
  friend bool operator==(const Check&, const Check&) = default;
};

// NEW, sink → ventilator: these have no outcome.
struct Fresh {
  RunId run{};
  std::vector<IdRange> ids;
  friend bool operator==(const Fresh&, const Fresh&) = default;
};

// One handing-out of one task.
struct AttemptId {
  TaskId id = 0;
  std::uint32_t attempt = 0;
  friend bool operator==(const AttemptId&, const AttemptId&) = default;
};

// FAILED, sink → ventilator: these attempts have failed, and the sink holds their results. Repeated until
// each is answered by RETRY or KEEP.
struct Failed {
  RunId run{};
  std::vector<AttemptId> attempts;  // 1 … max_attempts
  friend bool operator==(const Failed&, const Failed&) = default;
};

// RETRY, ventilator → sink: something else is under way; forget these results.
struct Retry {
  RunId run{};
  std::vector<AttemptId> attempts;
  friend bool operator==(const Retry&, const Retry&) = default;
};

// KEEP, ventilator → sink: these results are the tasks' outcomes.
struct Keep {
  RunId run{};
  std::vector<AttemptId> attempts;
  friend bool operator==(const Keep&, const Keep&) = default;
};

// DEAD, ventilator → sink: this task has killed every worker that ran it alone. Answered by ACK.
struct Dead {
  RunId run{};
  AttemptId attempt;    // the last one
  std::string history;  // each attempt's worker and end, for people
  std::string item;     // at most max_item_sample of the payload
  friend bool operator==(const Dead&, const Dead&) = default;
};

// MARK, worker → sink, down the connection of the results: what it sent on earlier connections and has not
// come is lost.
struct Mark {
  RunId run{};
  LaneToken token{};
  std::uint64_t mark = 0;
  friend bool operator==(const Mark&, const Mark&) = default;
};

// HELD, worker → ventilator, with each MARK: what it has had so far, and what of that is still with it.
struct Held {
  LaneToken token{};
  std::uint64_t mark = 0;
  std::uint64_t received = 0;  // messages that have come down its lane
  std::vector<IdRange> ids;    // not finished, or finished and not sent on
  friend bool operator==(const Held&, const Held&) = default;
};

// MARKED, sink → ventilator: all that had come from this worker before its mark is acknowledged.
struct Marked {
  RunId run{};
  LaneToken token{};
  std::uint64_t mark = 0;
  friend bool operator==(const Marked&, const Marked&) = default;
};

// BACKLOG, sink → ventilator: so many results have come and are not safe yet. Said when that has changed, at
// most once a second.
struct Backlog {
  RunId run{};
  std::uint64_t results = 0;
  friend bool operator==(const Backlog&, const Backlog&) = default;
};

// ASK, anybody → ventilator: how is it going? Answered by STATUS, at a bounded rate in all: who gets no
// answer asks again.
struct Ask {
  friend bool operator==(const Ask&, const Ask&) = default;
};

using Control = std::variant<Hello, Welcome, Refused, Ready, Who, SinkAt, Trouble, Leaving, Bye, Stop, Ack,
                             End, Ended, Check, Fresh, Failed, Retry, Keep, Dead, Mark, Held, Marked, Recall,
                             Given, Backlog, Ask, Status>;

// One frame. The message must be within the limits of limits.hpp (ours are; asserted).
[[nodiscard]] std::string encode(const Control& message);

// Any bytes at all. Ranges come back ascending and disjoint with every id ≤ max_task_id, texts within their
// limits, numbers in range; anything else is a flaw. A TASKS or RESULTS frame is a flaw here.
[[nodiscard]] Decoded<Control> decode_control(ByteView frame);

// A HELLO or ASK of whatever version: what decode_control() calls Flaw::version can then still be answered by
// REFUSED, in words.
[[nodiscard]] bool looks_like_opening(ByteView frame);
// A STATUS or REFUSED of whatever version: what an ASK is answered by.
[[nodiscard]] bool looks_like_answer(ByteView frame);

}  // namespace fanmill::wire
