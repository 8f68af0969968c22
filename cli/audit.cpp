#include <cli/audit.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/store/results_audit.hpp>

namespace fanmill::app {

int run_audit_program(Process& process) {
  process.become(Program::audit);
  const ProgramSettings settings = parse_command_line(Program::audit, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  const store::Audit audit = store::audit_results(settings.results_file.path);
  std::string text = audit.statement + "\n";
  for (const std::string& complaint : audit.complaints) text += "does not hold: " + complaint + "\n";
  print(process.closed, text);
  return audit.complaints.empty() ? 0 : 1;
}

}  // namespace fanmill::app
