#include <catch2/catch.hpp>
#include <unistd.h>

#include "refusal.hpp"

namespace fanmill::app {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

TEST_CASE("rules: items follow :::, and an empty list is a run of no tasks") {
  const ProgramSettings settings = parse_command_line(Program::run, {"echo", "{}", ":::", "a", "-b", "--"});
  CHECK(settings.command.words == Words{"echo", "{}"});
  CHECK(settings.input.items_given);
  CHECK(settings.input.items == Words{"a", "-b", "--"});

  const ProgramSettings none = parse_command_line(Program::run, {"cat", ":::"});
  CHECK(none.input.items_given);
  CHECK(none.input.items.empty());

  CHECK_FALSE(parse_command_line(Program::run, {"cat"}).input.items_given);
  CHECK(parse_command_line(Program::run, {"--function", "echo", ":::", "a"}).input.items == Words{"a"});
  CHECK(parse_command_line(Program::ventilator, {"--bind", "ipc:///tmp/x", ":::", "a"}).input.items ==
        Words{"a"});
}

TEST_CASE("rules: items are given once") {
  CHECK_THAT(refusal(Program::run, {"cat", ":::", "a", ":::", "b"}), StartsWith("':::': it is there twice"));
  CHECK_THAT(refusal(Program::run, {"-a", "file", "cat", ":::", "a"}), Contains("--arg-file too"));
}

TEST_CASE("rules: a worker and a run need something to do, and one thing only") {
  CHECK_THAT(refusal(Program::run, {}), StartsWith("there is no COMMAND"));
  CHECK_THAT(refusal(Program::run, {":::", "a"}), StartsWith("there is no COMMAND"));
  CHECK_THAT(refusal(Program::run, {""}), StartsWith("there is no COMMAND"));
  CHECK_THAT(refusal(Program::worker, {"--connect", "ipc:///tmp/x"}), StartsWith("there is no COMMAND"));
  CHECK_THAT(refusal(Program::run, {"--shell", "date", "--function", "echo"}), Contains("use one of them"));
  CHECK_THAT(refusal(Program::run, {"--shell", "date", "cat"}), Contains("'cat' is one"));
  CHECK_THAT(refusal(Program::run, {"--function", "echo", "cat"}), StartsWith("--function: "));
}

TEST_CASE("rules: one text with shell characters is for the shell, several words are not") {
  CHECK(parse_command_line(Program::run, {"gzip -k {} && echo {}"}).command.kind == work::WorkKind::shell);
  CHECK(parse_command_line(Program::run, {"gzip", "-k"}).command.kind == work::WorkKind::command);
  CHECK(parse_command_line(Program::run, {"--shell", "date"}).command.kind == work::WorkKind::shell);
}

TEST_CASE("rules: a command that cannot be run is refused before anything starts") {
  CHECK_THAT(refusal(Program::run, {"echo", "{1}"}), Contains("{1}"));
  CHECK_THAT(refusal(Program::run, {"echo '{}"}), Contains("never closed"));
  CHECK_THAT(refusal(Program::worker, {"--connect", "ipc:///tmp/x", "--shell", "echo {0}"}), Contains("{0}"));
}

TEST_CASE("rules: columns need a separator, which a worker gets from its ventilator") {
  CHECK_THAT(refusal(Program::run, {"echo", "{1}"}), StartsWith("{1}: columns need --colsep"));
  CHECK_THAT(refusal(Program::run, {"--shell", "echo '{} {2/}'"}), StartsWith("{2/}: columns need"));
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "inproc://x", "echo", "{-1}"}), Contains("{-1}"));
  CHECK(refusal(Program::worker, {"--connect", "ipc:///tmp/x", "echo", "{2}"}).empty());
  CHECK(parse_command_line(Program::run, {"--colsep", ", ", "echo", "{2}"}).ventilator.separator == ", ");
}

