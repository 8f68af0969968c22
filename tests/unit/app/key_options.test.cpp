#include <catch2/catch.hpp>

#include "refusal.hpp"

namespace fanmill::app {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

namespace {
Words worker(Words more) {
  Words words{"--connect", "tcp://192.0.2.1:5555"};
  words.insert(words.end(), more.begin(), more.end());
  words.insert(words.end(), {"--function", "echo"});
  return words;
}
}  // namespace

TEST_CASE("keys: with them tcp goes beyond loopback") {
  CHECK(refusal(Program::worker, worker({"--key", "a.key_secret", "--server-key", "head.key"})).empty());
  CHECK(refusal(Program::ventilator, {"--bind", "tcp://*:5555", "--key", "a", "--allow", "keys"}).empty());
  CHECK(refusal(Program::run, {"--listen", "tcp://*:5555", "--key", "a", "--allow", "keys", "true"}).empty());
  CHECK(refusal(Program::sink, {"--connect", "tcp://192.0.2.1:5555", "--bind", "tcp://*:5556", "--key", "a",
                                "--server-key", "b", "--allow", "keys"})
            .empty());
  CHECK_THAT(refusal(Program::worker, worker({})), Contains("--key"));
}

TEST_CASE("keys: half of what is needed is refused") {
  CHECK_THAT(refusal(Program::worker, worker({"--key", "a"})),
             StartsWith("--key: it has to be known whose ventilator"));
  CHECK_THAT(refusal(Program::worker, worker({"--server-key", "a"})), StartsWith("--server-key: "));
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "ipc:///tmp/x", "--key", "a"}), Contains("--allow"));
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "ipc:///tmp/x", "--allow", "a"}),
             Contains("give --key"));
  CHECK_THAT(refusal(Program::sink, {"--connect", "ipc:///tmp/x", "--key", "a", "--server-key", "b"}),
             Contains("give --allow"));
  CHECK_THAT(refusal(Program::sink, {"--connect", "ipc:///tmp/x", "--key", "a", "--allow", "b"}),
             Contains("give --server-key"));
}

TEST_CASE("keys: what contradicts them is refused") {
  CHECK_THAT(refusal(Program::worker, worker({"--insecure", "--key", "a", "--server-key", "b"})),
             StartsWith("--insecure: --key is given too"));
  CHECK_THAT(refusal(Program::run, {"--key", "a", "--allow", "b", "true"}), Contains("--listen"));
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "inproc://x", "--key", "a", "--allow", "b", "true"}),
             Contains("nobody comes from elsewhere"));
  CHECK_THAT(refusal(Program::worker, worker({"--allow", "b"})), Contains("does not take it"));
  CHECK_THAT(refusal(Program::run, {"--server-key", "b", "true"}), Contains("does not take it"));
  CHECK_THAT(refusal(Program::worker, worker({"--key="})), Contains("the value is empty"));
}

TEST_CASE("keygen: it takes a directory and a name") {
  const ProgramSettings settings = parse_command_line(Program::keygen, {"/tmp/keys", "tiger-1.lan"});
  CHECK(settings.key_directory == "/tmp/keys");
  CHECK(settings.key_name == "tiger-1.lan");
  CHECK_THAT(refusal(Program::keygen, {}), StartsWith("a DIR and a NAME: 0 words"));
  CHECK_THAT(refusal(Program::keygen, {"keys"}), Contains("1 words"));
  CHECK_THAT(refusal(Program::keygen, {"keys", "a", "b"}), Contains("3 words"));
  for (const char* const name : {"a/b", ".", "..", ".hidden", "a b", "a\nb", "-x.y", "caf\xc3\xa9"}) {
    CAPTURE(name);
    CHECK_THAT(refusal(Program::keygen, {"--", "keys", name}), Contains("it is no name for a key"));
  }
  CHECK_FALSE(refusal(Program::keygen, {"keys", std::string(300, 'x')}).empty());
  CHECK_THAT(refusal(Program::keygen, {"keys", "--jobs"}), Contains("--jobs"));
}

}  // namespace fanmill::app
