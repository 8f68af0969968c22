#pragma once
// A worker: takes tasks from its lane, runs them, sends the results to the sink.

#include <fanmill/roles/report.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/roles/stop.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::transport {
class Context;
}

namespace fanmill::roles {

// Works on the calling thread until the ventilator says STOP (or refuses it: Error{refused}). Stopped once:
// gives back what it has not started, finishes and delivers the rest, and is dismissed: exit code 0. Twice:
// kills what runs and ends with 128 + the signal. Where a task has timed out that cannot be ended, it leaves
// likewise, and the report says that it is worn out.
RunReport run_worker(const WorkerSettings& settings, const work::WorkSettings& work, StopRequest& stop);
RunReport run_worker(transport::Context& context, const WorkerSettings& settings,
                     const work::WorkSettings& work, StopRequest& stop);

}  // namespace fanmill::roles
