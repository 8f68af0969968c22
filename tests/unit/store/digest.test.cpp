#include <csignal>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "results.hpp"
#include <fanmill/store/digest.hpp>

namespace fanmill::store {

namespace {
using Lines = std::vector<std::string>;
const std::string shown_by = "fanmill export x.db --format jsonl";
const std::string hint = shown_by + " shows each of them with its stderr";
}  // namespace

TEST_CASE("digest: a run without failures has nothing to say") {
  Digest digest;
  digest.add(of_commands, with_stderr(0, "", "a warning\n"));
  CHECK(digest.lines(shown_by).empty());
}

TEST_CASE(
    "digest: a failure has its number as people count, its item, its worker, its cause, the end of its "
    "stderr") {
  Digest digest;
  wire::ResultView result = failed(16, wire::Cause::exit, 3);
  result.detail->item = "a b\n.jpg";
  result.detail->stderr_text = "first\nsecond\n\x1b[1mthird\n\n";
  digest.add(of_commands, result);
  CHECK(digest.lines(shown_by) ==
        Lines{"task 17 'a b\\n.jpg' on host:1: exit status 3", "    second", "    \\x1b[1mthird"});
}

TEST_CASE("digest: causes are said in words") {
  Digest digest;
  digest.add(of_commands, failed(0, wire::Cause::signal, SIGSEGV));
  digest.add(of_commands, failed(1, wire::Cause::signal, 40));
  digest.add(of_commands, failed(2, wire::Cause::timeout, 0));
  digest.add(of_commands, dead(3));
  CHECK(digest.lines(shown_by) ==
        Lines{"task 1 on host:1: killed by SIGSEGV", "task 2 on host:1: killed by signal 40",
              "task 3 on host:1: timed out", "task 4 on host:1: the workers that ran it died"});
}

TEST_CASE("digest: five of many with one cause are shown, the others counted") {
  Digest digest;
  for (TaskId id = 0; id < 10000; ++id) digest.add(of_commands, failed(id, wire::Cause::exit, 1));
  const Lines lines = digest.lines(shown_by);
  REQUIRE(lines.size() == 7);
  CHECK(lines[4] == "task 5 on host:1: exit status 1");
  CHECK(lines[5] == "and 9995 more with the same cause");
  CHECK(lines[6] == hint);
}

TEST_CASE("digest: a command that is not there is said once") {
  Digest digest;
  for (TaskId id = 0; id < 10000; ++id) {
    wire::ResultView result = failed(id, wire::Cause::error, 0);
    result.detail->error = "cannot run 'foo': no such file or directory";
    digest.add(of_commands, result);
  }
  CHECK(digest.lines(shown_by) == Lines{"task 1 on host:1: cannot run 'foo': no such file or directory",
                                        "and 9999 more with the same cause", hint});
}

TEST_CASE("digest: of several causes each is counted, and none is left out") {
  Digest digest;
  for (TaskId id = 0; id < 7; ++id) digest.add(of_commands, failed(id, wire::Cause::exit, 1));
  digest.add(of_commands, failed(7, wire::Cause::exit, 2));
  const Lines lines = digest.lines(shown_by);
  REQUIRE(lines.size() == 8);
  CHECK(lines[5] == "and 2 more: exit status 1");
  CHECK(lines[6] == "and 1 more: exit status 2");
}

TEST_CASE("digest: causes without end do not fill the memory, and are counted all the same") {
  Digest digest;
  for (std::uint32_t code = 0; code < 1000; ++code) {
    wire::ResultView result = failed(code, wire::Cause::error, 0);
    const std::string reason = "reason " + std::to_string(code);
    result.detail->error = reason;
    digest.add(of_commands, result);
  }
  const Lines lines = digest.lines(shown_by);
  REQUIRE(lines.size() == 5 + 11 + 1 + 1);
  CHECK(lines[5] == "and 1 more: reason 5");
  CHECK(lines[16] == "and 984 more with other causes");
}

TEST_CASE("digest: long items and long last words are cut") {
  Digest digest;
  const std::string item(1000, 'i');
  const std::string text = "short\n" + std::string(1000, 'e') + "\n";
  wire::ResultView result = failed(0, wire::Cause::exit, 1);
  result.detail->item = item;
  result.detail->stderr_text = text;
  digest.add(of_commands, result);
  CHECK(digest.lines(shown_by) == Lines{"task 1 '" + std::string(60, 'i') + "…' on host:1: exit status 1",
                                        "    " + std::string(200, 'e') + "…"});
}

TEST_CASE("digest: output that was not kept is told of, also of tasks that are ok") {
  Digest digest;
  wire::ResultView result = with_stderr(6, "", "");
  digest.add(of_commands, result);
  CHECK(digest.losses().empty());
  result.detail->stdout_dropped = 1 << 20;
  digest.add(of_commands, result);
  CHECK(digest.losses() ==
        Lines{"the stdout of task 7 was longer than --max-output: its end is lost, 1 MiB in all"});
  result = failed(2, wire::Cause::exit, 1);
  result.detail->stdout_dropped = 1 << 20;
  result.detail->stderr_dropped = 10;
  digest.add(of_commands, result);
  CHECK(digest.losses() ==
        Lines{"the stdout of 2 tasks (the first was task 7) was longer than --max-output: its end is lost, 2 "
              "MiB in all",
              "the stderr of task 3 was longer than what is kept of it: its beginning is lost, 10 B in all"});
  CHECK(digest.outputs_cut() == 2);
}

}  // namespace fanmill::store
