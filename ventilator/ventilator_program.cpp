#include <ventilator/ventilator_program.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/hosted_run.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/progress_display.hpp>
#include <fanmill/app/signals.hpp>
#include <fanmill/app/status_directory.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/roles/ventilator.hpp>

namespace fanmill::app {

int run_ventilator_program(Process& process) {
  process.become(Program::ventilator);
  ProgramSettings settings = parse_command_line(Program::ventilator, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  if (settings.hosts_all_stages) return run_hosted(process, settings);
  load_keys(settings);
  const ShowProgress shown = progress_for(settings);
  const auto screen = screen_for(shown);
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything, screen);
  ProgressDisplay progress(shown, screen.get(), log);
  progress.watch(settings.ventilator);
  settings.ventilator.status_directory = status_directory(log);
  settings.ventilator.notice = log.notice();
  require_input(process.closed, settings.input, log.notice());
  const std::unique_ptr<input::Input> items = input::open_input(settings.input);
  const roles::RunReport report =
      roles::report_of([&] { return roles::run_ventilator(settings.ventilator, *items, stop_on_signals()); });
  progress.end();
  return log.report(report);
}

}  // namespace fanmill::app
