#include <memory>
#include <utility>

#include <fanmill/app/hosted_run.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/open_store.hpp>
#include <fanmill/app/progress_display.hpp>
#include <fanmill/app/signals.hpp>
#include <fanmill/app/standard_streams.hpp>
#include <fanmill/app/status_directory.hpp>
#include <fanmill/app/summary.hpp>
#include <fanmill/app/worker_process.hpp>
#include <fanmill/roles/pipeline.hpp>
#include <fanmill/transport/ipc_path.hpp>
#include <fanmill/transport/random.hpp>

namespace fanmill::app {

namespace {

// Where a process of ours, and nobody but this user, reaches the run.
Endpoint way_for_a_process() {
  Endpoint endpoint;
  endpoint.scheme = Scheme::ipc;
  endpoint.path = transport::runtime_directory() + "/run-" + transport::random_name(8);
  return endpoint;
}

}  // namespace

int run_hosted(const Process& process, ProgramSettings settings) {
  const ShowProgress shown = progress_for(settings);
  const auto screen = screen_for(shown);
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything, screen);
  ProgressDisplay progress(shown, screen.get(), log);
  for_each_stage(settings, [&](roles::CommonSettings& stage) { stage.notice = log.notice(); });
  progress.watch(settings.ventilator);
  settings.ventilator.status_directory = status_directory(log);
  settings.results.screen = screen.get();
  load_keys(settings);
  require_input(process.closed, settings.input, log.notice());
  const std::unique_ptr<input::Input> items = input::open_input(settings.input);
  Summary summary(settings.summary_file);
  const std::unique_ptr<store::Store> results = open_store(process.closed, settings);

  roles::PipelineSettings pipeline{
      .ventilator = settings.ventilator, .sink = settings.sink, .worker = {}, .worker_process = {}};
  if (settings.command.kind == work::WorkKind::plugin && !settings.remote_only) {
    const Endpoint& way = pipeline.ventilator.bind.emplace_back(way_for_a_process());
    pipeline.worker_process = worker_for(settings, way);
  } else if (!settings.remote_only) {
    pipeline.worker.emplace(settings.worker, settings.command);
  }
  const roles::RunReport report =
      roles::report_of([&] { return roles::run_pipeline(pipeline, *items, *results, stop_on_signals()); });
  progress.end();
  const int status = log.report(report);
  summary.write(report);
  return status;
}

}  // namespace fanmill::app
