#include <set>

#include <catch2/catch.hpp>

#include <fanmill/app/option_table.hpp>

namespace fanmill::app {

TEST_CASE("option table: no name and no letter is declared twice") {
  std::set<std::string_view> names;
  std::set<char> letters;
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    CHECK(names.insert(option.name).second);
    if (option.letter != 0) CHECK(letters.insert(option.letter).second);
  }
}

TEST_CASE("option table: every option has a long name, a text, a setter and a program") {
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    CHECK(option.name.starts_with("--"));
    CHECK_FALSE(option.help.empty());
    CHECK(option.set != nullptr);
    const TakenBy& by = option.taken_by;
    CHECK((by.run || by.ventilator || by.worker || by.sink || by.status || by.audit || by.export_results ||
           by.keygen));
  }
}

TEST_CASE("option table: what a hosting ventilator takes, a run takes too") {
  for (const Option& option : option_table()) {
    CAPTURE(option.name);
    if (option.taken_by.hosting) CHECK(option.taken_by.run);
    if (option.taken_by.hosting) CHECK_FALSE(option.taken_by.ventilator);
  }
}

}  // namespace fanmill::app
