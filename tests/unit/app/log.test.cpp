#include <algorithm>

#include <catch2/catch.hpp>

#include "captured_errors.hpp"
#include <fanmill/app/log.hpp>

namespace fanmill::app {

namespace {
void say_all(const Log& log) {
  log.info("a {} and 100%");
  log.warning("careful");
  log.notice()(Severity::info, "noted");
  log.notice()(Severity::warning, "noted with care");
}
}  // namespace

TEST_CASE("log: each line begins with the program, and no text is a format") {
  const CapturedErrors errors;
  say_all(Log("fanmill-sink", Log::Level::everything));
  CHECK(errors.text() ==
        "fanmill-sink: a {} and 100%\nfanmill-sink: careful\nfanmill-sink: noted\nfanmill-sink: noted with "
        "care\n");
}

TEST_CASE("log: a line is one, and a terminal obeys nothing of it") {
  const CapturedErrors errors;
  const Log log("fanmill", Log::Level::everything);
  log.info("cannot read 'a\nb'");
  log.notice()(Severity::warning, "worker \x1b[2J\a: caf\xc3\xa9");
  CHECK(errors.text() == "fanmill: cannot read 'a\\nb'\nfanmill: worker \\x1b[2J\\x07: caf\xc3\xa9\n");
}

TEST_CASE("log: quiet leaves warnings") {
  const CapturedErrors errors;
  say_all(Log("fanmill", Log::Level::warnings));
  CHECK(errors.text() == "fanmill: careful\nfanmill: noted with care\n");
}

TEST_CASE("log: a flood of notices has an end, and what was left out a number") {
  const CapturedErrors errors;
  const Log log("fanmill", Log::Level::everything);
  for (int i = 0; i < 5000; ++i) log.notice()(Severity::warning, "refused");
  log.info("the end");
  const std::string text = errors.text();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1001);
  CHECK(text.ends_with("fanmill: refused\nfanmill: the end\n"));
}

TEST_CASE("log: the report of a run is its failures, its closing line and its exit status") {
  const CapturedErrors errors;
  const roles::RunReport report{
      .exit_code = 1, .closing_line = "2 tasks: 1 ok, 1 failed", .digest = {"task 2: exit 7"}};
  CHECK(Log("fanmill", Log::Level::everything).report(report) == 1);
  CHECK(errors.text() == "fanmill: task 2: exit 7\nfanmill: 2 tasks: 1 ok, 1 failed\n");
  CHECK(Log("fanmill", Log::Level::everything).report({}) == 0);
  CHECK(errors.text() == "fanmill: task 2: exit 7\nfanmill: 2 tasks: 1 ok, 1 failed\n");
}

}  // namespace fanmill::app