TEST_CASE("rules: a separator is plain text, and only its tab and backslash are written in another way") {
  const auto separator = [](const std::string& text) {
    return parse_command_line(Program::run, {"--colsep", text, "echo"}).ventilator.separator;
  };
  CHECK(separator("\\t") == "\t");
  CHECK(separator("\t") == "\t");
  CHECK(separator("a\\\\b") == "a\\b");
  CHECK(separator("|") == "|");
  CHECK(separator(std::string(64, '.')).size() == 64);
  for (const std::string odd : {"\\s+", "\\|", "x\\"}) {
    CHECK_THAT(refusal(Program::run, {"--colsep", odd, "echo"}), StartsWith("--colsep: '" + odd + "'"));
  }
  CHECK_THAT(refusal(Program::run, {"--colsep", "", "echo"}), StartsWith("--colsep: "));
  CHECK_THAT(refusal(Program::run, {"--colsep", std::string(65, '.'), "echo"}), Contains("too long"));
  CHECK_THAT(refusal(Program::worker, {"--connect", "ipc:///tmp/x", "--colsep", ",", "echo"}),
             Contains("does not take it"));
}

TEST_CASE("rules: each component needs its endpoint") {
  CHECK_THAT(refusal(Program::ventilator, {}), StartsWith("--bind: it is missing"));
  CHECK_THAT(refusal(Program::worker, {"cat"}), StartsWith("--connect: it is missing"));
  CHECK_THAT(refusal(Program::sink, {}), StartsWith("--connect: it is missing"));
}

TEST_CASE("rules: tcp beyond loopback wants --insecure, wherever it is given") {
  const std::string far = "tcp://192.0.2.7:5555";
  CHECK_THAT(refusal(Program::run, {"--listen", far, "cat"}), Contains("--insecure"));
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "ipc:///tmp/x", "--bind", far}), Contains("--insecure"));
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "tcp://*:5555"}), Contains("--insecure"));
  CHECK_THAT(refusal(Program::worker, {"--connect", far, "cat"}), Contains("--insecure"));
  CHECK_THAT(refusal(Program::sink, {"--connect", far}), Contains("--insecure"));
  CHECK_THAT(refusal(Program::sink, {"--connect", "ipc:///tmp/x", "--bind", far}), Contains("--insecure"));

  CHECK(refusal(Program::run, {"--listen", far, "--insecure", "cat"}).empty());
  CHECK(refusal(Program::ventilator, {"--insecure", "--bind", "tcp://*:5555"}).empty());
  CHECK(refusal(Program::worker, {"--connect", far, "--insecure", "cat"}).empty());
  CHECK(refusal(Program::sink, {"--connect", far, "--insecure", "--bind", far}).empty());
  CHECK(refusal(Program::sink, {"--connect", "tcp://localhost:5555"}).empty());
}

TEST_CASE("rules: nobody can be met on inproc from another process") {
  const std::string inproc = "inproc://x";
  CHECK_THAT(refusal(Program::worker, {"--connect", inproc, "cat"}), Contains("outside this process"));
  CHECK_THAT(refusal(Program::sink, {"--connect", inproc}), Contains("outside this process"));
  CHECK_THAT(refusal(Program::sink, {"--connect", "ipc:///tmp/x", "--bind", inproc}), StartsWith("--bind: "));
  CHECK_THAT(refusal(Program::run, {"--listen", inproc, "cat"}), StartsWith("--listen: "));
}

TEST_CASE("rules: an address for listening cannot be connected to") {
  CHECK_THAT(refusal(Program::worker, {"--insecure", "--connect", "tcp://*:5555", "cat"}),
             Contains("is for listening"));
  CHECK_THAT(refusal(Program::sink, {"--connect", "tcp://127.0.0.1:0"}), Contains("is for listening"));
}

TEST_CASE("rules: a ventilator on inproc hosts all stages and takes their options") {
  const Words arguments{"--bind", "inproc://x", "-j4", "-k", "--", "factor", "{}"};
  const ProgramSettings settings = parse_command_line(Program::ventilator, arguments);
  CHECK(settings.hosts_all_stages);
  CHECK(settings.command.slots == 4);
  CHECK(settings.command.words == Words{"factor", "{}"});
  CHECK(settings.results.keep_order);
  CHECK_THAT(refusal(Program::ventilator, {"--bind", "inproc://x"}), StartsWith("there is no COMMAND"));
}

