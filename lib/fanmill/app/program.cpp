#include <algorithm>

#include <fanmill/app/program.hpp>

namespace fanmill::app {

std::string_view message_name(Program program) {
  switch (program) {
    case Program::run:
    case Program::status:
    case Program::audit:
    case Program::export_results:
    case Program::keygen:
      return "fanmill";
    case Program::ventilator:
    case Program::worker:
    case Program::sink:
      break;
  }
  return command_name(program);
}

std::string_view command_name(Program program) {
  switch (program) {
    case Program::run:
      return "fanmill run";
    case Program::ventilator:
      return "fanmill-ventilator";
    case Program::worker:
      return "fanmill-worker";
    case Program::status:
      return "fanmill status";
    case Program::audit:
      return "fanmill audit";
    case Program::export_results:
      return "fanmill export";
    case Program::keygen:
      return "fanmill keygen";
    case Program::sink:
      break;
  }
  return "fanmill-sink";
}

std::string page_name(Program program) {
  std::string name(command_name(program));
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string_view what_is(Program program) {
  switch (program) {
    case Program::run:
      return "the whole pipeline in one process";
    case Program::ventilator:
      return "where tasks come from";
    case Program::worker:
      return "what is done with a task";
    case Program::status:
      return "how a run is going";
    case Program::audit:
      return "whether what a sink has stored adds up";
    case Program::export_results:
      return "what a sink has stored, as a stream of results";
    case Program::keygen:
      return "makes a pair of keys";
    case Program::sink:
      break;
  }
  return "where results go";
}

}  // namespace fanmill::app
