#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/roles/supervisor.hpp>
#include <fanmill/work/board.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::roles {

namespace {

using work::Board;

// In a row, before there was a task: nothing but the start is at fault.
constexpr unsigned most_misfires = 5;
// In a row, without a task done by any of them: tasks that kill come one after the other too, and each of
// them takes up to five.
constexpr unsigned most_fruitless = 25;
constexpr auto first_wait = std::chrono::milliseconds(100);  // after a misfire; then twice as long each time
// Deaths that people are told of at once; then it is one line in a while.
constexpr unsigned most_told = 5;
constexpr auto between_lines = std::chrono::seconds(5);
constexpr std::size_t most_named = 4;

std::string name_of_signal(int number) {
  const char* const described = ::sigdescr_np(number);
  if (described == nullptr) return fmt::format("signal {}", number);
  std::string words(described);
  words[0] = static_cast<char>(words[0] | 0x20);
  return fmt::format("signal {} ({})", number, words);
}

std::vector<std::string> environment_of_child() {
  std::vector<std::string> all;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) all.emplace_back(*entry);
  all.push_back(std::string(supervised_variable) + "=1");
  return all;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers{nullptr};  // Program wants one before the first
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

class Supervisor {
 public:
  Supervisor(const SupervisorSettings& settings, StopRequest& stop)
      : settings_(settings),
        stop_(stop),
        arguments_(settings.arguments),
        environment_(environment_of_child()),
        output_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) {}

  RunReport run() {
    for (;;) {
      Board board(settings_.slots);
      const work::Child child = start(board);
      const siginfo_t ended = await_end(child);
      if (stop_.level() == 2) return {.exit_code = 128 + stop_.signal_number(), .closing_line = ""};
      switch (board.ending()) {
        case Board::Ending::asked:
          if (stop_.level() == 0) {
            on_death(board, child.pid, ended);
            break;
          }
          [[fallthrough]];
        case Board::Ending::in_order:
          return {.exit_code = ended.si_status, .closing_line = ""};
        case Board::Ending::with_error:
          throw Error(ended.si_code == CLD_EXITED ? ErrorCode{ended.si_status} : ErrorCode::unavailable, "",
                      "", board.text());
        case Board::Ending::to_restart:
          has_worked_ = true;
          misfires_ = fruitless_ = 0;
          break;
        case Board::Ending::unexpected:
          on_death(board, child.pid, ended);
          break;
      }
      if (stop_.level() > 0) return {};
    }
  }

 private:
  work::Child start(const Board& board) {
    const Descriptor memory(::fcntl(board.fd(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    std::vector<char*> argv = pointers_to(arguments_);
    std::vector<char*> environment = pointers_to(environment_);
    int error = errno;
    if (memory && output_) {
      auto spawned = spawner_.spawn({.file = settings_.program.c_str(),
                                     .argv = argv.data() + 1,
                                     .environment = environment.data() + 1,
                                     .stdin_fd = memory.fd(),
                                     .stdout_fd = output_.fd(),
                                     .stderr_fd = output_.fd()});
      if (auto* const child = std::get_if<work::Child>(&spawned)) return std::move(*child);
      error = std::get<int>(spawned);
    }
    throw Error(ErrorCode::unavailable, "start", "a worker process for " + settings_.work, reason_of(error));
  }

  siginfo_t await_end(const work::Child& child) {
    int told = 0;
    Time give_up = never;
    for (;;) {
      const int level = stop_.level();
      if (level > told) {
        told = level;
        // It has not been waited for, so the number is still its own.
        ::kill(child.pid, level == 1 ? SIGTERM : SIGKILL);
        if (level == 1 && settings_.patience) give_up = Clock::now() + *settings_.patience;
      }
      if (Clock::now() >= give_up) {
        give_up = never;
        settings_.notice(Severity::warning,
                         fmt::format("{} has not ended in {}, and is killed (worker process {})",
                                     settings_.work, format_duration(*settings_.patience), child.pid));
        ::kill(child.pid, SIGKILL);
        is_killed_ = true;
      }
      if (await(child.pidfd.fd(), give_up)) break;
    }
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(child.pid), &ended, WEXITED) != 0 && errno == EINTR) {
    }
    return ended;
  }

  // Until `fd` is readable (−1: never), which it returns, the stop request is raised, or the time has come.
  bool await(int fd, Time until) {
    const int level = stop_.level();
    pollfd fds[] = {{fd, POLLIN, 0}, {level < 2 ? stop_.fd(level + 1) : -1, POLLIN, 0}};
    int wait = -1;
    if (until != never) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      wait = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    }
    return ::poll(fds, 2, wait) > 0 && fds[0].revents != 0;
  }

