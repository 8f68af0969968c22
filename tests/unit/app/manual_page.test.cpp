#include <catch2/catch.hpp>

#include <fanmill/app/completion.hpp>
#include <fanmill/app/manual_page.hpp>
#include <fanmill/app/option_table.hpp>

namespace fanmill::app {

using Catch::Matchers::Contains;

TEST_CASE("manual page: has an entry for each option of the program, and no other") {
  for (const Program program : {Program::run, Program::worker, Program::sink, Program::status, Program::audit,
                                Program::export_results, Program::keygen}) {
    const std::string page = manual_page(program);
    for (const Option& option : option_table()) {
      CAPTURE(command_name(program), option.name);
      std::string name(option.name);
      for (std::size_t at = 0; (at = name.find('-', at)) != std::string::npos; at += 2)
        name.insert(at, 1, '\\');
      const bool is_there = page.find("\\fB" + name + "\\fR") != std::string::npos;
      CHECK(is_there == option.is_known_to(program));
    }
  }
}

TEST_CASE("manual page: what roff would take for its own is text") {
  // An example of the worker's holds quotes and backslashes nowhere, but a line may begin with a full stop.
  const std::string page = manual_page(Program::run);
  CHECK_THAT(page, Contains("find . \\-name '*.log'"));
  CHECK_THAT(page, Contains("{.} {/} {//}"));
  for (std::size_t at = page.find('\n'); at + 1 < page.size(); at = page.find('\n', at + 1)) {
    const char first = page[at + 1];
    if (first != '.') continue;
    const std::string request = page.substr(at + 1, 3);
    CAPTURE(request);
    CHECK((request == ".SH" || request == ".TP" || request == ".nf" || request == ".fi" || request == ".BR"));
  }
}

TEST_CASE("manual page: that of fanmill itself names each program and its page") {
  const std::string page = overview_page();
  CHECK_THAT(page, Contains("fanmill \\- task"));
  for (const Program program : all_programs) {
    std::string name = page_name(program);
    name.insert(name.find('-'), 1, '\\');
    CAPTURE(name);
    CHECK_THAT(page, Contains(std::string(what_is(program)) + ": \\fB" + name + "\\fR(1)"));
  }
}

TEST_CASE("completion: knows the options of each program, and which of them take a value") {
  const std::string text = bash_completion();
  CHECK(text.find('@') == text.find("@\""));  // nothing is left to be put in
  CHECK_THAT(text, Contains("fanmill-export)"));
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    CHECK_THAT(text, Contains(std::string(option.name)));
  }
}

}  // namespace fanmill::app
