#include <catch2/catch.hpp>

#include "collected.hpp"

namespace fanmill::input {

TEST_CASE("arguments: each is an item, in order, whatever is in it") {
  const auto input = open_input({.items = {"a", "", "b c\n"}, .items_given = true});
  CHECK(input->delimiter() == "\n");
  CHECK(input->wait_fd() == -1);
  CHECK(read_all(*input) == std::vector<std::string>{"a", "", "b c\n"});
  Collected nothing;
  CHECK_FALSE(input->read(nothing));
  CHECK(nothing.items.empty());
}

TEST_CASE("arguments: none given after ::: is an empty input, and stdin is left alone") {
  const auto input = open_input({.items_given = true});
  CHECK(read_all(*input).empty());
}

TEST_CASE("arguments: many come in several reads, none twice") {
  std::vector<std::string> items;
  for (int number = 0; number < 10000; ++number) items.push_back(std::to_string(number));
  const auto input = open_input({.items = items, .items_given = true});
  Collected collected;
  REQUIRE(input->read(collected));
  CHECK(collected.items.size() < items.size());
  while (input->read(collected)) {
  }
  CHECK(collected.items == items);
}

TEST_CASE("arguments: one over the limit is named by its number") {
  const auto input = open_input({.items = {"ab", "abc"}, .items_given = true, .max_item = 2});
  const std::string text = error_of([&] { read_all(*input); });
  CHECK_THAT(text, Catch::Matchers::StartsWith("cannot read item 2 (from the command line): longer than "));
  CHECK_THAT(text, Catch::Matchers::Contains("--max-message"));
}

}  // namespace fanmill::input
