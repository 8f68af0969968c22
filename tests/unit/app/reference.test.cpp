#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <catch2/catch.hpp>

#include <fanmill/app/option_table.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::app {

namespace {
std::string reference() {
  std::ifstream file(FANMILL_REFERENCE);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}
}  // namespace

TEST_CASE("reference: it has every option, and none that is not there") {
  std::set<std::string> declared;
  for (const Option& option : option_table()) declared.emplace(option.name);

  const std::string text = reference();
  const std::regex name("--[a-z][a-z-]*");
  std::set<std::string> described;
  for (std::sregex_iterator found(text.begin(), text.end(), name), end; found != end; ++found) {
    described.insert(found->str());
  }
  CHECK(described == declared);
}

TEST_CASE("reference: it has every function") {
  const std::string text = reference();
  for (const std::string& function : work::function_names()) {
    CAPTURE(function);
    CHECK(text.find('`' + function + '`') != std::string::npos);
  }
}

}  // namespace fanmill::app
