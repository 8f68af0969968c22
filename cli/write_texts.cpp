// Writes the manual pages and bash's completion, made from the option table, to a directory: for the build
// alone.
//
//   write_texts DIRECTORY

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include <fanmill/app/completion.hpp>
#include <fanmill/app/manual_page.hpp>
#include <fanmill/app/program.hpp>

namespace fanmill::app {

namespace {

bool write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) std::fprintf(stderr, "write_texts: cannot write %s\n", path.c_str());
  return !file.fail();
}

bool write_all(const std::string& directory) {
  bool all = write(directory + "/fanmill.bash", bash_completion());
  for (const Program program : {Program::run, Program::ventilator, Program::worker, Program::sink,
                                Program::status, Program::audit, Program::export_results, Program::keygen}) {
    std::string name(command_name(program));
    std::replace(name.begin(), name.end(), ' ', '-');
    all = write(directory + "/" + name + ".1", manual_page(program)) && all;
  }
  return all;
}

}  // namespace

}  // namespace fanmill::app

int main(int argc, char** argv) {
  return argc == 2 && fanmill::app::write_all(argv[1]) ? 0 : 1;
}
