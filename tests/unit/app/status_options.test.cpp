#include <catch2/catch.hpp>

#include "refusal.hpp"
#include <fanmill/app/argument_parser.hpp>

namespace fanmill::app {

TEST_CASE("status options: an endpoint or none, on either side of the options") {
  CHECK_FALSE(parse_command_line(Program::status, {}).asks_one_run);
  ProgramSettings settings = parse_command_line(Program::status, {"tcp://127.0.0.1:5555", "--json"});
  CHECK(settings.asks_one_run);
  CHECK(settings.json);
  CHECK(settings.observer.connect.text() == "tcp://127.0.0.1:5555");
  CHECK(parse_command_line(Program::status, {"--json", "ipc:///tmp/mill"}).asks_one_run);
}

TEST_CASE("status options: what cannot be asked is refused") {
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal(Program::status, {"nonsense"}), Contains("ENDPOINT: "));
  CHECK_THAT(refusal(Program::status, {"ipc:///tmp/a", "ipc:///tmp/b"}), Contains("one ENDPOINT"));
  CHECK_THAT(refusal(Program::status, {"inproc://mill"}), Contains("reaches nobody outside this process"));
  CHECK_THAT(refusal(Program::status, {"tcp://*:5555"}), Contains("is for listening"));
  CHECK_THAT(refusal(Program::status, {"tcp://192.0.2.1:5555"}), Contains("--insecure"));
  CHECK(refusal(Program::status, {"tcp://192.0.2.1:5555", "--insecure"}).empty());
  CHECK(refusal(Program::status, {"tcp://192.0.2.1:5555", "--key", "a", "--server-key", "b"}).empty());
  CHECK_THAT(refusal(Program::status, {"tcp://192.0.2.1:5555", "--key", "a"}), Contains("give --server-key"));
  CHECK_THAT(refusal(Program::status, {"--key", "a", "--server-key", "b"}), Contains("give an ENDPOINT"));
  CHECK_THAT(refusal(Program::status, {"ipc:///tmp/a", "--jobs", "2"}), Contains("does not take it"));
}

TEST_CASE("progress options: a form, and what goes with it") {
  using Catch::Matchers::Contains;
  CHECK(parse_command_line(Program::run, {"true"}).progress == ShowProgress::automatic);
  CHECK(parse_command_line(Program::run, {"--progress", "plain", "true"}).progress == ShowProgress::plain);
  CHECK(parse_command_line(Program::sink, {"--connect", "ipc:///tmp/a", "--progress=bar"}).progress ==
        ShowProgress::bar);
  CHECK(refusal(Program::run, {"--progress", "none", "--quiet", "true"}).empty());
  CHECK(refusal(Program::run, {"--progress", "plain", "--ungroup", "true"}).empty());
  CHECK_THAT(refusal(Program::run, {"--progress", "dots", "true"}),
             Contains("it takes auto, bar, plain or none"));
  CHECK_THAT(refusal(Program::run, {"--progress", "bar", "--quiet", "true"}),
             Contains("--quiet is given too"));
  CHECK_THAT(refusal(Program::run, {"--progress", "bar", "--ungroup", "true"}), Contains("--progress plain"));
  CHECK_THAT(refusal(Program::worker, {"--connect", "ipc:///tmp/a", "--progress", "bar", "true"}),
             Contains("does not take it"));
}

}  // namespace fanmill::app