TEST_CASE("rules: a ventilator elsewhere than on inproc refuses the other stages' options, and says so") {
  for (const Option& option : option_table()) {
    if (!option.taken_by.hosting) continue;
    Words arguments{"--bind", "ipc:///tmp/x", std::string(option.name)};
    if (option.name == "--function")
      arguments.emplace_back("echo");
    else if (option.name == "--format")
      arguments.emplace_back("raw");
    else if (option.name == "--framing")
      arguments.emplace_back("null");
    else if (option.argument == "T")
      arguments.emplace_back("4s");
    else if (!option.is_flag())
      arguments.emplace_back("4");
    CAPTURE(option.name);
    CHECK(refusal(Program::ventilator, arguments) ==
          std::string(option.name) +
              ": it belongs to workers and sinks; a ventilator takes it with --bind "
              "inproc://NAME, where it hosts all stages");
  }
  CHECK(refusal(Program::ventilator, {"--bind", "ipc:///tmp/x", "cat"}) ==
        "'cat': a COMMAND is for workers; give it to the workers");
}

TEST_CASE("rules: what is for commands is refused with a function, and --kill-after without a timeout") {
  for (const Words& option : {Words{"--stdin"},
                              {"--workdir", "/"},
                              {"--kill-after", "2s"},
                              {"--memory", "1G"},
                              {"--processes", "9"}}) {
    for (const Words& instead : {Words{"--function", "sleep"}, {"--plugin", "x.so"}}) {
      Words arguments = option;
      arguments.insert(arguments.end(), instead.begin(), instead.end());
      CHECK(refusal(Program::run, arguments) ==
            option.front() + ": it is for commands, and " + instead.front() + " runs none; leave it out");
    }
  }
  CHECK_THAT(refusal(Program::run, {"--timeout", "2s", "--function", "sleep"}), StartsWith("--timeout: "));
  CHECK(refusal(Program::run, {"--kill-after", "1s", "cat"}) ==
        "--kill-after: it counts from the timeout, and there is none; give --timeout T too");
  CHECK(refusal(Program::run, {"--timeout", "0s", "cat"}) ==
        "--timeout: 0 is too short; without this option there is no limit");
  if (::geteuid() == 0) {
    CHECK_THAT(refusal(Program::run, {"--processes", "9", "cat"}),
               Catch::Matchers::Contains("--processes: the system holds root's processes to no such limit"));
  }
}

TEST_CASE("rules: a sink takes nothing but options") {
  CHECK(refusal(Program::sink, {"--connect", "ipc:///tmp/x", "cat"}) ==
        "'cat': a sink takes nothing but options");
}

TEST_CASE("rules: a run without --listen refuses what is for workers elsewhere") {
  for (const Words& option : {Words{"--remote-only"},
                              {"--min-workers", "2"},
                              {"--lane-ports", "20000-20999"},
                              {"--advertise", "head"}}) {
    Words arguments = option;
    arguments.emplace_back("cat");
    CHECK(refusal(Program::run, arguments) ==
          option.front() + ": it is for workers elsewhere; give --listen ENDPOINT too");
  }
}

TEST_CASE("rules: with --remote-only nothing runs here") {
  const Words listen{"--remote-only", "--listen", "ipc:///tmp/x"};
  const ProgramSettings settings = parse_command_line(Program::run, listen);
  CHECK(settings.remote_only);
  for (const Words& more : {Words{"cat"}, {"-j3"}, {"--function", "echo"}}) {
    Words arguments = listen;
    arguments.insert(arguments.end(), more.begin(), more.end());
    CHECK_THAT(refusal(Program::run, arguments), Contains("with --remote-only nothing runs here"));
  }
}

TEST_CASE("rules: an output is no larger than a message") {
  const ProgramSettings settings = parse_command_line(Program::run, {"--max-message", "1M", "cat"});
  CHECK(settings.command.max_output == 1U << 20);
  CHECK(refusal(Program::run, {"--max-message", "128M", "--max-output", "100M", "cat"}).empty());
}

