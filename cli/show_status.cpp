#include <string>
#include <vector>

#include <cli/show_status.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/log.hpp>
#include <fanmill/app/status_text.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/roles/observer.hpp>
#include <fanmill/roles/status_socket.hpp>
#include <fanmill/transport/ipc_path.hpp>

namespace fanmill::app {

namespace {

// Of all runs on this host; one that does not answer is told of, and the others are shown.
std::vector<wire::Status> runs_here(const Process& process, roles::ObserverSettings settings,
                                    int& exit_status) {
  const Log log(process.name, Log::Level::everything);
  transport::Context context;
  std::vector<wire::Status> runs;
  settings.connect.scheme = Scheme::ipc;
  for (const std::string& path : transport::live_sockets(roles::StatusSocket::prefix)) {
    settings.connect.path = path;
    try {
      runs.push_back(roles::ask_for_status(context, settings));
    } catch (const Error& error) {
      log.warning(error.what());
      exit_status = static_cast<int>(error.code());
    }
  }
  return runs;
}

}  // namespace

int run_status_program(Process& process) {
  process.become(Program::status);
  ProgramSettings settings = parse_command_line(Program::status, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  int exit_status = 0;
  std::vector<wire::Status> runs;
  if (settings.asks_one_run) {
    load_keys(settings);
    transport::Context context;
    runs.push_back(roles::ask_for_status(context, settings.observer));
  } else {
    runs = runs_here(process, settings.observer, exit_status);
  }
  std::string text;
  if (settings.json) {
    text = status_json(runs);
  } else {
    for (const wire::Status& run : runs) text += (text.empty() ? "" : "\n") + status_table(run);
    if (runs.empty() && exit_status == 0) text = "no runs of this user on this host\n";
  }
  print(process.closed, text);
  return exit_status;
}

}  // namespace fanmill::app
