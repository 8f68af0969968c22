#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <fanmill/app/worker_process.hpp>
#include <fanmill/base/error.hpp>

namespace fanmill::app {

namespace {

constexpr const char* this_program = "/proc/self/exe";

// As an option takes it, to the nanosecond.
std::string exactly(Duration duration) {
  return fmt::format("{:.6f}ms", std::chrono::duration<double, std::milli>(duration).count());
}

// `fanmill` is a worker too; the ventilator has one beside it.
std::pair<std::string, std::vector<std::string>> worker_program() {
  std::error_code unknown;
  const std::filesystem::path own = std::filesystem::read_symlink(this_program, unknown);
  if (!own.filename().native().starts_with("fanmill-ventilator"))
    return {this_program, {"fanmill", "worker"}};
  const std::string beside = own.parent_path() / "fanmill-worker";
  if (::access(beside.c_str(), X_OK) != 0) {
    throw Error(ErrorCode::unavailable, "start", "a worker process", beside + ": " + reason_of(errno),
                "fanmill run needs no other program");
  }
  return {beside, {"fanmill-worker"}};
}

}  // namespace

std::string name_of_work(const work::WorkSettings& command) {
  if (command.kind != work::WorkKind::plugin) return "the worker";
  return "the plugin '" + command.words.front() + "'";
}

roles::SupervisorSettings same_again(const Process& process, const ProgramSettings& settings) {
  return {.program = this_program,
          .arguments = process.words,
          .work = name_of_work(settings.command),
          .slots = settings.command.slots,
          .notice = settings.worker.notice};
}

roles::SupervisorSettings worker_for(const ProgramSettings& settings, const Endpoint& endpoint) {
  const work::WorkSettings& command = settings.command;
  auto [program, words] = worker_program();
  const auto add = [&words = words](std::string_view option, std::string value) {
    words.emplace_back(option);
    words.push_back(std::move(value));
  };
  add("--connect", endpoint.text());
  add("--plugin", command.words.front());
  add("--jobs", std::to_string(command.slots));
  add("--max-message", std::to_string(settings.worker.max_message));
  add("--max-output", std::to_string(command.max_output));
  if (command.timeout) add("--timeout", exactly(*command.timeout));
  if (settings.quiet) words.emplace_back("--quiet");
  return {.program = std::move(program),
          .arguments = std::move(words),
          .work = name_of_work(command),
          .slots = command.slots,
          .patience = command.kill_after,
          .notice = settings.worker.notice};
}

std::shared_ptr<work::Board> board_of_supervisor() {
  // NOLINTBEGIN(concurrency-mt-unsafe): there are no threads yet
  if (std::getenv(roles::supervised_variable) == nullptr) return nullptr;
  ::unsetenv(roles::supervised_variable);
  // NOLINTEND(concurrency-mt-unsafe)
  auto board = work::Board::open(Descriptor(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)));
  if (!board) {
    throw Error(ErrorCode::unavailable, "take", roles::supervised_variable,
                "it is in the environment, and no supervisor has started this process", "unset it");
  }
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null || ::dup2(null.fd(), STDIN_FILENO) < 0) {
    throw Error(ErrorCode::unavailable, "open", "/dev/null", reason_of(errno));
  }
  return std::make_shared<work::Board>(std::move(*board));
}

}  // namespace fanmill::app
