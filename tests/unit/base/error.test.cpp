#include <cerrno>
#include <string>

#include <catch2/catch.hpp>

#include <fanmill/base/error.hpp>

using namespace fanmill;

TEST_CASE("error: says what was attempted, on what, why, and what next") {
  const Error error(ErrorCode::unavailable, "bind", "tcp://0.0.0.0:5555", "address already in use",
                    "is another ventilator running?");
  CHECK(
      error.what() ==
      std::string("cannot bind tcp://0.0.0.0:5555: address already in use; is another ventilator running?"));
  CHECK(error.code() == ErrorCode::unavailable);
}

TEST_CASE("error: without a next step it ends with the reason") {
  CHECK(Error(ErrorCode::refused, "join", "tcp://a:1", "a sink is there already").what() ==
        std::string("cannot join tcp://a:1: a sink is there already"));
}

TEST_CASE("error: a wrong command line names the option") {
  const Error error = usage_error("--jobs", "'two' is not a number", "give 1 or more");
  CHECK(error.what() == std::string("--jobs: 'two' is not a number; give 1 or more"));
  CHECK(error.code() == ErrorCode::usage);
}

TEST_CASE("error: an errno value reads as a reason") {
  CHECK(reason_of(EADDRINUSE) == "address already in use");
  CHECK(reason_of(ENOENT) == "no such file or directory");
}
