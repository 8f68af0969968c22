#include <memory>
#include <utility>

#include <fanmill/app/hosted_run.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/signals.hpp>
#include <fanmill/app/standard_streams.hpp>
#include <fanmill/roles/pipeline.hpp>

namespace fanmill::app {

int run_hosted(const Process& process, ProgramSettings settings) {
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything);
  for_each_stage(settings, [&](roles::CommonSettings& stage) { stage.notice = log.notice(); });
  require_input(process.closed, settings.input);
  require_output(process.closed, settings.results);
  const std::unique_ptr<input::Input> items = input::open_input(settings.input);
  const std::unique_ptr<store::Store> results = store::open_stream(settings.results);

  roles::PipelineSettings pipeline{.ventilator = settings.ventilator, .sink = settings.sink, .worker = {}};
  if (!settings.remote_only) pipeline.worker.emplace(settings.worker, settings.command);
  return log.report(roles::run_pipeline(pipeline, *items, *results, stop_on_signals()));
}

}  // namespace fanmill::app
