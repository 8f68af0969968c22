#include <utility>

#include <worker/worker_program.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/signals.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/roles/worker.hpp>

namespace fanmill::app {

int run_worker_program(Process& process) {
  return run_worker_with(process, nullptr);
}

int run_worker_with(Process& process, work::Function own) {
  process.become(Program::worker);
  ProgramSettings settings = parse_command_line(Program::worker, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  load_keys(settings);
  settings.command.own = std::move(own);
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything);
  settings.worker.notice = log.notice();
  return log.report(roles::run_worker(settings.worker, settings.command, stop_on_signals()));
}

}  // namespace fanmill::app
