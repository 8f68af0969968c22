#include <sink/sink_program.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/open_store.hpp>
#include <fanmill/app/progress_display.hpp>
#include <fanmill/app/signals.hpp>
#include <fanmill/app/summary.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/roles/sink.hpp>

namespace fanmill::app {

int run_sink_program(Process& process) {
  process.become(Program::sink);
  ProgramSettings settings = parse_command_line(Program::sink, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  load_keys(settings);
  const ShowProgress shown = progress_for(settings);
  const auto screen = screen_for(shown);
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything, screen);
  ProgressDisplay progress(shown, screen.get(), log);
  progress.watch(settings.sink);
  settings.results.screen = screen.get();
  settings.sink.notice = log.notice();
  Summary summary(settings.summary_file);
  const std::unique_ptr<store::Store> results = open_store(process.closed, settings);
  const roles::RunReport report =
      roles::report_of([&] { return roles::run_sink(settings.sink, *results, stop_on_signals()); });
  progress.end();
  const int status = log.report(report);
  summary.write(report);
  return status;
}

}  // namespace fanmill::app
