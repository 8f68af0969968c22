// How long does one task take on its own? A client that gives a pipeline one line, waits for the line that
// comes out, and only then gives it the next.
//
//   one_at_a_time [--count N] [--size BYTES] -- COMMAND [ARG…]
//
// COMMAND is a pipeline that takes lines on stdin and gives lines on stdout: fanmill run --function echo,
// scripts/local-ipc --function echo, raw_pipeline --lines. The time is from before the write to after the
// read, so the two pipes are in it. Prints one line of JSON with the median and the 99th percentile; exits 3
// where the pipeline does.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "one_at_a_time: %s\n", what);
  std::exit(3);
}

// Reads until the newline that ends the answer.
void read_line(int from, std::string& line) {
  line.clear();
  char block[4096];
  do {
    const auto got = read(from, block, sizeof block);
    if (got <= 0) fail("the pipeline has ended");
    line.append(block, static_cast<std::size_t>(got));
  } while (line.back() != '\n');
}

struct Pipeline {
  pid_t process = 0;
  int in = -1;
  int out = -1;
};

Pipeline start(char** command) {
  int in[2];
  int out[2];
  if (pipe(in) != 0 || pipe(out) != 0) fail("cannot make pipes");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  for (const int fd : {in[0], in[1], out[0], out[1]}) posix_spawn_file_actions_addclose(&actions, fd);
  Pipeline pipeline{.process = 0, .in = in[1], .out = out[0]};
  if (posix_spawnp(&pipeline.process, command[0], &actions, nullptr, command, environ) != 0) {
    fail("cannot start the pipeline");
  }
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  return pipeline;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 10000;
  std::size_t size = 64;
  int at = 1;
  for (; at + 1 < argc && std::string_view(argv[at]) != "--"; at += 2) {
    const auto number = std::strtoull(argv[at + 1], nullptr, 10);
    if (std::string_view(argv[at]) == "--count") {
      count = number;
    } else if (std::string_view(argv[at]) == "--size") {
      size = number;
    } else {
      fail("usage: one_at_a_time [--count N] [--size BYTES] -- COMMAND [ARG...]");
    }
  }
  if (at + 1 >= argc || count == 0 || size == 0) fail("no command");
  signal(SIGPIPE, SIG_IGN);

  const auto pipeline = start(argv + at + 1);
  const std::string line = std::string(size - 1, 'x') + '\n';
  constexpr std::size_t warm_up = 500;
  std::vector<double> took;
  std::string answer;
  for (std::size_t sent = 0; sent < warm_up + count; ++sent) {
    const auto from = std::chrono::steady_clock::now();
    if (write(pipeline.in, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
      fail("the pipeline takes no more");
    }
    read_line(pipeline.out, answer);
    const std::chrono::duration<double, std::micro> round = std::chrono::steady_clock::now() - from;
    if (answer != line) fail("another line came out than went in");
    if (sent >= warm_up) took.push_back(round.count());
  }
  close(pipeline.in);
  int status = 0;
  waitpid(pipeline.process, &status, 0);

  std::sort(took.begin(), took.end());
  std::printf("{\"count\": %zu, \"size\": %zu, \"median_us\": %.1f, \"p99_us\": %.1f}\n", count, size,
              took[took.size() / 2], took[took.size() * 99 / 100]);
  return status == 0 ? 0 : 3;
}
