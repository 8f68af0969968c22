#pragma once
// Where results go. A store takes outcomes that the collector has accepted (each id once), makes them safe,
// and says which are: only then does the sink acknowledge them.
//
// Used from the sink's one thread. No member blocks but finish().

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/results_reader.hpp>

namespace fanmill::store {

// Ids that have become safe, by outcome, in the order in which they came.
struct SafeIds {
  std::vector<IdRange> ok;
  std::vector<IdRange> failed;
  std::vector<IdRange> dead;
  [[nodiscard]] bool empty() const { return ok.empty() && failed.empty() && dead.empty(); }
};

class Store {
 public:
  virtual ~Store() = default;

  // The run's delimiter, known before the first result.
  virtual void begin(RunId run, const std::string& delimiter) = 0;

  // Takes one outcome over; the views end with the call. Errors that follow come out of flush().
  virtual void accept(const wire::ResultsHeader& header, const wire::ResultView& result) = 0;

  // The same for several of one frame, each ok and of the task after the one before.
  virtual void accept_neighbours(const wire::ResultsHeader& header,
                                 std::span<const wire::ResultView> results) {
    for (const wire::ResultView& result : results) accept(header, result);
  }

  // The same for all results of a block as it lies, where takes_block() has said that it can.
  [[nodiscard]] virtual bool takes_block(const wire::OutputBlock&) const { return false; }
  virtual void accept_block(const wire::ResultsHeader&, const wire::OutputBlock&) {}

  // No task from this id on can have a result yet: one that comes is refused.
  [[nodiscard]] virtual TaskId known() const { return max_task_id + 1; }

  // Makes as much safe as it can without blocking; called when no more results are waiting, and between
  // batches. Throws Error{unavailable} for a write that failed, which is fatal and never tried again;
  // PipeClosed when the reader has gone.
  virtual void flush(Time now) = 0;

  // Appends what has become safe since the last call.
  virtual void take_safe(SafeIds& safe) = 0;

  // Bytes taken and not yet safe. The sink stops reading results above a limit of its own.
  [[nodiscard]] virtual std::size_t backlog() const = 0;

  // A descriptor that has to become writable before flush() gets any further, or −1.
  [[nodiscard]] virtual int blocked_on() const = 0;
  // A descriptor that says POLLERR when nobody will read any more (a pipe), or −1.
  [[nodiscard]] virtual int watched() const = 0;

  // The run is over; `complete` says whether every task has its outcome. Writes what is left, may block, and
  // makes an output file whole.
  virtual void finish(bool complete) = 0;

  // After finish(): where what there is has been left, for people; empty where there is nothing to say.
  [[nodiscard]] virtual std::string left() const { return {}; }
};

// The reader of our stdout has gone, as `| head` does: the program ends with 128+SIGPIPE, in silence.
struct PipeClosed {};

}  // namespace fanmill::store
