#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>
#include <variant>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ran.hpp"
#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/environment.hpp>
#include <fanmill/work/spawner.hpp>
#include <fanmill/work/work.hpp>

using namespace fanmill;
using namespace fanmill::work;

namespace {

std::unique_ptr<Runner> command(std::vector<std::string> words, std::size_t slots = 1) {
  WorkSettings settings;
  settings.words = std::move(words);
  settings.slots = slots;
  return make_runner(settings);
}

std::unique_ptr<Runner> shell(std::string text, std::size_t slots = 1) {
  WorkSettings settings;
  settings.kind = WorkKind::shell;
  settings.words = {std::move(text)};
  settings.slots = slots;
  return make_runner(settings);
}

bool has_no_children() {
  return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

// Nor a keeper.
bool has_no_process() {
  return ::waitpid(-1, nullptr, WNOHANG | __WALL) == -1 && errno == ECHILD;
}

bool is_there(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

std::unique_ptr<Runner> timed_shell(std::string text, Duration timeout, Duration kill_after,
                                    std::size_t slots = 1) {
  WorkSettings settings;
  settings.kind = WorkKind::shell;
  settings.words = {std::move(text)};
  settings.slots = slots;
  settings.timeout = timeout;
  settings.kill_after = kill_after;
  return make_runner(settings);
}

std::unique_ptr<Runner> reading_shell(std::string text) {
  WorkSettings settings;
  settings.kind = WorkKind::shell;
  settings.words = {std::move(text)};
  settings.item = ItemGoes::to_stdin;
  return make_runner(settings);
}

}  // namespace

TEST_CASE("command: items are arguments, byte for byte, and no shell sees them") {
  const Folder folder;
  const std::vector<std::string> items{"\"; touch PWNED; \"",
                                       "$(touch PWNED)",
                                       "`touch PWNED`",
                                       "*",
                                       "'",
                                       "\"",
                                       "\\",
                                       "a  b",
                                       "two\nlines",
                                       "\xff\xfe",
                                       "{}",
                                       "{.}",
                                       "%s",
                                       "tail\n"};
  const auto printf = command({"printf", "<%s>", "{}"}, 2);
  for (const Ran& ran : run_all(*printf, items)) {
    CHECK(ran.outcome == Outcome::ok);
    CHECK(ran.output == "<" + items[ran.id] + ">");
    CHECK_FALSE(ran.has_detail);
  }
  const auto appended = command({"printf", "<%s>"});
  CHECK(run_one(*appended, "").output == "<>");
  CHECK(run_one(*appended, "-n").output == "<-n>");
  CHECK(folder.entries() == 0);
}

TEST_CASE("command: placeholders stand in any word, the command's own too") {
  CHECK(run_one(*command({"printf", "%s|", "a{/}b", "{#}", "{%}", "{foo}"}), "x/y.z").output ==
        "ay.zb|1|1|{foo}|");
  CHECK(run_one(*command({"{}", "hello"}), "echo").output == "hello\n");
}

TEST_CASE("command: the shell runs text with the item as a parameter") {
  const Folder folder;
  const auto runner = shell("printf '<%s>' {} '{}' \"{}\"; exit 0");
  CHECK(run_one(*runner, "$(touch PWNED)'\"").output ==
        "<$(touch PWNED)'\"><$(touch PWNED)'\"><$(touch PWNED)'\">");
  CHECK(folder.entries() == 0);
}

TEST_CASE("command: an exit status is a failure with that code") {
  const auto runner = shell("echo out; echo err >&2; exit {}");
  CHECK(run_one(*runner, "0").outcome == Outcome::ok);
  for (const std::string code : {"1", "7", "255"}) {
    const Ran ran = run_one(*runner, code);
    CHECK(ran.outcome == Outcome::failed);
    CHECK(ran.cause == wire::Cause::exit);
    CHECK(std::to_string(ran.code) == code);
    CHECK(ran.output == "out\n");
    CHECK(ran.stderr_text == "err\n");
    CHECK(ran.item == code);
    CHECK(ran.slot == 1);
  }
}

TEST_CASE("command: columns are filled in by the run's separator, and one that is missing is a failure") {
  RunContext columns;
  columns.separator = ", ";
  for (const auto& runner :
       {command({"printf", "%s|", "{3}", "x{1}y", "{}"}), shell("printf '%s|' {3} \"x{1}y\" '{}'")}) {
    CHECK(runner->wanted_column() == "{3}");
    CHECK(run_one(*runner, "a b, $(c), *", columns).output == "*|xa by|a b, $(c), *|");
    CHECK(run_one(*runner, ", , ", columns).output == "|xy|, , |");
    const Ran missing = run_one(*runner, "a, b", columns);
    CHECK(missing.outcome == Outcome::failed);
    CHECK(missing.cause == wire::Cause::error);
    CHECK(missing.error == "the item 'a, b' has no column {3}");
  }
  CHECK(command({"echo", "{}"})->wanted_column().empty());
}

TEST_CASE("command: a dry run starts nothing, and shows what sh would take for the same") {
  const Folder folder;
  const auto dry = [](WorkKind kind, const std::vector<std::string>& words) {
    WorkSettings settings;
    settings.kind = kind;
    settings.words = words;
    settings.slots = 2;
    settings.dry_run = true;
    return make_runner(settings);
  };
  const auto words = dry(WorkKind::command, {"touch", "{}", "x{#}"});
  CHECK(run_one(*words, "PWNED").output == "touch PWNED x1\n");
  CHECK(run_one(*words, "it's").output == "touch 'it'\\''s' x1\n");
  CHECK(run_one(*words, "").output == "touch '' x1\n");
  CHECK(run_one(*dry(WorkKind::shell, {"touch {}; date"}), "a b").output ==
        "/bin/sh -c 'touch \"${1}\"; date' sh 'a b'\n");
  CHECK(run_one(*words, std::string("a\0b", 3)).outcome == Outcome::failed);
  CHECK(run_one(*dry(WorkKind::command, {"{}", "a"}), "if").output == "'if' a\n");
  CHECK(run_one(*dry(WorkKind::command, {"{}", "a=b"}), "a=b").output == "'a=b' a=b\n");
  // What it shows does in sh what the command does.
  for (const std::string item : {"a  b", "*", "$(touch PWNED)", "\"`'\\", "-n", "~", "#", "x=y", "{a,b}", "!",
                                 "line\nline", "\xff", ""}) {
    for (const WorkKind kind : {WorkKind::command, WorkKind::shell}) {
      const std::vector<std::string> command = kind == WorkKind::command
                                                   ? std::vector<std::string>{"printf", "<%s>", "{}"}
                                                   : std::vector<std::string>{"printf '<%s>' {}"};
      CAPTURE(item);
      CHECK(output_of({"/bin/sh", "-c", run_one(*dry(kind, command), item).output}) == "<" + item + ">");
    }
  }
  CHECK(folder.entries() == 0);
}

TEST_CASE("command: a signal is a failure with its number") {
  const auto runner = shell("kill -{} $$");
  for (const std::string number : {"9", "11", "15"}) {
    const Ran ran = run_one(*runner, number);
    CHECK(ran.outcome == Outcome::failed);
    CHECK(ran.cause == wire::Cause::signal);
    CHECK(std::to_string(ran.code) == number);
  }
}

TEST_CASE("command: an ok result has a detail where there is something to say") {
  const auto quiet = command({"true"});
  CHECK_FALSE(run_one(*quiet, "x").has_detail);
  const Ran noisy = run_one(*shell("echo warning >&2; : {}"), "x");
  CHECK(noisy.outcome == Outcome::ok);
  CHECK(noisy.stderr_text == "warning\n");
  RunContext wants_item;
  wants_item.wants_item = true;
  CHECK(run_one(*quiet, std::string(10'000, 'x'), wants_item).item == std::string(10'000, 'x'));
  RunContext wants_detail;
  wants_detail.wants_detail = true;
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  const Ran timed = run_one(*command({"sleep"}), "0.05", wants_detail);
  CHECK(timed.item.empty());
  CHECK(timed.took >= 50'000);
  const std::chrono::microseconds started(timed.started);
  CHECK(started >= std::chrono::duration_cast<std::chrono::microseconds>(before));
  CHECK(started <= std::chrono::system_clock::now().time_since_epoch());
}

TEST_CASE("command: of a failed task's item four KiB come back") {
  CHECK(run_one(*command({"false"}), std::string(10'000, 'x')).item == std::string(4096, 'x'));
}

TEST_CASE("command: floods on both pipes at once are kept up to the limits and counted beyond") {
  WorkSettings settings;
  settings.kind = WorkKind::shell;
  settings.words = {
      "head -c 10000000 /dev/zero >&2 & head -c 10000000 /dev/zero; wait; printf END >&2; : {}"};
  settings.slots = 2;
  settings.max_output = 1'000'000;
  settings.max_stderr = 1000;
  const auto runner = make_runner(settings);
  for (const Ran& ran : run_all(*runner, {"a", "b", "c"})) {
    CHECK(ran.outcome == Outcome::ok);
    CHECK(ran.output == std::string(1'000'000, '\0'));
    CHECK(ran.stdout_dropped == 9'000'000);
    CHECK(ran.stderr_text == std::string(997, '\0') + "END");
    CHECK(ran.stderr_dropped == 10'000'003 - 1000);
  }
}

TEST_CASE("command: what cannot be run fails with the reason, and the runner goes on") {
  const Folder folder;
  folder.write("plain", "data\n", 0644);
  folder.write("no-interpreter", "#!/nowhere/to/be/found\n", 0755);
  folder.write("no-line", "echo \"shell: $1\"\n", 0755);
  const auto runner = command({"{}", "x"}, 3);
  const std::vector<std::string> items{"no-such-command-here", "./nothing", "./plain", "./",
                                       "./no-interpreter",     ""};
  std::vector<Ran> results = run_all(*runner, items);
  std::sort(results.begin(), results.end(),
            [](const Ran& left, const Ran& right) { return left.id < right.id; });
  const std::vector<std::string> reasons{"no such file or directory",
                                         "no such file or directory",
                                         "permission denied",
                                         "it is a directory",
                                         "interpreter",
                                         "no such file or directory"};
  for (std::size_t i = 0; i < items.size(); ++i) {
    CAPTURE(items[i]);
    CHECK(results[i].outcome == Outcome::failed);
    CHECK(results[i].cause == wire::Cause::error);
    CHECK_THAT(results[i].error,
               Catch::StartsWith("cannot run '" + items[i] + "': ") && Catch::Contains(reasons[i]));
    CHECK(results[i].item == items[i]);
  }
  CHECK_THAT(run_one(*runner, "cd").error,
             Catch::Contains("a word of the shell") && Catch::Contains("--shell"));
  CHECK(run_one(*runner, "./no-line").output == "shell: x\n");
  CHECK(run_one(*runner, "echo").output == "x\n");
  CHECK(has_no_children());
}

TEST_CASE("command: a program that moves is found again") {
  const Folder folder;
  ::mkdir("one", 0700);
  ::mkdir("two", 0700);
  folder.write("one/tool", "#!/bin/sh\necho one\n", 0755);
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", (folder.path() + "/one:" + folder.path() + "/two:" + path).c_str(), 1);
  const auto runner = command({"tool"});
  ::setenv("PATH", path.c_str(), 1);
  CHECK(run_one(*runner, "x").output == "one\n");
  ::unlink("one/tool");
  folder.write("two/tool", "#!/bin/sh\necho two\n", 0755);
  CHECK(run_one(*runner, "x").cause == wire::Cause::error);
  CHECK(run_one(*runner, "x").output == "two\n");
}

TEST_CASE("command: an item that cannot be an argument fails in words") {
  const auto runner = command({"printf", "%s", "{}"});
  const std::string largest(max_argument, 'x');
  CHECK(run_one(*runner, largest).output == largest);
  const Ran large = run_one(*runner, largest + "x");
  CHECK(large.cause == wire::Cause::error);
  CHECK_THAT(large.error, Catch::Contains("131072 bytes") && Catch::Contains("128 KiB"));
  const Ran nul = run_one(*runner, std::string("a\0b", 3));
  CHECK(nul.cause == wire::Cause::error);
  CHECK_THAT(nul.error, Catch::Contains("NUL"));
  CHECK(run_one(*command({"echo", "{#}"}), std::string(1'000'000, '\0')).output == "1\n");
  const Ran word = run_one(*shell("echo $((1 + {}))"), "a[$(touch PWNED)]");
  CHECK(word.cause == wire::Cause::error);
  CHECK_THAT(word.error, Catch::Contains("whole number"));
}

TEST_CASE("command: arguments that are too long together fail in words") {
  std::vector<std::string> words{"true"};
  words.insert(words.end(), 40, "{}");
  CHECK_THAT(run_one(*command(words), std::string(100'000, 'x')).error, Catch::Contains("too long together"));
}

TEST_CASE("command: the environment names the task") {
  ::setenv("FANMILL_TASK_ID", "somebody else's", 1);
  ::setenv("INHERITED", "yes", 1);
  const auto runner = shell(
      "env | grep -c ^FANMILL_; echo $FANMILL_TASK_ID $FANMILL_ATTEMPT $FANMILL_SLOT "
      "$FANMILL_RUN $INHERITED; : {}");
  ::unsetenv("FANMILL_TASK_ID");
  RunContext context;
  context.run = RunId{0xabc};
  Handout handout = handout_of({"x"}, context, 41);
  wire::TaskBatch again;
  again.add({41, 2, "x"});
  handout.tasks = again.list();
  runner->start(handout, Clock::now());
  std::vector<Ran> results;
  collect_some(*runner, results);
  CHECK(results.front().output == "4\n41 2 1 0000000000000abc yes\n");
  CHECK(results.front().attempt == 2);
}

TEST_CASE("command: a child starts clean, whatever state its parent is in") {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  struct sigaction handled {};
  handled.sa_handler = [](int) {};
  struct sigaction before_usr1 {};
  ::sigaction(SIGUSR1, &handled, &before_usr1);
  sigset_t some;
  sigemptyset(&some);
  sigaddset(&some, SIGTERM);
  sigset_t mask_before;
  ::pthread_sigmask(SIG_BLOCK, &some, &mask_before);
  const Descriptor inherited(::open("/dev/zero", O_RDONLY));  // and not closed on exec
  // The shell reads its own state: it blocks all signals while it starts another program, which would see
  // that. And it holds the ends of a pipe for a moment: whoever lists its descriptors stands in none.
  const auto runner = shell(
      "while read -r line; do case $line in Sig[BIC]*) echo \"$line\" ;; esac; done </proc/$$/status; cat; "
      "ls /proc/$$/fd; "
      "ps -o pgid= -p $$ | tr -d ' '; echo $$; : {}");
  const Ran ran = run_one(*runner, "x");
  ::pthread_sigmask(SIG_SETMASK, &mask_before, nullptr);
  ::sigaction(SIGPIPE, &before, nullptr);
  ::sigaction(SIGUSR1, &before_usr1, nullptr);
  const std::string zero = "\t0000000000000000\n";
  const std::string clean = "SigBlk:" + zero + "SigIgn:" + zero + "SigCgt:";
  CHECK_THAT(ran.output, Catch::StartsWith(clean) && Catch::Contains("\n0\n1\n2\n"));
  const std::string last = ran.output.substr(ran.output.find("\n0\n1\n2\n") + 7);
  const std::size_t middle = last.find('\n');
  CHECK(last.substr(0, middle) == last.substr(middle + 1, last.size() - middle - 2));
}

TEST_CASE("command: a child is not lost where the parent was started with SIGCHLD ignored") {
  ::signal(SIGCHLD, SIG_IGN);
  CHECK(run_one(*shell("exit {}"), "3").code == 3);
  ::signal(SIGCHLD, SIG_DFL);
}

TEST_CASE("command: works with the standard descriptors closed") {
  const Descriptor saved_in(::fcntl(0, F_DUPFD_CLOEXEC, 100));
  const Descriptor saved_err(::fcntl(2, F_DUPFD_CLOEXEC, 100));
  ::close(0);
  ::close(2);
  Ran ran;
  {
    const auto runner = shell("echo out; echo err >&2; cat; : {}");
    ran = run_one(*runner, "x");
  }
  ::dup2(saved_in.fd(), 0);
  ::dup2(saved_err.fd(), 2);
  CHECK(ran.output == "out\n");
  CHECK(ran.stderr_text == "err\n");
}

TEST_CASE("command: a descendant that holds the pipes open does not hold the task") {
  const auto runner = shell("sleep 1000 & echo $!; : {}");
  const Ran ran = run_one(*runner, "x");
  CHECK(ran.outcome == Outcome::ok);
  const pid_t left_behind = std::stoi(ran.output);
  CHECK(::kill(left_behind, SIGKILL) == 0);
}

TEST_CASE("command: a descendant that floods the pipe does not hold the task either") {
  const auto runner = shell("yes & echo $! >&2; : {}");
  const Ran ran = run_one(*runner, "x");
  CHECK(ran.outcome == Outcome::ok);
  static_cast<void>(::kill(std::stoi(ran.stderr_text), SIGKILL));
}

TEST_CASE("command: what a command leaves in the background lives as long as the runner, and no longer") {
  auto runner = shell("setsid sh -c '(trap \"\" TERM HUP; exec sleep 1000) & echo $!'; : {}");
  const pid_t left_behind = std::stoi(run_one(*runner, "x").output);
  CHECK(run_one(*runner, "y").outcome == Outcome::ok);
  CHECK(is_there(left_behind));
  runner.reset();
  CHECK_FALSE(is_there(left_behind));
  CHECK(has_no_process());
}

TEST_CASE("command: at its timeout a command and all its descendants are gone, and the task has failed") {
  using namespace std::chrono_literals;
  // A daemon in a session of its own, whose parent has gone, and which takes no hint.
  const auto runner = timed_shell(
      "trap '' TERM; echo out; echo $$ >&2; "
      "setsid sh -c 'trap \"\" TERM HUP; (sleep 1000 & echo $! >&2; wait; sleep 1000) & echo $! >&2'; "
      "sleep 1000; : {}",
      300ms, 100ms, 2);
  for (const Ran& ran : run_all(*runner, {"a", "b", "c", "d"})) {
    CHECK(ran.outcome == Outcome::failed);
    CHECK(ran.cause == wire::Cause::timeout);
    CHECK(ran.error == "timed out after 300 ms");
    CHECK(ran.output == "out\n");
    CHECK(ran.took >= 300'000);
    std::istringstream pids(ran.stderr_text);
    std::size_t count = 0;
    for (pid_t pid = 0; pids >> pid; ++count) CHECK_FALSE(is_there(pid));
    CHECK(count == 3);
  }
  CHECK(runner->deadline() == never);
}

TEST_CASE("command: one that ends at SIGTERM is not waited for, and may say a last word") {
  using namespace std::chrono_literals;
  const auto runner =
      timed_shell("trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.01; done; : {}", 300ms, 1h);
  const Ran ran = run_one(*runner, "x");
  CHECK(ran.cause == wire::Cause::timeout);
  CHECK(ran.output == "hi\nbye\n");
}

TEST_CASE("command: a timeout is for its own task: what earlier ones have left goes on, and so do others") {
  using namespace std::chrono_literals;
  const auto runner =
      timed_shell("case {} in left) sleep 1000 & echo $!;; long) sleep 1000;; esac", 200ms, 0s);
  const Ran left = run_one(*runner, "left");
  CHECK(left.outcome == Outcome::ok);
  const pid_t left_behind = std::stoi(left.output);
  CHECK(run_one(*runner, "long").cause == wire::Cause::timeout);
  CHECK(is_there(left_behind));
  CHECK(run_one(*runner, "short").outcome == Outcome::ok);
}

TEST_CASE("command: an item goes to stdin, whatever is in it, and is not appended then") {
  const auto runner = reading_shell("cat");
  for (const std::string& item : {std::string(), std::string("a\0b\n", 4), std::string(3'000'000, 'x')}) {
    const Ran ran = run_one(*runner, item);
    CHECK(ran.outcome == Outcome::ok);
    CHECK(ran.output == item);
  }
  CHECK(run_one(*reading_shell("cat; printf %s {#}"), "x").output == "x1");
}

TEST_CASE(
    "command: one that does not read its stdin, or not all, or floods stdout meanwhile, is not held up") {
  struct sigaction before {};
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  const std::string item(3'000'000, 'x');
  CHECK(run_one(*reading_shell("true"), item).outcome == Outcome::ok);
  CHECK(run_one(*reading_shell("exec 0<&-; head -c 2000000 /dev/zero"), item).output.size() == 2'000'000);
  CHECK(run_one(*reading_shell("head -c 10"), item).output == item.substr(0, 10));
  CHECK(run_one(*reading_shell("head -c 2000000 /dev/zero; cat"), item).output.size() == 5'000'000);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_CASE("command: runs where it is told to") {
  const Folder folder;
  REQUIRE(::mkdir("there", 0700) == 0);
  folder.write("there/hello", "#!/bin/sh\npwd\n", 0700);
  WorkSettings settings;
  settings.words = {"./hello"};
  settings.folder = "there";
  CHECK(run_one(*make_runner(settings), "x").output == folder.path() + "/there\n");
  settings.folder = "nowhere";
  CHECK_THROWS_WITH(make_runner(settings),
                    Catch::StartsWith("cannot work in 'nowhere': no such file or directory"));
  settings.folder = "there/hello";
  CHECK_THROWS_WITH(make_runner(settings),
                    Catch::StartsWith("cannot work in 'there/hello': not a directory"));
}

TEST_CASE("command: what the pipes hold when the process has ended belongs to the task") {
  const Folder folder;
  REQUIRE(::mkfifo("go", 0600) == 0);
  REQUIRE(::mkfifo("done", 0600) == 0);
  const auto runner = shell("{ read x < go; echo late; echo > done; } & : {}");
  runner->start(handout_of({"x"}), Clock::now());
  // Nothing is written yet, so this is the process's end.
  pollfd ended{runner->wait_fd(), POLLIN, 0};
  REQUIRE(::poll(&ended, 1, 50'000) == 1);
  folder.write("go", "\n");
  char byte = 0;
  const Descriptor done(::open("done", O_RDONLY));
  REQUIRE(::read(done.fd(), &byte, 1) == 1);
  std::vector<Ran> results;
  collect_some(*runner, results);
  CHECK(results.front().output == "late\n");
}

TEST_CASE("command: as many run at once as there are slots, and never more") {
  const Folder folder;
  REQUIRE(::mkfifo("meeting", 0600) == 0);
  // Each waits for the other at the fifo: one alone would wait for ever.
  const auto runner = shell("case {} in a) echo hello > meeting;; b) cat meeting;; esac", 2);
  CHECK(runner->slots() == 2);
  CHECK(runner->room() == 2);
  runner->start(handout_of({"a", "b"}), Clock::now());
  CHECK(runner->room() == 0);
  CHECK(runner->running() == 2);
  std::vector<Ran> results;
  while (results.size() < 2) collect_some(*runner, results);
  CHECK(results[0].output + results[1].output == "hello\n");
  // Each says how many there are.
  const auto counting =
      shell("mkdir in.$FANMILL_SLOT || exit 1; ls -d in.* | wc -l; rmdir in.$FANMILL_SLOT; : {}", 2);
  for (const Ran& ran : run_all(*counting, std::vector<std::string>(100, "x"))) {
    CHECK(ran.outcome == Outcome::ok);
    CHECK((ran.output == "1\n" || ran.output == "2\n"));
  }
}

namespace {
// A runner of `cat ITEM`, whose last command was a short one. The item "long" is a fifo, where it waits for
// as long as nobody writes.
class Waiting {
 public:
  explicit Waiting(std::size_t slots) : runner(shell("cat {} $FANMILL_SLOT", slots)) {
    for (std::size_t slot = 1; slot <= slots; ++slot)
      folder.write(std::to_string(slot), std::to_string(slot));
    folder.write("short", "short ");
    REQUIRE(::mkfifo("long", 0600) == 0);
    // A machine may be slow once.
    while (runner->room() == slots) static_cast<void>(run_one(*runner, "short"));
  }

  void start(const std::vector<std::string>& items) {
    runner->start(handout_of(items), Clock::now());
    open_ = Descriptor(::open("long", O_WRONLY));  // returns when the reader is there
  }
  void end_long() { open_.reset(); }
  std::vector<Ran> collect(std::size_t count) {
    std::vector<Ran> results;
    while (results.size() < count) collect_some(*runner, results);
    return results;
  }

  const Folder folder;
  std::unique_ptr<Runner> runner;

 private:
  Descriptor open_;
};
}  // namespace

TEST_CASE("command: behind a short one others wait in its slot, and run in the order given") {
  Waiting waiting(1);
  CHECK(waiting.runner->room() == 8);
  waiting.runner->start(handout_of(std::vector<std::string>(8, "short")), Clock::now());
  CHECK(waiting.runner->room() == 0);
  const auto results = waiting.collect(8);
  for (std::size_t i = 0; i < 8; ++i) {
    CHECK(results[i].id == i);
    CHECK(results[i].output == "short 1");
  }
}

TEST_CASE("command: after many that said little one says much, more than a pipe holds") {
  const auto runner =
      shell("case {} in *[!0-9]*) echo {};; *) head -c {} /dev/zero; head -c {} /dev/zero >&2; esac");
  const auto say_little = [&] {
    for (int i = 0; i < 300; ++i) REQUIRE(run_one(*runner, "x").output == "x\n");
  };
  say_little();
  const Ran much = run_one(*runner, "1000000");
  CHECK(much.output == std::string(1'000'000, '\0'));
  CHECK(much.stderr_text.size() > 1000);
  say_little();
  // Behind others, and with others behind it.
  std::vector<std::string> items(8, "x");
  items[4] = "300000";
  const auto results = run_all(*runner, items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    CHECK(results[i].output == (i == 4 ? std::string(300'000, '\0') : "x\n"));
  }
}

TEST_CASE("command: one that has ended is told of although another one runs behind it") {
  Waiting waiting(1);
  waiting.start({"short", "long", "short"});
  CHECK(waiting.collect(1).front().id == 0);
  waiting.end_long();
  CHECK(waiting.collect(2).back().id == 2);
}

TEST_CASE("command: a slot with nothing to do takes what waits in another one") {
  Waiting waiting(2);
  waiting.start({"long", "short", "short", "short", "short", "short", "short", "short"});
  // For this runner no time passes, so it cannot know that the first one is long.
  const Time now = Clock::now() - std::chrono::hours(1);
  std::set<TaskId> ids;
  while (ids.size() < 7) {
    pollfd readable{waiting.runner->wait_fd(), POLLIN, 0};
    REQUIRE(::poll(&readable, 1, 50'000) == 1);
    std::vector<FinishedFrame> finished;
    waiting.runner->collect(now, finished);
    for (const FinishedFrame& frame : finished) {
      for (const IdRange& range : frame.ids) {
        for (TaskId id = range.first; id <= range.last; ++id) ids.insert(id);
      }
    }
  }
  CHECK(ids == std::set<TaskId>{1, 2, 3, 4, 5, 6, 7});
  waiting.end_long();
  CHECK(waiting.collect(1).front().output == "1");
}

TEST_CASE("command: what waits behind a long one is not overtaken for ever") {
  Waiting waiting(2);
  waiting.start({"long", "short", "short", "short", "short", "short", "short", "short"});
  std::set<TaskId> first;
  TaskId next = 8;
  while (first.size() < 7) {
    for (std::size_t room = waiting.runner->room(); room > 0; --room) {
      waiting.runner->start(handout_of({"short"}, {}, next++), Clock::now());
    }
    REQUIRE(next < 3000);
    for (const Ran& ran : waiting.collect(1)) {
      CHECK(ran.output == "short 2");
      if (ran.id < 8) first.insert(ran.id);
    }
  }
  waiting.end_long();
  while (waiting.runner->running() > 0) static_cast<void>(waiting.collect(1));
}

TEST_CASE("command: none waits before the first has ended, nor after a long one") {
  const auto runner = command({"sleep"});
  CHECK(runner->room() == 1);
  while (runner->room() == 1) static_cast<void>(run_one(*runner, "0"));
  CHECK(runner->room() == 8);
  static_cast<void>(run_one(*runner, "0.02"));
  CHECK(runner->room() == 1);
}

TEST_CASE("command: what has not begun is taken back, the newest first") {
  Waiting waiting(1);
  waiting.start({"long", "short", "short", "short"});
  CHECK(waiting.runner->take_back(2) == std::vector<TaskId>{3, 2});
  CHECK(waiting.runner->running() == 2);
  CHECK(waiting.runner->take_back(9) == std::vector<TaskId>{1});
  CHECK(waiting.runner->take_back(9).empty());
  waiting.end_long();
  CHECK(waiting.collect(1).front().id == 0);
  CHECK(waiting.runner->running() == 0);
  CHECK(run_one(*waiting.runner, "short").output == "short 1");
}

TEST_CASE("command: a thousand are taken back or run, and none of them twice") {
  const Folder folder;
  const auto runner = shell("echo >> ran.{}", 2);
  std::vector<Ran> results;
  std::set<TaskId> back;
  for (TaskId next = 0; next < 1000;) {
    const std::size_t count = std::min<std::size_t>(runner->room(), 1000 - next);
    std::vector<std::string> items;
    for (std::size_t i = 0; i < count; ++i) items.push_back(std::to_string(next + i));
    runner->start(handout_of(items, {}, next), Clock::now());
    next += count;
    if (next % 3 == 0) {
      for (const TaskId id : runner->take_back(2)) CHECK(back.insert(id).second);
    }
    if (runner->running() > 0) collect_some(*runner, results);
  }
  while (runner->running() > 0) collect_some(*runner, results);
  CHECK_FALSE(back.empty());
  CHECK(results.size() + back.size() == 1000);
  for (const Ran& ran : results) {
    CHECK(ran.outcome == Outcome::ok);
    CHECK_FALSE(back.contains(ran.id));
  }
  CHECK(folder.entries() == results.size());
}

TEST_CASE("command: many are ordered at once, and the keeper has as much to say meanwhile") {
  const auto runner = command({"true"}, 1000);
  std::set<TaskId> ids;
  for (const Ran& ran : run_all(*runner, std::vector<std::string>(2500, "x"))) {
    CHECK(ran.outcome == Outcome::ok);
    ids.insert(ran.id);
  }
  CHECK(ids.size() == 2500);
}

TEST_CASE("command: what waits has not started, whatever the clock says") {
  Waiting waiting(1);
  RunContext context;
  context.wants_detail = true;
  waiting.runner->start(handout_of({"short", "short", "short", "short"}, context), Clock::now());
  const auto results = waiting.collect(4);
  for (std::size_t i = 1; i < results.size(); ++i) {
    CHECK(results[i].started + 1000 >= results[i - 1].started + results[i - 1].took);
    CHECK(results[i].took > 0);
  }
}

TEST_CASE("command: one that cannot be run fails in its turn, and those behind it run") {
  const Folder folder;
  folder.write("good", "#!/bin/sh\necho good\n", 0700);
  folder.write("bad", "#!/nowhere/interpreter\n", 0700);
  const auto runner = command({"./{}"});
  while (runner->room() == 1) static_cast<void>(run_one(*runner, "good"));
  runner->start(handout_of({"good", "bad", "bad", "good"}), Clock::now());
  std::vector<Ran> results;
  while (results.size() < 4) collect_some(*runner, results);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(results[i].id == i);
    CHECK((results[i].outcome == Outcome::ok) == (i == 0 || i == 3));
    CHECK(results[i].output == (i == 0 || i == 3 ? "good\n" : ""));
  }
  CHECK_THAT(results[1].error, Catch::Contains("the interpreter that it names was not found"));
}

TEST_CASE("command: a program is looked for when those before it have run") {
  const Folder folder;
  const std::string before = std::getenv("PATH");
  REQUIRE(::setenv("PATH", (before + ":" + folder.path()).c_str(), 1) == 0);
  folder.write("make-new", "#!/bin/sh\nmv made-by-it new\n", 0700);
  folder.write("made-by-it", "#!/bin/sh\necho new\n", 0700);
  const auto runner = command({"{}"});
  ::setenv("PATH", before.c_str(), 1);
  while (runner->room() == 1) static_cast<void>(run_one(*runner, "true"));
  runner->start(handout_of({"true", "make-new", "new", "new"}), Clock::now());
  std::vector<Ran> results;
  while (results.size() < 4) collect_some(*runner, results);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(results[i].id == i);
    CHECK(results[i].outcome == Outcome::ok);
    CHECK(results[i].output == (i < 2 ? "" : "new\n"));
  }
}

TEST_CASE("command: a runner that was abandoned runs others at once, and what waited does not come back") {
  Waiting waiting(1);
  waiting.start({"long", "short", "short", "short"});
  waiting.runner->abandon();
  CHECK(waiting.runner->room() == 1);
  for (int i = 0; i < 100; ++i) CHECK(run_one(*waiting.runner, "short").output == "short 1");
  CHECK(waiting.runner->running() == 0);
}

namespace {
pid_t only_keeper() {
  std::vector<pid_t> keepers;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    keepers.insert(keepers.end(), std::istream_iterator<pid_t>(children), {});
  }
  REQUIRE(keepers.size() == 1);
  return keepers.front();
}
// Returns when it has gone, or stands still.
void signal_keeper(int signal) {
  const pid_t keeper = only_keeper();
  REQUIRE(::kill(keeper, signal) == 0);
  siginfo_t information{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(keeper), &information, WEXITED | WSTOPPED | WNOWAIT | __WALL) ==
          0);
}
void kill_keeper() {
  signal_keeper(SIGKILL);
}
bool is_readable(int fd, int milliseconds) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, milliseconds) == 1;
}
}  // namespace

TEST_CASE(
    "command: what a keeper had said before it was killed counts, though an order finds it dead first") {
  const auto runner = command({"echo", "{}"});
  std::vector<Ran> results;
  // Until nothing is heard of a command but its end.
  for (int i = 0; i < 300; ++i) REQUIRE(run_one(*runner, "x").output == "x\n");
  REQUIRE_FALSE(is_readable(runner->wait_fd(), 0));
  runner->start(handout_of({"x"}), Clock::now());
  REQUIRE(is_readable(runner->wait_fd(), 10000));
  kill_keeper();
  runner->start(handout_of({"y"}), Clock::now());
  while (results.size() < 2) collect_some(*runner, results);
  CHECK(results[0].output == "x\n");
  CHECK(results[1].output == "y\n");
  for (const Ran& ran : results) CHECK(ran.outcome == Outcome::ok);
}

TEST_CASE(
    "command: a keeper that stands still holds up nobody, and what it was asked for counts when it goes on") {
  Waiting waiting(1);
  waiting.start({"long", "short", "short"});
  const pid_t keeper = only_keeper();
  signal_keeper(SIGSTOP);
  const Time began = Clock::now();
  for (int i = 0; i < 100; ++i) CHECK(waiting.runner->take_back(3).empty());
  CHECK(Clock::now() - began < std::chrono::seconds(5));
  REQUIRE(::kill(keeper, SIGCONT) == 0);
  waiting.end_long();
  std::multiset<TaskId> ids;
  for (const Ran& ran : waiting.collect(3)) {
    CHECK(ran.outcome == Outcome::ok);
    ids.insert(ran.id);
  }
  CHECK(ids == std::multiset<TaskId>{0, 1, 2});
  CHECK(waiting.runner->running() == 0);
}

TEST_CASE("command: what one had said before its keeper was killed is not lost, watched or not") {
  const Folder folder;
  REQUIRE(::mkfifo("fifo", 0600) == 0);
  const auto runner = shell("test {} = x || { echo said; echo warned >&2; cat {}; }");
  for (int i = 0; i < 300; ++i) REQUIRE(run_one(*runner, "x").outcome == Outcome::ok);
  runner->start(handout_of({"fifo"}), Clock::now());
  const Descriptor open(::open("fifo", O_WRONLY));  // returns when the reader is there
  kill_keeper();
  std::vector<Ran> results;
  collect_some(*runner, results);
  CHECK_THAT(results.front().error, Catch::StartsWith("how it ended is not known"));
  CHECK(results.front().output == "said\n");
  CHECK(results.front().stderr_text == "warned\n");
}

TEST_CASE("command: a keeper that is killed costs what it had begun, and what waited runs by another one") {
  Waiting waiting(1);
  waiting.start({"long", "short", "short"});
  kill_keeper();
  const auto results = waiting.collect(3);
  CHECK(results[0].id == 0);
  CHECK_THAT(results[0].error, Catch::StartsWith("how it ended is not known"));
  for (const std::size_t i : {1, 2}) {
    CHECK(results[i].id == i);
    CHECK(results[i].output == "short 1");
  }
}

TEST_CASE("command: with one slot, tasks run in the order given") {
  const std::vector<std::string> items{"a", "b", "c", "d", "e", "f"};
  const auto results = run_all(*command({"echo"}), items);
  REQUIRE(results.size() == items.size());
  for (std::size_t i = 0; i < items.size(); ++i) CHECK(results[i].id == i);
}

TEST_CASE("command: the slot is that of the task, and is free again after it") {
  const auto runner = command({"echo", "{%}"}, 3);
  std::set<std::string> slots;
  for (const Ran& ran : run_all(*runner, std::vector<std::string>(12, "x"))) slots.insert(ran.output);
  for (const std::string& slot : slots) CHECK((slot == "1\n" || slot == "2\n" || slot == "3\n"));
  CHECK(run_one(*runner, "x").output == "1\n");
}

TEST_CASE("command: results of two lanes do not share a frame") {
  const auto runner = command({"echo"}, 4);
  RunContext first;
  first.token = LaneToken{1};
  RunContext second;
  second.token = LaneToken{2};
  // They fail at once, so that all four are there together.
  const std::string not_an_argument("\0", 1);
  runner->start(handout_of({not_an_argument, not_an_argument}, first), Clock::now());
  runner->start(handout_of({not_an_argument, not_an_argument}, second), Clock::now());
  std::vector<Ran> results;
  std::vector<FinishedFrame> frames;
  collect_some(*runner, results, &frames);
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].token == LaneToken{1});
  CHECK(frames[0].count == 2);
  CHECK(frames[1].token == LaneToken{2});
  CHECK(frames[1].count == 2);
}

TEST_CASE("command: abandon kills what runs with all its group, and the runner can go on") {
  const Folder folder;
  REQUIRE(::mkfifo("alive", 0600) == 0);
  const auto runner = shell("exec 9>alive; sleep 1000 & echo >&9; sleep 1000; : {}", 2);
  runner->start(handout_of({"x"}), Clock::now());
  const Descriptor alive(::open("alive", O_RDONLY));
  char byte = 0;
  REQUIRE(::read(alive.fd(), &byte, 1) == 1);
  runner->abandon();
  CHECK(runner->running() == 0);
  CHECK(runner->room() == 2);
  // All who hold the fifo open for writing are gone, the shell's own child too.
  pollfd ended{alive.fd(), POLLIN, 0};
  REQUIRE(::poll(&ended, 1, 50'000) == 1);
  CHECK(::read(alive.fd(), &byte, 1) == 0);
  // The dead are reaped on the way, and what they leave is no result.
  while (!has_no_process()) {
    pollfd waiting{runner->wait_fd(), POLLIN, 0};
    REQUIRE(::poll(&waiting, 1, 50'000) == 1);
    std::vector<FinishedFrame> finished;
    runner->collect(Clock::now(), finished);
    REQUIRE(finished.empty());
  }
  CHECK(run_one(*command({"echo"}), "x").output == "x\n");
}

TEST_CASE("command: a runner's end kills its children and leaves no zombie") {
  {
    const auto runner = command({"sleep"}, 3);
    runner->start(handout_of({"1000", "1000", "1000"}), Clock::now());
  }
  CHECK(has_no_process());
}

TEST_CASE("command: children die with the thread that started them") {
  Child child;
  std::thread([&child] {
    Spawner spawner;
    Environment environment;
    const Descriptor null(::fcntl(1, F_DUPFD_CLOEXEC, 10));
    char name[] = "sleep";
    char seconds[] = "1000";
    char* argv[] = {nullptr, name, seconds, nullptr};
    Program program;
    program.file = "/bin/sleep";
    program.argv = argv + 1;
    program.environment = environment.of_task(RunId{1}, 0, 0, 1);
    program.stdout_fd = null.fd();
    program.stderr_fd = null.fd();
    auto spawned = spawner.spawn(program);
    if (auto* const started = std::get_if<Child>(&spawned)) child = std::move(*started);
  }).join();
  REQUIRE(child.pidfd);
  pollfd ended{child.pidfd.fd(), POLLIN, 0};
  REQUIRE(::poll(&ended, 1, 50'000) == 1);
  int status = 0;
  REQUIRE(::waitpid(child.pid, &status, 0) == child.pid);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("command: a thousand commands leave no descriptor and no zombie behind") {
  const std::size_t before = open_descriptors();
  {
    const auto runner = command({"true"}, 4);
    const auto results = run_all(*runner, std::vector<std::string>(1000, "x"));
    std::set<TaskId> ids;
    for (const Ran& ran : results) ids.insert(ran.id);
    CHECK(ids.size() == 1000);
    CHECK(open_descriptors() <= before + 3);  // the runner's own
  }
  CHECK(open_descriptors() == before);
  CHECK(has_no_process());
}

TEST_CASE("command: when descriptors run out the tasks wait for them, in order, and none fails") {
  const std::size_t before = open_descriptors();
  const auto runner = command({"echo", "{}"}, 3);
  {
    const FewDescriptors few(3);  // a pipe, and not two
    runner->start(handout_of({"x", "y", "z"}), Clock::now());
    CHECK(runner->room() == 0);
    CHECK(runner->deadline() != never);
  }
  std::vector<Ran> results;
  while (results.size() < 3) collect_some(*runner, results);
  CHECK(runner->deadline() == never);
  for (const Ran& ran : results) CHECK(ran.outcome == Outcome::ok);
  CHECK(run_one(*runner, "x").output == "x\n");
  CHECK(open_descriptors() <= before + 3);
}

TEST_CASE("command: a keeper that finds no descriptors for itself is not tried again and again") {
  using namespace std::chrono_literals;
  const Folder folder;
  folder.write("short", "short");
  REQUIRE(::mkfifo("long", 0600) == 0);
  const auto runner = timed_shell("cat {}", 1min, 1s, 2);
  Descriptor open;
  std::vector<Ran> results;
  {
    // For the pipes of both and the second one's socket.
    const FewDescriptors few(8);
    runner->start(handout_of({"long", "short"}), Clock::now());
    int turns = 0;
    for (const Time until = Clock::now() + 300ms; Clock::now() < until; ++turns) {
      static_cast<void>(is_readable(runner->wait_fd(), 10));
      std::vector<FinishedFrame> finished;
      runner->collect(Clock::now(), finished);
      REQUIRE(finished.empty());
    }
    CHECK(turns < 100);
    CHECK(runner->deadline() != never);
  }
  open.reset(::open("long", O_WRONLY));
  open.reset();
  while (results.size() < 2) collect_some(*runner, results);
  for (const Ran& ran : results) CHECK(ran.outcome == Outcome::ok);
}

TEST_CASE("command: with descriptors for some, those run at a time, and all get through") {
  const auto runner = command({"echo", "{}"}, 8);
  const FewDescriptors few(10);
  runner->start(handout_of({"0", "1", "2", "3", "4", "5", "6", "7"}), Clock::now());
  std::vector<Ran> results;
  while (results.size() < 8) collect_some(*runner, results);
  for (const Ran& ran : results) CHECK(ran.output == std::to_string(ran.id) + "\n");
}

TEST_CASE(
    "command: without room for any process for seconds it is the worker that fails, and not its tasks") {
  const auto runner = command({"true"}, GENERATE(1, 3));
  const FewDescriptors few(3);
  const Time now = Clock::now();
  runner->start(handout_of({"x"}), now);
  std::vector<FinishedFrame> finished;
  runner->collect(now + std::chrono::seconds(4), finished);
  CHECK(finished.empty());
  CHECK_THROWS_WITH(runner->collect(now + std::chrono::seconds(6), finished),
                    Catch::StartsWith("cannot start 'true': too many open files"));
  CHECK(runner->take_back(2) == std::vector<TaskId>{0});
}

TEST_CASE(
    "command: where keepers end at once for seconds it is the worker that fails, with slots of their own "
    "too") {
  using namespace std::chrono_literals;
  const auto runner = GENERATE(0, 1) == 0 ? timed_shell("true", 1min, 1s, 2) : shell("true", 2);
  kill_keeper();
  // With the one of the keeper that has gone, for the pipes of a command and a keeper's socket.
  const FewDescriptors few(6);
  const Time now = Clock::now();
  std::vector<FinishedFrame> finished;
  runner->start(handout_of({"x", "y"}), now);
  // All that there is to hear is that they have gone.
  for (const Time until = now + 300ms; Clock::now() < until;) {
    static_cast<void>(is_readable(runner->wait_fd(), 10));
    runner->collect(Clock::now(), finished);
  }
  REQUIRE(finished.empty());
  CHECK_THROWS_WITH(
      ([&] {
        for (Time then = Clock::now() + 6s;; then += 51ms) {
          static_cast<void>(is_readable(runner->wait_fd(), 10));
          runner->collect(then, finished);
        }
      }()),
      Catch::StartsWith("cannot start 'sh': ") || Catch::StartsWith("cannot start '/bin/sh': "));
  std::vector<TaskId> back = runner->take_back(3);
  std::sort(back.begin(), back.end());
  CHECK(back == std::vector<TaskId>{0, 1});
}

TEST_CASE("command: a worker that can start nothing gives back all, whether its keeper has said so or not") {
  using namespace std::chrono_literals;
  const auto runner = command({"true"}, 3);
  REQUIRE(run_one(*runner, "x").outcome == Outcome::ok);  // it has settled in
  const rlimit none{5, 5};                                // descriptors that come along do not reach it
  REQUIRE(::prlimit(only_keeper(), RLIMIT_NOFILE, &none, nullptr) == 0);
  std::vector<FinishedFrame> finished;
  runner->start(handout_of({"x", "y", "z"}), Clock::now());
  for (const Time until = Clock::now() + 300ms; Clock::now() < until;) {
    static_cast<void>(is_readable(runner->wait_fd(), 10));
    runner->collect(Clock::now(), finished);
  }
  CHECK_THROWS_WITH(([&] {
                      for (Time then = Clock::now() + 6s;; then += 51ms) {
                        static_cast<void>(is_readable(runner->wait_fd(), 10));
                        runner->collect(then, finished);
                      }
                    }()),
                    Catch::StartsWith("cannot start 'true': too many open files"));
  REQUIRE(finished.empty());
  std::vector<TaskId> back = runner->take_back(4);
  std::sort(back.begin(), back.end());
  CHECK(back == std::vector<TaskId>{0, 1, 2});
  CHECK(runner->deadline() == never);
}

TEST_CASE("command: a runner of many slots ends while all of them are busy") {
  const auto runner = command({"sleep", "{}"}, 400);
  runner->start(handout_of(std::vector<std::string>(400, "1000")), Clock::now());
  CHECK(runner->running() == 400);
}
