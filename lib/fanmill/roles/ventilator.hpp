#pragma once
// The ventilator: reads tasks, feeds a lane per worker, forgets a task when its outcome is acknowledged.

#include <fanmill/input/input.hpp>
#include <fanmill/roles/report.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/roles/stop.hpp>

namespace fanmill::transport {
class Context;
}

namespace fanmill::roles {

// Runs one pass over the input on the calling thread, until every task has its outcome. Stopped once: reads
// nothing more and hands out nothing more, and ends when what is out is done; twice: ends now. Either way the
// exit code is 128 + the signal. Throws Error for what cannot start or go on.
RunReport run_ventilator(const VentilatorSettings& settings, input::Input& input, StopRequest& stop);
// The same within a context that others share, for inproc.
RunReport run_ventilator(transport::Context& context, const VentilatorSettings& settings, input::Input& input,
                         StopRequest& stop);

}  // namespace fanmill::roles
