#include <cstdlib>
#include <memory>
#include <utility>

#include <worker/worker_program.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/signals.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/app/worker_process.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/roles/supervisor.hpp>
#include <fanmill/roles/worker.hpp>

namespace fanmill::app {

int run_worker_program(Process& process) {
  return run_worker_with(process, nullptr);
}

namespace {

// Without a supervisor somebody else has to see to it, and is told so.
int status_of(const roles::RunReport& report, const Log& log, work::Board& board, bool is_supervised) {
  const int status = log.report(report);
  if (report.worn_out.empty()) {
    const bool is_asked = stop_on_signals().level() > 0;
    board.say(is_asked ? work::Board::Ending::asked : work::Board::Ending::in_order);
    return status;
  }
  board.say(work::Board::Ending::to_restart);
  if (!is_supervised) log.warning("with --supervise another process would go on now");
  return static_cast<int>(ErrorCode::unavailable);
}

int run_here(const Process& process, ProgramSettings& settings, bool is_supervised) {
  load_keys(settings);
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything);
  settings.worker.notice = log.notice();
  const roles::RunReport report = roles::run_worker(settings.worker, settings.command, stop_on_signals());
  const int status = status_of(report, log, *settings.command.board, is_supervised);
  if (report.is_stuck) std::_Exit(status);
  return status;
}

int run_beside(const Process& process, ProgramSettings& settings) {
  const Log log(process.name, settings.quiet ? Log::Level::warnings : Log::Level::everything);
  settings.worker.notice = log.notice();
  return log.report(roles::run_supervised(same_again(process, settings), stop_on_signals()));
}

}  // namespace

int run_worker_with(Process& process, work::Function own) {
  process.become(Program::worker);
  const std::shared_ptr<work::Board> supervisors = board_of_supervisor();
  ProgramSettings settings = parse_command_line(Program::worker, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  if (settings.supervise && !supervisors) return run_beside(process, settings);
  settings.command.own = std::move(own);
  settings.command.board = supervisors ? supervisors : std::make_shared<work::Board>(settings.command.slots);
  try {
    return run_here(process, settings, supervisors != nullptr);
  } catch (const Error& error) {
    settings.command.board->say(work::Board::Ending::with_error, error.what());
    if (!supervisors) throw;
    return static_cast<int>(error.code());  // the supervisor has the text
  }
}

}  // namespace fanmill::app
