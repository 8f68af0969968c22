#pragma once
// The seam between a worker's loop and what it runs.
//
// The loop gives a runner tasks and waits, among other things, on the runner's descriptor; the runner gives
// back finished results, already written as RESULTS frames. A function runner has executor threads behind it,
// a command runner has children; the loop cannot tell.
//
// All members are called from the loop's one thread, and none of them blocks, the destructor aside.

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/wire/batch.hpp>

namespace fanmill::work {

// What a task needs to know of where it runs.
struct RunContext {
  RunId run{};
  LaneToken token{};
  std::string worker;         // the name that stands in results
  std::string delimiter;      // follows a record where the sink writes it out
  std::string separator;      // between the columns of an item; empty: it has none
  bool wants_item = false;    // put the payload into each result's detail
  bool wants_detail = false;  // a detail with ok results too
};

// Tasks that were handed over together. `owner` keeps alive what they look at.
struct Handout {
  std::shared_ptr<const void> owner;
  std::shared_ptr<const RunContext> context;
  wire::TaskList tasks;
};

// One finished frame for the sink, and the ids in it.
struct FinishedFrame {
  Bytes frame;                                      // a RESULTS message, or the first frame of one
  std::vector<wire::ResultsWriter::OwnFrame> more;  // those that follow
  LaneToken token{};                                // of the context that the tasks came with
  std::vector<IdRange> ids;                         // ascending, disjoint
  std::size_t count = 0;                            // of results
};

class Runner {
 public:
  virtual ~Runner() = default;

  // How many tasks run at the same time, ≥ 1.
  [[nodiscard]] virtual std::size_t slots() const = 0;

  // The placeholder of a column, where it has one and so cannot do with items that have none; else "".
  [[nodiscard]] virtual std::string wanted_column() const { return ""; }

  // How many tasks may be handed over now: what keeps every slot busy and no more. 0 if none.
  [[nodiscard]] virtual std::size_t room() const = 0;

  // Starts tasks, at most room() of them. They run in the order given. What has finished by the time that it
  // returns is for collect() at once: wait_fd() does not tell of it.
  virtual void start(Handout handout, Time now) = 0;

  // Takes back up to `most` tasks that have not begun, as if they had not been handed over.
  [[nodiscard]] virtual std::vector<TaskId> take_back(std::size_t most) = 0;

  // Tasks handed over and not yet collected.
  [[nodiscard]] virtual std::size_t running() const = 0;

  // A descriptor that polls readable when collect() may have something to do; the same one for the runner's
  // life.
  [[nodiscard]] virtual int wait_fd() const = 0;

  // When collect() has to be called even if wait_fd() says nothing (a task's timeout), or `never`.
  [[nodiscard]] virtual Time deadline() const = 0;

  // Appends what has finished since the last call.
  virtual void collect(Time now, std::vector<FinishedFrame>& finished) = 0;

  // Why it starts nothing any more, once that is so; else "". What has begun goes on, and what has not is to
  // be taken back. Another one has to take its place, in another process.
  [[nodiscard]] virtual std::string_view worn_out() const { return ""; }

  // What people should know of what it runs and nobody else tells them, once; else "".
  [[nodiscard]] virtual std::string take_notice() { return ""; }

  // Ends what runs, at once and with all its descendants; their results need not be collected.
  virtual void abandon() = 0;

  // Whether something runs that cannot be ended: then the runner must be left as it is, since its destructor
  // would wait, and the process ended without regard to it.
  [[nodiscard]] virtual bool is_stuck() const { return false; }
};

}  // namespace fanmill::work
