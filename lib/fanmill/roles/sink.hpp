#pragma once
// The sink: collects results, makes them safe, acknowledges them.

#include <fanmill/roles/report.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/roles/stop.hpp>
#include <fanmill/store/store.hpp>

namespace fanmill::transport {
class Context;
}

namespace fanmill::roles {

// Collects on the calling thread until every task has its outcome. SIGINT, which a terminal sends to the
// ventilator too, leaves it to the ventilator to end the run; any other stop, or a second one, ends it now
// with 128 + the signal. Throws Error for what cannot start or go on, and lets store::PipeClosed through; the
// ventilator is told before.
RunReport run_sink(const SinkSettings& settings, store::Store& store, StopRequest& stop);
RunReport run_sink(transport::Context& context, const SinkSettings& settings, store::Store& store,
                   StopRequest& stop);

}  // namespace fanmill::roles
