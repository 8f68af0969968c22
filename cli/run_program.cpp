#include <cli/run_program.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/hosted_run.hpp>
#include <fanmill/app/usage_text.hpp>

namespace fanmill::app {

int run_run_program(Process& process) {
  process.become(Program::run);
  const ProgramSettings settings = parse_command_line(Program::run, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  return run_hosted(process, settings);
}

}  // namespace fanmill::app
