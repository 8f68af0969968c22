#pragma once
// All three stages in one process: ventilator, sink and, unless all workers are elsewhere, a worker. One that
// may crash is in a process beside it.

#include <optional>
#include <utility>

#include <fanmill/input/input.hpp>
#include <fanmill/roles/report.hpp>
#include <fanmill/roles/settings.hpp>
#include <fanmill/roles/stop.hpp>
#include <fanmill/roles/supervisor.hpp>
#include <fanmill/store/store.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::roles {

struct PipelineSettings {
  VentilatorSettings
      ventilator;     // `bind`: where others may join; an inproc endpoint is added if there is none
  SinkSettings sink;  // `connect` and `bind` are filled in: a way for each of the ventilator's
  std::optional<std::pair<WorkerSettings, work::WorkSettings>> worker;  // `connect` is filled in
  std::optional<SupervisorSettings> worker_process;  // in its place: one that connects to one of `bind`
};

// Runs the ventilator on the calling thread; starts one thread for the sink and one for the worker or the
// process that it is in, and joins both. What the sink cannot do is thrown before what follows from it
// elsewhere.
RunReport run_pipeline(const PipelineSettings& settings, input::Input& input, store::Store& store,
                       StopRequest& stop);

}  // namespace fanmill::roles
