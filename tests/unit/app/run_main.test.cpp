#include <csignal>
#include <new>
#include <stdexcept>

#include <catch2/catch.hpp>

#include "captured_errors.hpp"
#include <fanmill/app/run_main.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

namespace {

int main_of(const std::function<int(Process&)>& body) {
  const char* const argv[]{"fanmill-sink", "-k", ""};
  return run_main(3, argv, "fanmill-sink", body);
}

}  // namespace

TEST_CASE("main: the body gets the arguments, and its status is the program's") {
  const int status = main_of([](Process& process) {
    CHECK(process.name == "fanmill-sink");
    CHECK(process.arguments == std::vector<std::string>{"-k", ""});
    return 7;
  });
  CHECK(status == 7);
}

TEST_CASE("main: an error is one line, and its code the status") {
  const CapturedErrors errors;
  CHECK(main_of([](Process&) -> int { throw Error(ErrorCode::refused, "join", "x", "no"); }) == 4);
  CHECK(errors.text() == "fanmill-sink: cannot join x: no\n");
}

TEST_CASE("main: a wrong command line points to the help of the program that it has become") {
  const CapturedErrors errors;
  CHECK(main_of([](Process& process) -> int {
          process.become(Program::run);
          throw usage_error("--jobs", "'two' is not a number", "it takes N, N%, +N or -N");
        }) == 2);
  CHECK(errors.text() ==
        "fanmill: --jobs: 'two' is not a number; it takes N, N%, +N or -N (see fanmill run --help)\n");
}

TEST_CASE("main: a reader that has gone ends it in silence") {
  const CapturedErrors errors;
  CHECK(main_of([](Process&) -> int { throw store::PipeClosed{}; }) == 128 + SIGPIPE);
  CHECK(errors.text().empty());
}

TEST_CASE("main: no exception gets out, and none is quoted") {
  const CapturedErrors errors;
  CHECK(main_of([](Process&) -> int { throw std::bad_alloc(); }) == 3);
  CHECK(errors.text() == "fanmill-sink: out of memory\n");
  CHECK(main_of([](Process&) -> int { throw std::logic_error("basic_string"); }) == 3);
  CHECK(main_of([](Process&) -> int { throw 5; }) == 3);
  CHECK(errors.text().find("basic_string") == std::string::npos);
}

}  // namespace fanmill::app
