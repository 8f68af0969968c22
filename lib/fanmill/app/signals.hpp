#pragma once
// Signals that ask a program to end.

#include <fanmill/roles/stop.hpp>

namespace fanmill::app {

// From the first call on SIGINT, SIGTERM and SIGHUP raise the request that comes back, which is the same each
// time; a third signal ends the process as if there were no handler. A SIGHUP that nohup has set to be
// ignored stays so. To be called before other threads start.
[[nodiscard]] roles::StopRequest& stop_on_signals();

}  // namespace fanmill::app
