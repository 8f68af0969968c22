#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>

#include <catch2/catch.hpp>
#include <sys/wait.h>

#include "ran.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/work/work.hpp>

using namespace fanmill;
using namespace fanmill::work;
using Catch::Matchers::Contains;

namespace {

WorkSettings kept(std::string text) {
  std::signal(SIGPIPE, SIG_IGN);
  WorkSettings settings;
  settings.kind = WorkKind::shell;
  settings.words = {std::move(text)};
  settings.item = ItemGoes::to_coprocess;
  return settings;
}

std::unique_ptr<Runner> coprocess(std::string text) {
  return make_runner(kept(std::move(text)));
}

// A loop of sh over lines, with `body` for each as $i.
std::string loop(const std::string& body) {
  return "while read -r i; do " + body + "; done";
}

std::vector<std::string> numbers(std::size_t count) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back(std::to_string(i));
  return items;
}

// By id.
std::vector<Ran> ran_in_order(Runner& runner, const std::vector<std::string>& items) {
  std::vector<Ran> ran = run_all(runner, items);
  std::sort(ran.begin(), ran.end(), [](const Ran& one, const Ran& other) { return one.id < other.id; });
  return ran;
}

std::string text_of(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

bool has_no_process() {
  return ::waitpid(-1, nullptr, WNOHANG | __WALL) == -1 && errno == ECHILD;
}

std::string what_ended(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unavailable);
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("coprocess: one process per slot answers all items, each with its own") {
  const Folder folder;
  WorkSettings settings = kept("echo x >> started; " + loop("echo \"got $i\""));
  settings.slots = 2;
  {
    const auto runner = make_runner(settings);
    for (const Ran& ran : run_all(*runner, numbers(5000))) {
      CHECK(ran.outcome == Outcome::ok);
      REQUIRE(ran.output == "got " + std::to_string(ran.id));
      CHECK_FALSE(ran.has_detail);
    }
  }
  CHECK(text_of("started").size() <= 4);
  CHECK(has_no_process());
}

TEST_CASE("coprocess: items and answers of every framing, empty and large ones too") {
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  const std::string large(std::size_t{3} << 20, 'x');
  WorkSettings settings = kept("cat");
  std::vector<std::string> items{"", "a", large, "\r", "tail"};
  for (const Framing framing : {Framing::line, Framing::null, Framing::length}) {
    settings.framing = framing;
    if (framing == Framing::null) items.push_back("two\nlines");
    if (framing == Framing::length) items.push_back(every);
    const auto ran = ran_in_order(*make_runner(settings), items);
    for (std::size_t i = 0; i < items.size(); ++i) CHECK((ran[i].output == items[i]));
  }
}

TEST_CASE("coprocess: an item that holds the delimiter fails, and says what takes it") {
  const auto lines = ran_in_order(*coprocess("cat"), {"a", "b\nc", "d"});
  CHECK(lines[0].output == "a");
  CHECK(lines[2].output == "d");
  CHECK(lines[1].outcome == Outcome::failed);
  CHECK_THAT(lines[1].error, Contains("newline") && Contains("--framing length"));
  CHECK(lines[1].item == "b\nc");
  WorkSettings settings = kept("cat");
  settings.framing = Framing::null;
  CHECK_THAT(run_one(*make_runner(settings), std::string("a\0b", 3)).error, Contains("NUL"));
}

TEST_CASE("coprocess: the item that it dies with has failed, and those behind it are asked again") {
  const Folder folder;
  const auto runner = coprocess(loop("case $i in 5000) exit 7;; 6000) kill -9 $$;; esac; echo $i"));
  const auto ran = ran_in_order(*runner, numbers(10'000));
  for (const Ran& one : ran) {
    if (one.id == 5000 || one.id == 6000) continue;
    REQUIRE(one.outcome == Outcome::ok);
    REQUIRE(one.output == std::to_string(one.id));
  }
  CHECK(ran[5000].outcome == Outcome::failed);
  CHECK(ran[5000].cause == wire::Cause::exit);
  CHECK(ran[5000].code == 7);
  CHECK(ran[5000].error == "the co-process died: exit status 7");
  CHECK(ran[6000].cause == wire::Cause::signal);
  CHECK(ran[6000].code == 9);
}

TEST_CASE("coprocess: one that takes too long for an item is killed with all it has started") {
  const Folder folder;
  WorkSettings settings = kept(loop("case $i in 3) setsid sleep 1000 & echo $! > pid; wait;; esac; echo $i"));
  settings.timeout = std::chrono::milliseconds(300);
  const auto runner = make_runner(settings);
  const auto ran = ran_in_order(*runner, numbers(6));
  for (const Ran& one : ran) CHECK((one.outcome == Outcome::ok) == (one.id != 3));
  CHECK(ran[3].cause == wire::Cause::timeout);
  CHECK(ran[3].error == "timed out after 300 ms");
  CHECK(::kill(std::stoi(text_of("pid")), 0) != 0);
}

TEST_CASE("coprocess: of one that answers nothing it is said why that may be, once") {
  const auto runner = coprocess("cat > /dev/null");
  const Time now = Clock::now();
  std::vector<FinishedFrame> finished;
  runner->start(handout_of({"a"}), now);
  runner->collect(now + std::chrono::seconds(9), finished);
  CHECK(runner->take_notice().empty());
  CHECK(runner->deadline() == now + std::chrono::seconds(10));
  runner->collect(now + std::chrono::seconds(10), finished);
  CHECK_THAT(runner->take_notice(),
             Contains("'cat > /dev/null' has answered nothing in 10 s") && Contains("flushed"));
  runner->collect(now + std::chrono::hours(1), finished);
  CHECK(runner->take_notice().empty());

  const auto good = coprocess("cat");
  CHECK(run_one(*good, "a").output == "a");
  good->start(handout_of({"b"}), now);
  good->collect(now + std::chrono::hours(1), finished);
  CHECK(good->take_notice().empty());
}

TEST_CASE("coprocess: one that has never answered times out with a word about that") {
  WorkSettings settings = kept("cat > /dev/null");
  settings.timeout = std::chrono::milliseconds(100);
  CHECK_THAT(run_one(*make_runner(settings), "a").error,
             Contains("timed out after 100 ms; there was no answer"));
}

TEST_CASE("coprocess: one that ignores SIGTERM gets SIGKILL") {
  WorkSettings settings = kept("trap '' TERM; " + loop("while [ $i = 1 ]; do sleep 0.01; done; echo $i"));
  settings.timeout = std::chrono::milliseconds(100);
  settings.kill_after = std::chrono::milliseconds(50);
  const auto ran = ran_in_order(*make_runner(settings), numbers(3));
  CHECK(ran[1].cause == wire::Cause::timeout);
  CHECK(ran[2].output == "2");
}

TEST_CASE("coprocess: an answer over the limit fails its item, and the next one is answered") {
  WorkSettings settings = kept(loop("case $i in 1) head -c 5000 /dev/zero | tr '\\0' x;; esac; echo $i"));
  settings.max_output = 4000;
  const auto ran = ran_in_order(*make_runner(settings), numbers(3));
  CHECK(ran[0].output == "0");
  CHECK(ran[1].outcome == Outcome::failed);
  CHECK_THAT(ran[1].error, Contains("--max-output"));
  CHECK(ran[2].output == "2");
}

TEST_CASE("coprocess: a wrong length is an answer over the limit") {
  WorkSettings settings = kept("head -c 1 > /dev/null; printf '\\377\\377\\377\\377abc'; sleep 1000");
  settings.framing = Framing::length;
  CHECK_THAT(run_one(*make_runner(settings), "a").error, Contains("--max-output"));
}

TEST_CASE("coprocess: two answers for one item are never given on as those of two") {
  const auto runner = coprocess(loop("printf '%s\\n%s\\n' $i $i"));
  const Ran ran = run_one(*runner, "1");
  CHECK(ran.outcome == Outcome::failed);
  CHECK_THAT(ran.error, Contains("not been asked for"));
}

TEST_CASE("coprocess: what it writes before it has read anything is no answer") {
  const Folder folder;
  // What it waits for comes with the failure of the first item only.
  const auto runner = coprocess("[ -e once ] || { touch once; echo hello; sleep 1000; }; cat");
  const auto ran = ran_in_order(*runner, numbers(2));
  CHECK(ran[0].outcome == Outcome::failed);
  CHECK_THAT(ran[0].error, Contains("before it had read the item"));
  CHECK(ran[1].output == "1");
}

TEST_CASE("coprocess: one that closes its stdout and stays is given up") {
  const Folder folder;
  const auto runner = coprocess("[ -e once ] || { touch once; read i; exec 1>&-; sleep 1000; }; cat");
  const auto ran = ran_in_order(*runner, numbers(2));
  CHECK_THAT(ran[0].error, Contains("closed its stdout"));
  CHECK(ran[1].output == "1");
}

TEST_CASE("coprocess: one that closes its stdin and stays is given up, whatever it had read") {
  const Folder folder;
  const auto runner =
      coprocess("[ -e once ] || { touch once; read i; echo $i; read i; exec 0<&-; sleep 1000; }; cat");
  const auto ran = ran_in_order(*runner, numbers(3));
  CHECK(ran[0].output == "0");
  CHECK_THAT(ran[1].error, Contains("closed its stdin"));
  CHECK(ran[2].output == "2");
}

TEST_CASE("coprocess: an answer without its end is none") {
  const Folder folder;
  const auto runner = coprocess("[ -e once ] || { touch once; read i; printf half; exit 0; }; cat");
  const auto ran = ran_in_order(*runner, numbers(2));
  CHECK(ran[0].outcome == Outcome::failed);
  CHECK(ran[0].error == "the co-process died: exit status 0");
  CHECK(ran[1].output == "1");
}

TEST_CASE("coprocess: one that has nothing in hand may end, and is started again for the next item") {
  const Folder folder;
  const auto runner = coprocess("read -r i; echo $i");
  CHECK(run_one(*runner, "a").output == "a");
  // Its end has been heard when it is no child any more: the next item is not written to it.
  std::vector<FinishedFrame> none;
  while (!has_no_process()) runner->collect(Clock::now(), none);
  CHECK(run_one(*runner, "b").output == "b");
}

TEST_CASE(
    "coprocess: processes that end again and again without an answer are an error with their last words") {
  const std::string what = what_ended([] {
    static_cast<void>(run_all(*coprocess("echo one >&2; echo 'no module' >&2; exit 3"), numbers(100)));
  });
  CHECK_THAT(what, Contains("echo one") && Contains("5 times in a row") && Contains("exit status 3") &&
                       Contains("its last words: one | no module"));
}

TEST_CASE("coprocess: one answer in between is enough for it to go on") {
  const Folder folder;
  const auto runner = coprocess("read -r i; [ $((i % 4)) = 3 ] || exit 1; echo $i");
  const auto ran = ran_in_order(*runner, numbers(40));
  CHECK(std::count_if(ran.begin(), ran.end(), [](const Ran& one) { return one.outcome == Outcome::ok; }) > 0);
}

TEST_CASE("coprocess: a command that is not there is an error before any item has failed") {
  WorkSettings settings = kept("");
  settings.kind = WorkKind::command;
  settings.words = {"no-such-command-of-ours"};
  const std::string what = what_ended([&] { static_cast<void>(run_one(*make_runner(settings), "a")); });
  CHECK_THAT(what, Contains("cannot run 'no-such-command-of-ours'"));
}

TEST_CASE("coprocess: what it writes to stderr comes with the item in hand") {
  const auto runner = coprocess(loop("echo \"about $i\" >&2; echo $i"));
  for (const std::string item : {"1", "2"}) {
    const Ran ran = run_one(*runner, item);
    CHECK(ran.outcome == Outcome::ok);
    CHECK(ran.stderr_text == "about " + item + "\n");
    CHECK(ran.slot == 1);
  }
  WorkSettings settings = kept(loop("seq 1000 >&2; exit 1"));
  settings.max_stderr = 10;
  const Ran ran = run_one(*make_runner(settings), "x");
  CHECK(ran.stderr_text == "\n999\n1000\n");
  CHECK(ran.stderr_dropped > 3000);
}

TEST_CASE("coprocess: items and times are there where they are asked for") {
  RunContext context;
  context.wants_item = true;
  const Ran ran = run_one(*coprocess(loop("sleep 0.05; echo $i")), "a", context);
  CHECK(ran.item == "a");
  CHECK(ran.took >= 50'000);
}

TEST_CASE("coprocess: its environment has the run and the slot, and no task") {
  RunContext context;
  context.run = RunId{0xab};
  const auto runner = coprocess(loop("echo $FANMILL_RUN $FANMILL_SLOT ${FANMILL_TASK_ID-none} {%}"));
  CHECK(run_one(*runner, "a", context).output == "00000000000000ab 1 none 1");
}

TEST_CASE("coprocess: what waits can be taken back, and what is asked cannot") {
  const auto runner = coprocess(loop("echo $i"));
  static_cast<void>(run_all(*runner, numbers(2000)));
  const std::size_t room = runner->room();
  REQUIRE(room > 4);
  const Handout handout = handout_of(numbers(room));
  runner->start(handout, Clock::now());
  const auto back = runner->take_back(room);
  CHECK(back.size() < room);
  CHECK(back.front() == room - 1);
  CHECK(runner->running() == room - back.size());
  std::vector<Ran> rest;
  while (runner->running() > 0) collect_some(*runner, rest);
  CHECK(rest.size() == room - back.size());
}

TEST_CASE("coprocess: at the end stdin is closed, and it has time to leave") {
  const Folder folder;
  {
    const auto runner = coprocess("cat; sleep 0.1; touch left");
    CHECK(run_one(*runner, "a").output == "a");
  }
  CHECK(folder.entries() == 1);
  CHECK(has_no_process());
}

TEST_CASE("coprocess: at the end one that does not leave is killed") {
  WorkSettings settings = kept("trap '' TERM; cat; sleep 1000");
  settings.kill_after = std::chrono::milliseconds(50);
  CHECK(run_one(*make_runner(settings), "a").output == "a");
  CHECK(has_no_process());
}

TEST_CASE("coprocess: what is abandoned is killed, and the runner can be used again") {
  const auto runner = coprocess(loop("[ $i != stuck ] || sleep 1000; echo $i"));
  CHECK(run_one(*runner, "a").output == "a");
  runner->start(handout_of({"stuck"}), Clock::now());
  runner->abandon();
  CHECK(runner->running() == 0);
  CHECK(run_one(*runner, "b").output == "b");
}

TEST_CASE("coprocess: no descriptor is left open") {
  const std::size_t before = open_descriptors();
  static_cast<void>(run_all(*coprocess(loop("[ $i != 3 ] || exit 1; echo $i")), numbers(10)));
  CHECK(open_descriptors() == before);
}

TEST_CASE("coprocess: a placeholder of a task cannot stand in its command") {
  for (const std::string word : {"{}", "{.}", "{#}", "{2}"}) {
    WorkSettings settings = kept("");
    settings.kind = WorkKind::command;
    settings.words = {"cat", word};
    CHECK_THROWS_WITH(make_runner(settings), Contains(word) && Contains("{%}"));
    CHECK_THROWS_WITH(coprocess("cat " + word), Contains(word));
  }
}

TEST_CASE("coprocess: a keeper that finds no descriptors for itself is waited for, and no task fails") {
  const auto runner = coprocess("cat");
  std::vector<Ran> results;
  {
    // For three pipes and the keeper's socket.
    const FewDescriptors few(8);
    runner->start(handout_of({"x"}), Clock::now());
    for (int i = 0; i < 3; ++i) {
      std::vector<FinishedFrame> finished;
      runner->collect(Clock::now(), finished);
      REQUIRE(finished.empty());
    }
    CHECK(runner->deadline() != never);
  }
  collect_some(*runner, results);
  CHECK(results.front().outcome == Outcome::ok);
  CHECK(results.front().output == "x");
}
