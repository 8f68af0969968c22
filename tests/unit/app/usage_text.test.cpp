#include <sstream>

#include <catch2/catch.hpp>

#include <fanmill/app/option_table.hpp>
#include <fanmill/app/usage_text.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::app {

using Catch::Matchers::Contains;

namespace {
constexpr Program programs[]{Program::run,    Program::ventilator, Program::worker,         Program::sink,
                             Program::status, Program::audit,      Program::export_results, Program::keygen};
}

TEST_CASE("help: all of it names every option of the program, and no other") {
  for (const Program program : programs) {
    const std::string text = help_text(program, HelpOf::all);
    for (const Option& option : option_table()) {
      CAPTURE(command_name(program), option.name);
      // Followed by its argument, the gap before its text, or in the list of what is for hosting.
      const std::string name(option.name);
      const bool is_there =
          text.find(name + " ") != std::string::npos || text.find(name + "\n") != std::string::npos;
      CHECK(is_there == option.is_known_to(program));
    }
  }
}

TEST_CASE("help: it fits a screen") {
  for (const Program program : programs) {
    std::istringstream lines(help_text(program, HelpOf::common));
    std::string line;
    int count = 0;
    while (std::getline(lines, line)) {
      ++count;
      CAPTURE(command_name(program), line);
      CHECK(line.size() <= 100);
    }
    CHECK(count >= 9);
    CHECK(count <= 48);
  }
}

TEST_CASE("help: the common options are some of all, and it says where the others are") {
  for (const Program program : programs) {
    std::istringstream lines(help_text(program, HelpOf::common));
    const std::string all = help_text(program, HelpOf::all);
    std::string line;
    while (std::getline(lines, line)) CHECK_THAT(all, Contains(line + "\n"));
    CHECK_THAT(help_text(program, HelpOf::common), Contains("--help-all "));
  }
  CHECK_THAT(help_text(Program::run, HelpOf::common), !Contains("--window"));
  CHECK_THAT(help_text(Program::run, HelpOf::common), Contains("--jobs"));
}

TEST_CASE("help: it has examples and the exit status") {
  for (const Program program : programs) {
    CHECK_THAT(help_text(program, HelpOf::common), Contains("EXAMPLES\n  "));
    CHECK_THAT(help_text(program, HelpOf::common), Contains("EXIT STATUS\n  0 "));
  }
}

TEST_CASE("help: it names the functions that there are") {
  for (const std::string& name : work::function_names())
    CHECK_THAT(help_text(Program::run, HelpOf::common), Contains(name));
}

TEST_CASE("help: the overview names the programs") {
  for (const char* const name :
       {"run", "ventilator", "worker", "sink", "status", "audit", "export", "keygen"}) {
    CHECK_THAT(overview_text(), Contains(std::string("\n  ") + name + " "));
  }
}

TEST_CASE("version: a name and a number") {
  CHECK(version_text() == "fanmill 0.1.0\n");
}

}  // namespace fanmill::app
