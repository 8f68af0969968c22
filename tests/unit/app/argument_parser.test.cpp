#include <catch2/catch.hpp>

#include "refusal.hpp"

namespace fanmill::app {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

namespace {
Words command_of(const Words& arguments) {
  return parse_command_line(Program::run, arguments).command.words;
}
}  // namespace

TEST_CASE("command line: the first word that is no option begins the command") {
  CHECK(command_of({"-j2", "gzip", "-k", "{}"}) == Words{"gzip", "-k", "{}"});
  CHECK(command_of({"-j", "2", "gzip", "-j9", "--help"}) == Words{"gzip", "-j9", "--help"});
  CHECK(command_of({"-k", "echo", "--", "-k"}) == Words{"echo", "--", "-k"});
  CHECK(command_of({"-", "-k"}) == Words{"-", "-k"});
}

TEST_CASE("command line: what follows -- is the command, even if it looks like an option") {
  CHECK(command_of({"-k", "--", "-odd", "--jobs"}) == Words{"-odd", "--jobs"});
  CHECK(command_of({"--", "echo", "--", "a"}) == Words{"echo", "--", "a"});
  CHECK(command_of({"--", "--", "a"}) == Words{"--", "a"});
}

TEST_CASE("command line: options after the command are the command's") {
  const ProgramSettings settings = parse_command_line(Program::run, {"-j2", "echo", "-j7", "-k"});
  CHECK(settings.command.slots == 2);
  CHECK_FALSE(settings.results.keep_order);
}

TEST_CASE("command line: a worker's command is split as a run's is, without items") {
  const Words arguments{"--connect", "ipc:///tmp/x", "-j3", "sort", "-r", ":::", "a"};
  const ProgramSettings settings = parse_command_line(Program::worker, arguments);
  CHECK(settings.command.words == Words{"sort", "-r", ":::", "a"});
  CHECK_FALSE(settings.input.items_given);
}

TEST_CASE("command line: a value stands in the next word, after = or right behind the letter") {
  for (const Words& form :
       {Words{"-j", "3"}, {"-j3"}, {"--jobs", "3"}, {"--jobs=3"}, {"-kj3"}, {"-0kj", "3"}}) {
    Words arguments = form;
    arguments.insert(arguments.end(), {"echo", "x"});
    const ProgramSettings settings = parse_command_line(Program::run, arguments);
    CAPTURE(form);
    CHECK(settings.command.slots == 3);
    CHECK(settings.command.words == Words{"echo", "x"});
  }
}

TEST_CASE("command line: a value may look like an option, and like nothing at all") {
  CHECK(parse_command_line(Program::run, {"-o", "-k", "cat"}).results.file == "-k");
  CHECK(parse_command_line(Program::run, {"-a", "[a,b]", "cat"}).input.files == Words{"[a,b]"});
  CHECK(parse_command_line(Program::run, {"--shell", "{}"}).command.words == Words{"{}"});
  CHECK(parse_command_line(Program::run, {"--shell", "a=b; echo $a"}).command.words == Words{"a=b; echo $a"});
}

TEST_CASE("command line: the last of several values wins, and what may be repeated is kept") {
  const Words arguments{"-j2", "--jobs=5", "-a", "one", "-a", "two", "-k", "-k", "cat"};
  const ProgramSettings settings = parse_command_line(Program::run, arguments);
  CHECK(settings.command.slots == 5);
  CHECK(settings.input.files == Words{"one", "two"});
  CHECK(settings.results.keep_order);
}

TEST_CASE("command line: an unknown option is named, with the one that may be meant") {
  CHECK(refusal(Program::run, {"--joobs", "2", "cat"}) == "--joobs: no such option; did you mean --jobs?");
  CHECK(refusal(Program::run, {"--keep-ordr=1", "cat"}) ==
        "--keep-ordr: no such option; did you mean --keep-order?");
  CHECK(refusal(Program::run, {"--keeporder", "cat"}) ==
        "--keeporder: no such option; did you mean --keep-order?");
  CHECK(refusal(Program::run, {"-x7", "cat"}) == "-x: no such option");
  CHECK(refusal(Program::run, {"-5", "cat"}) == "-5: no such option");
  CHECK(refusal(Program::run, {"-k", "--zzzzzz", "--", "cat"}) == "--zzzzzz: no such option");
}

TEST_CASE("command line: another program's option is told apart from one that is not there") {
  CHECK(refusal(Program::worker, {"--window", "3"}) == "--window: fanmill-worker does not take it");
  CHECK(refusal(Program::sink, {"-j3"}) == "-j: fanmill-sink does not take it");
  CHECK(refusal(Program::run, {"--connect=x"}) == "--connect: fanmill run does not take it");
}

TEST_CASE("command line: a missing value is said with what it would be") {
  CHECK(refusal(Program::run, {"--jobs"}) == "--jobs: a value is missing; it takes N");
  CHECK(refusal(Program::run, {"-kj"}) == "--jobs: a value is missing; it takes N");
  CHECK(refusal(Program::run, {"-o"}) == "--output: a value is missing; it takes FILE");
  CHECK(refusal(Program::run, {"--jobs=", "cat"}) == "--jobs: the value is empty");
}

TEST_CASE("command line: every option that takes a value refuses an empty one and asks for a missing one") {
  for (const Program program : {Program::run, Program::ventilator, Program::worker, Program::sink}) {
    for (const Option& option : option_table()) {
      if (!option.is_known_to(program) || option.is_flag()) continue;
      const std::string name(option.name);
      CAPTURE(command_name(program), name);
      CHECK_THAT(refusal(program, {name}), StartsWith(name + ": a value is missing; it takes "));
      CHECK_THAT(refusal(program, {name + "=", "x"}), StartsWith(name + ": the value is empty"));
      CHECK_THAT(refusal(program, {name, ""}), StartsWith(name + ": "));
    }
  }
}

TEST_CASE("command line: a flag takes no value") {
  CHECK(refusal(Program::run, {"--null=5", "cat"}) == "--null: it takes no value, and not '5'");
  CHECK(refusal(Program::run, {"--null=false", "cat"}) == "--null: it takes no value, and not 'false'");
  CHECK(refusal(Program::run, {"--null=", "cat"}) == "--null: the value is empty");
}

TEST_CASE("command line: bad values are named with what the option takes") {
  struct Bad {
    std::string option;
    std::string value;
    std::string says;
  };
  const std::vector<Bad> bad{
      {"--jobs", "two", "--jobs: 'two' is not a number; it takes N, N%, +N or -N"},
      {"--jobs", "0", "--jobs: nothing would run with 0; it takes N, N%, +N or -N"},
      {"--jobs", "99999999999999999999999",
       "--jobs: '99999999999999999999999' is too large; the most is 65536"},
      {"--window", "many", "--window: 'many' is not a whole number"},
      {"--window", "0", "--window: '0' is too small"},
      {"--window", "-1", "--window: '-1' is not a whole number"},
      {"--window", "1e9", "--window: '1e9' is not a whole number"},
      {"--window", "999999999999999999999", "--window: '999999999999999999999' is too large"},
      {"--prefetch", "some", "--prefetch: 'some' is not a number of tasks; it takes N or auto"},
      {"--prefetch", "-3", "--prefetch: '-3' is not a number of tasks; it takes N or auto"},
      {"--prefetch", "99999999999", "--prefetch: '99999999999' is too large"},
      {"--min-workers", "0", "--min-workers: '0' is too small"},
      {"--min-workers", "99999999999", "--min-workers: '99999999999' is too large"},
      {"--wait-timeout", "5", "--wait-timeout: '5' has no unit; it takes a time with its unit"},
      {"--wait-timeout", "5x", "--wait-timeout: '5x' has an unknown unit"},
      {"--wait-timeout", "0", "--wait-timeout: 0 is too short"},
      {"--wait-timeout", "-5s", "--wait-timeout: '-5s' is not a time"},
      {"--wait-timeout", "99999999999h", "--wait-timeout: '99999999999h' is too long"},
      {"--max-message", "big", "--max-message: 'big' is not a size"},
      {"--max-message", "0", "--max-message: 0 is too small"},
      {"--max-message", "-1M", "--max-message: '-1M' is not a size"},
      {"--max-message", "1X", "--max-message: '1X' has an unknown unit"},
      {"--max-message", "2G", "--max-message: '2G' is too large; the most is 1 GiB"},
      {"--max-output", "0", "--max-output: 0 is too small"},
      {"--max-output", "99999999999G", "--max-output: '99999999999G' is too large"},
      {"--max-output", "65M", "--max-output: more than a message may hold; raise --max-message"},
      {"--lane-ports", "5000", "--lane-ports: '5000' is not a range of ports; it takes LOW-HIGH"},
      {"--lane-ports", "5000-", "--lane-ports: '' is not a whole number"},
      {"--lane-ports", "0-9", "--lane-ports: '0' is too small"},
      {"--lane-ports", "5-70000", "--lane-ports: '70000' is too large"},
      {"--lane-ports", "9-5", "--lane-ports: 9 is above 5"},
      {"--advertise", "a b", "--advertise: 'a b' is not a host"},
      {"--advertise", "*", "--advertise: '*' is not a host"},
      {"--advertise", "host:5", "--advertise: 'host:5' is not a host"},
      {"--format", "xml", "--format: 'xml' is no format; it takes raw, jsonl, msgpack or length"},
      {"--function", "ehco", "--function: there is no function 'ehco'; it takes echo, fail"},
      {"--listen", "tcp://127.0.0.1", "--listen: "},
      {"--listen", "http://127.0.0.1:80", "--listen: "},
      {"--listen", "ipc:///" + std::string(200, 'x'), "--listen: "},
      {"--listen", "tcp://127.0.0.1:99999", "--listen: "},
  };
  for (const Bad& one : bad) {
    CAPTURE(one.option, one.value);
    CHECK_THAT(refusal(Program::run, {one.option, one.value, "cat"}), StartsWith(one.says));
  }
  CHECK_THAT(refusal(Program::worker, {"--name", "a\nb", "cat"}), StartsWith("--name: "));
  CHECK_THAT(refusal(Program::worker, {"--name", std::string(257, 'x'), "cat"}), Contains("256"));
  CHECK_THAT(refusal(Program::worker, {"--connect", "nowhere", "cat"}), StartsWith("--connect: "));
  CHECK_THAT(refusal(Program::sink, {"--bind", "nowhere"}), StartsWith("--bind: "));
}

TEST_CASE("command line: good values arrive where they belong") {
  const Words run{"--listen",
                  "tcp://127.0.0.1:5555",
                  "--listen",
                  "ipc:///tmp/x",
                  "--min-workers",
                  "3",
                  "--lane-ports",
                  "20000-20999",
                  "--advertise",
                  "::1",
                  "--window",
                  "1000",
                  "--prefetch",
                  "0",
                  "--wait-timeout",
                  "1.5m",
                  "--max-message",
                  "1M",
                  "--max-output",
                  "64K",
                  "--format",
                  "jsonl",
                  "-o",
                  "out",
                  "--function",
                  "echo",
                  "-0q"};
  const ProgramSettings settings = parse_command_line(Program::run, run);
  CHECK(settings.quiet);
  CHECK(settings.ventilator.bind.size() == 2);
  CHECK(settings.ventilator.min_workers == 3);
  CHECK(settings.ventilator.lane_ports == std::pair<std::uint16_t, std::uint16_t>(20000, 20999));
  CHECK(settings.ventilator.window_tasks == 1000);
  CHECK(settings.ventilator.prefetch == 0U);
  CHECK(settings.ventilator.advertise == "::1");
  CHECK(settings.sink.wait_timeout == std::chrono::seconds(90));
  CHECK(settings.worker.max_message == 1U << 20);
  CHECK(settings.input.max_item == 1U << 20);
  CHECK(settings.input.delimiter == '\0');
  CHECK(settings.command.max_output == 64U << 10);
  CHECK(settings.command.kind == work::WorkKind::function);
  CHECK(settings.results.format == store::Format::jsonl);
  CHECK(settings.results.file == "out");

  const ProgramSettings worker =
      parse_command_line(Program::worker, {"--connect", "tcp://localhost:5555", "--name", "mill-7", "cat"});
  CHECK(worker.worker.connect.port == 5555);
  CHECK(worker.worker.name == "mill-7");
  CHECK(parse_command_line(Program::run, {"--prefetch", "4", "--prefetch", "auto", "cat"})
            .ventilator.prefetch == std::nullopt);
  CHECK(parse_command_line(Program::run, {"-o", "x", "-o", "-", "cat"}).results.file.empty());
}

TEST_CASE("command line: --help and --version are answered whatever else is wrong") {
  CHECK(parse_command_line(Program::run, {"--jobs", "two", "--help"}).request == Request::help);
  CHECK(parse_command_line(Program::worker, {"-h"}).request == Request::help);
  CHECK(parse_command_line(Program::sink, {"--version"}).request == Request::version);
  CHECK(parse_command_line(Program::run, {"--jobs", "two", "--help-all"}).request == Request::help_all);
  CHECK(parse_command_line(Program::run, {"cat", "--help"}).request == Request::work);
}

}  // namespace fanmill::app
