#pragma once
// Why a run waits, if it does: read off its status. Pure.

#include <cstdint>
#include <vector>

#include <fanmill/wire/status.hpp>

namespace fanmill::core {

enum class Wait : std::uint8_t {
  no_sink,      // none has come, or its connection is down
  no_worker,    // tasks are pending, and there is none
  few_workers,  // there are some, and more are wanted first (--min-workers)
  unreachable,  // a worker cannot connect to its lane, or to the sink
  question,     // the sink has not said yet which tasks it has an outcome of
  retry_delay,  // all that is pending has failed and waits for its next attempt
  suspects,     // tasks that were with workers that died wait for one that has nothing else
  input,        // workers have room, and there is nothing to give them
  sink,         // results are with the sink, and it takes long to make them safe
  window,       // nothing more is read before something is done
  end,          // all tasks have their outcome; the sink has not confirmed the end
};

// The reasons that hold, the plainest first; empty where tasks are being done and nothing is amiss.
[[nodiscard]] std::vector<Wait> why_it_waits(const wire::Status& status);

}  // namespace fanmill::core
