// Writes the manual pages and bash's completion, made from the option table, to a directory: for the build
// alone.
//
//   write_texts DIRECTORY

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
  all = write(directory + "/fanmill.1", overview_page()) && all;
  for (const Program program : all_programs) {
    all = write(directory + "/" + page_name(program) + ".1", manual_page(program)) && all;
  }
  return all;
}

}  // namespace

}  // namespace fanmill::app

int main(int argc, char** argv) {
  return argc == 2 && fanmill::app::write_all(argv[1]) ? 0 : 1;
}
