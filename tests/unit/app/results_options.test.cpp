#include <catch2/catch.hpp>

#include "refusal.hpp"

namespace fanmill::app {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using store::ResultsMode;
using Words = std::vector<std::string>;

namespace {

ProgramSettings run_with(Words arguments) {
  arguments.emplace_back("cat");
  return parse_command_line(Program::run, arguments);
}
std::string refused_run(Words arguments) {
  arguments.emplace_back("cat");
  return refusal(Program::run, arguments);
}
ProgramSettings sink_with(Words arguments) {
  arguments.insert(arguments.end(), {"--connect", "ipc:///tmp/x"});
  return parse_command_line(Program::sink, arguments);
}

}  // namespace

TEST_CASE("results options: a file to be made, to go on with, or to try again what failed") {
  CHECK(run_with({}).results_file.path.empty());
  const ProgramSettings made = run_with({"--results", "x.db"});
  CHECK(made.results_file.path == "x.db");
  CHECK(made.sink.shown_by == "fanmill export x.db --format jsonl");
  CHECK(made.results_file.mode == ResultsMode::create);
  CHECK(run_with({"--results", "x.db", "--resume"}).results_file.mode == ResultsMode::resume);
  CHECK(sink_with({"--resume", "--results", "x.db"}).results_file.mode == ResultsMode::resume);
  for (const Words& both : {Words{"--resume", "--retry-failed"}, {"--retry-failed", "--resume"}}) {
    Words arguments = both;
    arguments.insert(arguments.end(), {"--results", "x.db"});
    CHECK(run_with(arguments).results_file.mode == ResultsMode::retry_failed);
  }
}

TEST_CASE("results options: without a file there is nothing to go on with") {
  CHECK(refused_run({"--resume"}) == "--resume: there is no file to go on with; give --results FILE.db too");
  CHECK_THAT(refused_run({"--retry-failed"}), StartsWith("--retry-failed: "));
  CHECK_THAT(refused_run({"--results", ""}), StartsWith("--results: "));
}

TEST_CASE("results options: with a file there is no other place for results") {
  for (const Words& other :
       {Words{"-o", "out"}, {"--format", "raw"}, {"-k"}, {"--tag"}, {"--joblog", "log"}}) {
    Words arguments = other;
    arguments.insert(arguments.end(), {"--results", "x.db"});
    CHECK_THAT(refused_run(arguments), Contains("everything goes to FILE.db; fanmill export"));
  }
}

TEST_CASE("results options: what needs the item or the times asks workers for them") {
  CHECK_FALSE(run_with({}).sink.wants_item);
  CHECK(run_with({"--tag"}).sink.wants_item);
  CHECK_FALSE(run_with({"--tag"}).sink.wants_detail);
  CHECK_FALSE(run_with({"--format", "length"}).sink.wants_item);
  for (const Words& option : {Words{"--format", "jsonl"}, {"--format", "msgpack"}, {"--joblog", "log"}}) {
    CHECK(run_with(option).sink.wants_item);
    CHECK(run_with(option).sink.wants_detail);
  }
}

TEST_CASE("results options: what contradicts is refused") {
  CHECK(refused_run({"--tag", "--format", "jsonl"}) ==
        "--tag: it is for raw output, and --format is given too; use one of them");
  for (const Words& other : {Words{"-k"},
                             {"-o", "out"},
                             {"--format", "raw"},
                             {"--tag"},
                             {"--results", "x.db"},
                             {"--max-output", "1K"}}) {
    Words arguments = other;
    arguments.emplace_back("--ungroup");
    CHECK_THAT(refused_run(arguments),
               StartsWith("--ungroup: nothing is kept of what commands write, and --"));
  }
  CHECK_THAT(refusal(Program::run, {"--ungroup", "--function", "echo"}),
             StartsWith("--ungroup: it is for commands that run here"));
  CHECK_THAT(refused_run({"-o", "out", "--joblog", "./out"}),
             StartsWith("--joblog: 'out' is the file of --output too"));
}

TEST_CASE("results options: the summary is not written over another file of the run") {
  CHECK_THAT(refused_run({"--results", "x.db", "--summary-json", "./x.db"}),
             StartsWith("--summary-json: 'x.db' is the file of --results too"));
  CHECK_THAT(refused_run({"-o", "out", "--summary-json", "out"}), Contains("is the file of --output too"));
  CHECK_THAT(refused_run({"-a", "in", "--summary-json", "in"}), Contains("is the file of --arg-file too"));
  CHECK(refused_run({"-a", "in", "-o", "out", "--summary-json", "sum"}).empty());
  CHECK(refused_run({"-o", "/dev/null", "--summary-json", "/dev/null"}).empty());
}

TEST_CASE("results options: a message that a row cannot hold is refused") {
  CHECK(refused_run({"--results", "x.db", "--max-message", "400M"}).empty());
  CHECK_THAT(refused_run({"--results", "x.db", "--max-message", "401M"}), StartsWith("--max-message: "));
  CHECK(refused_run({"--max-message", "1G"}).empty());
}

TEST_CASE("results options: a file has items and times, but of functions, which are too quick for that") {
  CHECK(run_with({"--results", "x.db"}).sink.wants_item);
  CHECK(run_with({"--results", "x.db"}).sink.wants_detail);
  CHECK(sink_with({"--results", "x.db"}).sink.wants_item);
  CHECK_FALSE(sink_with({}).sink.wants_item);
  const Words functions{"--results", "x.db", "--function", "echo"};
  CHECK_FALSE(parse_command_line(Program::run, functions).sink.wants_item);
  const Words elsewhere{"--results", "x.db", "--listen", "ipc:///tmp/x", "--remote-only"};
  CHECK(parse_command_line(Program::run, elsewhere).sink.wants_item);
}

TEST_CASE("results options: the file knows the command where it is ours") {
  CHECK(parse_command_line(Program::run, {"--results", "x.db", "gzip", "-k", "{}"}).results_file.command ==
        "gzip -k {}");
  CHECK(sink_with({"--results", "x.db"}).results_file.command == std::nullopt);
  const Words elsewhere{"--results", "x.db", "--listen", "ipc:///tmp/x", "--remote-only"};
  CHECK(parse_command_line(Program::run, elsewhere).results_file.command == std::nullopt);
}

TEST_CASE("audit and export: they take one file, and options on either side of it") {
  CHECK(parse_command_line(Program::audit, {"x.db"}).results_file.path == "x.db");
  CHECK(parse_command_line(Program::audit, {"--", "-x.db"}).results_file.path == "-x.db");
  for (const Words& arguments : {Words{"x.db", "--format", "joblog", "-o", "out"},
                                 {"--format=joblog", "-o", "out", "x.db"},
                                 {"-oout", "x.db", "--format", "joblog"}}) {
    const ProgramSettings settings = parse_command_line(Program::export_results, arguments);
    CHECK(settings.results_file.path == "x.db");
    CHECK(settings.results.format == store::Format::joblog);
    CHECK(settings.results.file == "out");
  }
  CHECK_THAT(refusal(Program::audit, {}), StartsWith("there is no FILE.db"));
  CHECK_THAT(refusal(Program::export_results, {""}), StartsWith("there is no FILE.db"));
  CHECK_THAT(refusal(Program::audit, {"a.db", "b.db"}), StartsWith("'b.db': "));
}

TEST_CASE("audit and export: what they do not take is refused as by the others") {
  CHECK(refusal(Program::audit, {"x.db", "--format", "raw"}) == "--format: fanmill audit does not take it");
  CHECK_THAT(refusal(Program::export_results, {"x.db", "--fromat", "raw"}),
             Contains("did you mean --format?"));
  CHECK_THAT(refusal(Program::export_results, {"x.db", "--format", "xml"}),
             Contains("raw, jsonl, msgpack, length or joblog"));
  CHECK_THAT(refusal(Program::export_results, {"x.db", "-j4"}), Contains("does not take it"));
  CHECK_THAT(refusal(Program::export_results, {"x.db", "-o"}), StartsWith("--output: a value is missing"));
  CHECK_THAT(refused_run({"--format", "joblog"}), Contains("raw, jsonl, msgpack or length"));
}

TEST_CASE("retry options: numbers, times and when to halt") {
  const ProgramSettings plain = run_with({});
  CHECK(plain.ventilator.retries == 0);
  CHECK(plain.ventilator.retry_delay == Duration::zero());
  CHECK_FALSE(plain.ventilator.halt);
  const ProgramSettings given =
      run_with({"--retries", "3", "--retry-delay", "1.5s", "--halt", "soon,fail=20"});
  CHECK(given.ventilator.retries == 3);
  CHECK(given.ventilator.retry_delay == std::chrono::milliseconds(1500));
  REQUIRE(given.ventilator.halt);
  CHECK_FALSE(given.ventilator.halt->now);
  CHECK(given.ventilator.halt->failures == 20);
  CHECK(run_with({"--halt", "now,fail=1"}).ventilator.halt->now);

  for (const char* const wrong : {"now", "now,", "later,fail=1", "now,fail=", "now,fail=0", "now,fail=x",
                                  "now,done=1", ",fail=1", "now,fail=1%"}) {
    CAPTURE(wrong);
    CHECK_THAT(refused_run({"--halt", wrong}), StartsWith("--halt: "));
  }
  CHECK_THAT(refused_run({"--retries", "-1"}), StartsWith("--retries: "));
  CHECK_THAT(refused_run({"--retry-delay", "5"}), StartsWith("--retry-delay: "));
  CHECK_THAT(refused_run({"--retry-delay", "5s"}), StartsWith("--retry-delay: nothing is tried again"));
}

}  // namespace fanmill::app