TEST_CASE("rules: jsonl asks the workers for all that it shows") {
  const ProgramSettings jsonl = parse_command_line(Program::run, {"--format", "jsonl", "cat"});
  CHECK(jsonl.sink.wants_item);
  CHECK(jsonl.sink.wants_detail);
  CHECK_FALSE(parse_command_line(Program::run, {"cat"}).sink.wants_detail);
}

TEST_CASE("rules: a plugin is in place of a command, and has a process of its own") {
  const ProgramSettings run = parse_command_line(Program::run, {"--plugin", "./x.so", "--timeout", "2s"});
  CHECK(run.command.kind == work::WorkKind::plugin);
  CHECK(run.command.words == std::vector<std::string>{"./x.so"});
  CHECK(run.command.timeout == std::chrono::seconds(2));
  const auto of_worker = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"--connect", "ipc:///tmp/x"});
    return words;
  };
  CHECK(parse_command_line(Program::worker, of_worker({"--supervise", "cat"})).supervise);
  CHECK(refusal(Program::worker, of_worker({"--function", "echo", "--timeout", "2s"})).empty());
  CHECK_THAT(refusal(Program::run, {"--plugin", "x.so", "cat"}), StartsWith("--plugin: it is in place of"));
  CHECK_THAT(refusal(Program::run, {"--plugin", "x.so", "--function", "echo"}), StartsWith("--plugin: "));
  for (const std::string option : {"--dry-run", "--ungroup", "--coprocess"}) {
    CHECK_THAT(refusal(Program::run, {option, "--plugin", "x.so"}), !Catch::Equals(""));
  }
  CHECK_THAT(refusal(Program::run,
                     {"--plugin", "x.so", "--listen", "tcp://127.0.0.1:0", "--key", "k", "--allow", "d"}),
             StartsWith("--plugin: its worker"));
  CHECK_THAT(refusal(Program::worker, of_worker({"--supervise", "--key", "-", "--server-key", "k", "cat"})),
             StartsWith("--key: "));
  CHECK_THAT(refusal(Program::run, {"--supervise", "cat"}), Contains("does not take it"));
}

TEST_CASE("rules: a co-process is a command or a text for the shell, and takes what it can use") {
  const auto with = [](std::vector<std::string> words) {
    words.insert(words.begin(), "--coprocess");
    return words;
  };
  const ProgramSettings command = parse_command_line(
      Program::run, with({"--framing", "length", "--kill-after", "1s", "--timeout", "2s", "cat", "{%}"}));
  CHECK(command.command.kind == work::WorkKind::command);
  CHECK(command.command.item == work::ItemGoes::to_coprocess);
  CHECK(command.command.framing == work::Framing::length);
  CHECK(parse_command_line(Program::run, with({"--shell", "cat"})).command.kind == work::WorkKind::shell);
  CHECK(refusal(Program::worker, with({"--connect", "ipc:///tmp/x", "--kill-after", "1s", "cat"})).empty());
  for (const std::string option : {"--stdin", "--dry-run", "--ungroup"}) {
    CHECK_THAT(refusal(Program::run, with({option, "cat"})), StartsWith(option + ": "));
  }
  CHECK_THAT(refusal(Program::run, with({"--function", "echo"})), StartsWith("--function: "));
  CHECK_THAT(refusal(Program::run, with({"cat", "{#}"})), StartsWith("{#}: "));
  CHECK_THAT(refusal(Program::run, with({"--colsep", ",", "cat", "{1}"})), StartsWith("{1}: "));
  CHECK_THAT(refusal(Program::run, with({})), StartsWith("there is no COMMAND"));
  CHECK_THAT(refusal(Program::run, with({"--framing", "json", "cat"})), Contains("line, null or length"));
  CHECK_THAT(refusal(Program::run, {"--framing", "null", "cat"}), Contains("--coprocess"));
  CHECK_THAT(refusal(Program::sink, with({"--connect", "ipc:///tmp/x"})), Contains("does not take it"));
}

}  // namespace fanmill::app
