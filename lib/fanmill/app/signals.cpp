#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string_view>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fanmill/app/signals.hpp>

namespace fanmill::app {

namespace {

constexpr std::array asking{SIGINT, SIGTERM, SIGHUP};

// A handler has no other way to what it is for.
std::atomic<roles::StopRequest*> asked{nullptr};
static_assert(std::atomic<roles::StopRequest*>::is_always_lock_free);

constexpr std::int64_t forwarding = 1'000'000'000;  // ns
std::int64_t first_time = 0;                        // when it was asked for the first time

std::int64_t now_in_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Calls nothing that a handler may not.
bool is_timeout(pid_t sender) {
  char path[32] = "/proc/";
  std::size_t end = 6;
  char digits[12];
  std::size_t count = 0;
  for (pid_t rest = sender; rest > 0; rest /= 10) digits[count++] = static_cast<char>('0' + rest % 10);
  while (count > 0) path[end++] = digits[--count];
  std::memcpy(path + end, "/comm", 6);
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char name[16];
  const ssize_t size = read(file, name, sizeof name);
  close(file);
  constexpr std::string_view timeout = "timeout\n";
  return size == static_cast<ssize_t>(timeout.size()) &&
         std::memcmp(name, timeout.data(), timeout.size()) == 0;
}

// timeout(1) sends its signal to its child and then to the whole process group, and what it gets itself
// likewise: that is one request.
bool is_the_same_request(const siginfo_t& from, const roles::StopRequest& stop) {
  return stop.level() == 1 && from.si_code == SI_USER && now_in_ns() - first_time < forwarding &&
         is_timeout(from.si_pid);
}

// On one thread at a time: the signals block each other.
void on_signal(int number, siginfo_t* from, void* /*unused*/) {
  roles::StopRequest& stop = *asked.load();
  const int kept = errno;
  const bool is_same = is_the_same_request(*from, stop);
  errno = kept;
  if (is_same) return;
  if (stop.level() == 0) first_time = now_in_ns();
  if (stop.level() == 1) {
    for (const int one : asking) signal(one, SIG_DFL);
  }
  stop.raise(number);
}

void install() {
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  // One at a time: two that come together are two requests.
  for (const int one : asking) sigaddset(&action.sa_mask, one);
  for (const int one : asking) {
    struct sigaction before {};
    sigaction(one, nullptr, &before);
    const bool under_nohup = one == SIGHUP && before.sa_handler == SIG_IGN;
    if (!under_nohup) sigaction(one, &action, nullptr);
  }
}

}  // namespace

roles::StopRequest& stop_on_signals() {
  // Never destroyed: a signal may come until the process has ended.
  static roles::StopRequest* const request = [] {
    auto* const made = new roles::StopRequest;
    asked.store(made);
    install();
    return made;
  }();
  return *request;
}

}  // namespace fanmill::app
