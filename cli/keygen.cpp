#include <cli/keygen.hpp>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/load_keys.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/transport/key_file.hpp>

namespace fanmill::app {

int run_keygen_program(Process& process) {
  process.become(Program::keygen);
  const ProgramSettings settings = parse_command_line(Program::keygen, process.arguments);
  if (settings.request != Request::work) {
    print(process.closed, answer(settings));
    return 0;
  }
  keep_memory_to_ourselves();
  const auto key = transport::make_key_files(settings.key_directory, settings.key_name);
  print(process.closed, key.text() + "\n");
  return 0;
}

}  // namespace fanmill::app
