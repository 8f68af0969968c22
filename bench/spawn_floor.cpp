// How many processes a second can this machine run at all? A loop that starts a program N times, two at a
// time, with posix_spawn, and captures its stdout and stderr through pipes; nothing else. What fanmill's
// command worker does is measured against it.
//
//   spawn_floor [-j SLOTS] COUNT PROGRAM [ARGUMENT…]

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Job {
  pid_t pid = 0;
  std::array<int, 2> pipes{-1, -1};  // our ends of stdout's and stderr's; −1 where it is at its end
  std::array<std::string, 2> captured;
};

[[noreturn]] void die(const char* what, int error) {
  std::fprintf(stderr, "spawn_floor: %s: %s\n", what, std::strerror(error));
  std::exit(3);
}

void start(Job& job, char** argv, char** environment) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  std::array<int, 2> theirs{};
  for (std::size_t i = 0; i < 2; ++i) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) die("pipe", errno);
    job.pipes[i] = ends[0];
    theirs[i] = ends[1];
    posix_spawn_file_actions_adddup2(&actions, ends[1], static_cast<int>(i) + 1);
  }
  const int error = ::posix_spawnp(&job.pid, argv[0], &actions, nullptr, argv, environment);
  if (error != 0) die(argv[0], error);
  posix_spawn_file_actions_destroy(&actions);
  for (const int end : theirs) ::close(end);
}

// Reads what is there; returns whether the job is over.
bool serve(Job& job, std::size_t stream) {
  std::array<char, 65536> bytes;
  const ssize_t count = ::read(job.pipes[stream], bytes.data(), bytes.size());
  if (count > 0) {
    job.captured[stream].append(bytes.data(), static_cast<std::size_t>(count));
    return false;
  }
  ::close(job.pipes[stream]);
  job.pipes[stream] = -1;
  if (job.pipes[1 - stream] >= 0) return false;
  ::waitpid(job.pid, nullptr, 0);
  for (std::string& text : job.captured) text.clear();
  job.pid = 0;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t slots = 2;
  int at = 1;
  if (argc > 2 && std::string_view(argv[1]) == "-j") {
    slots = std::strtoul(argv[2], nullptr, 10);
    at = 3;
  }
  const std::size_t count = argc > at + 1 ? std::strtoul(argv[at], nullptr, 10) : 0;
  if (count == 0 || slots == 0) {
    std::fprintf(stderr, "usage: spawn_floor [-j SLOTS] COUNT PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  char** const program = argv + at + 1;

  std::vector<Job> jobs(std::min(slots, count));
  std::size_t started = 0;
  std::size_t ended = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (Job& job : jobs) start(job, program, environ), ++started;
  std::vector<pollfd> waiting;
  while (ended < count) {
    waiting.clear();
    for (const Job& job : jobs) {
      for (const int pipe : job.pipes) waiting.push_back({pipe, POLLIN, 0});
    }
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents == 0 || !serve(jobs[i / 2], i % 2)) continue;
      ++ended;
      if (started < count) start(jobs[i / 2], program, environ), ++started;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%zu jobs, %zu at a time, %.2f s, %.0f jobs/s\n", count, slots, took.count(),
              static_cast<double>(count) / took.count());
  return 0;
}