  void on_death(const Board& board, pid_t pid, const siginfo_t& ended) {
    std::string how = ended.si_code == CLD_EXITED ? fmt::format("ended itself with exit({})", ended.si_status)
                                                  : "was ended by " + name_of_signal(ended.si_status);
    if (board.ending() == Board::Ending::asked) how = "was told to end by a signal to its process";
    if (board.done() > 0) has_worked_ = true;
    misfires_ = board.begun() == 0 ? misfires_ + 1 : 0;
    fruitless_ = has_worked_ ? 0 : fruitless_ + 1;
    if (is_killed_) return;
    if (stop_.level() > 0) return tell(fmt::format("{} {} (worker process {})", settings_.work, how, pid));
    if (misfires_ == most_misfires) {
      give_up(fmt::format("its process {}, {} times in a row, before it had a task", how, misfires_));
    }
    if (fruitless_ == most_fruitless) {
      give_up(fmt::format("its process {}, {} times in a row, and no task was ever done", how, fruitless_));
    }
    tell(fmt::format("{} {}{} (worker process {}), and is started again", settings_.work, how,
                     at_tasks(board.in_hand()), pid));
    if (misfires_ > 0) wait_before_next();
  }

  [[noreturn]] void give_up(std::string_view why) const {
    throw Error(ErrorCode::unavailable, "go on with", settings_.work, why,
                "what it wrote to stderr, if anything, stands above");
  }

  static std::string at_tasks(const std::vector<TaskId>& tasks) {
    if (tasks.empty()) return "";
    std::vector<TaskId> numbers(
        tasks.begin(), tasks.begin() + static_cast<std::ptrdiff_t>(std::min(tasks.size(), most_named)));
    for (TaskId& number : numbers) ++number;  // people count from 1
    return fmt::format(" at {} {}{}", tasks.size() == 1 ? "task" : "one of the tasks",
                       fmt::join(numbers, ", "), tasks.size() > most_named ? " …" : "");
  }

  void tell(const std::string& text) {
    const Time now = Clock::now();
    if (++told_ > most_told && now < next_line_) {
      ++untold_;
      return;
    }
    next_line_ = now + between_lines;
    const unsigned untold = std::exchange(untold_, 0);
    settings_.notice(Severity::warning,
                     untold == 0 ? text : fmt::format("{} ({} more like it)", text, untold));
  }

  void wait_before_next() {
    const Time until = Clock::now() + first_wait * (1U << (misfires_ - 1));
    while (stop_.level() == 0 && Clock::now() < until) static_cast<void>(await(-1, until));
  }

  const SupervisorSettings& settings_;
  StopRequest& stop_;
  work::Spawner spawner_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  Descriptor output_;
  bool is_killed_ = false;   // by us, and that was said
  bool has_worked_ = false;  // a task has been done, ever
  unsigned misfires_ = 0;
  unsigned fruitless_ = 0;
  unsigned told_ = 0;
  unsigned untold_ = 0;
  Time next_line_{};
};

}  // namespace

RunReport run_supervised(const SupervisorSettings& settings, StopRequest& stop) {
  return Supervisor(settings, stop).run();
}

}  // namespace fanmill::roles
