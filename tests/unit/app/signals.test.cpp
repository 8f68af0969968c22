#include <csignal>
#include <functional>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/app/signals.hpp>

namespace fanmill::app {

namespace {

bool is_readable(int fd) {
  pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&one, 1, 0) == 1;
}

// Signal dispositions are the process's: each case has a child of its own. Returns how it ended, as wait(2)
// says it.
int in_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

bool is_success(int status) {
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("signals: the first asks for an end in order, the second for one now") {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    CAPTURE(number);
    CHECK(is_success(in_child([&] {
      signal(SIGHUP, SIG_DFL);
      roles::StopRequest& stop = stop_on_signals();
      const bool quiet = stop.level() == 0 && !is_readable(stop.fd(1));
      raise(number);
      const bool first = stop.level() == 1 && stop.signal_number() == number && is_readable(stop.fd(1)) &&
                         !is_readable(stop.fd(2));
      raise(number);
      return quiet && first && stop.level() == 2 && is_readable(stop.fd(2));
    })));
  }
}

TEST_CASE("signals: the third ends the process") {
  const int status = in_child([] {
    static_cast<void>(stop_on_signals());
    for (int i = 0; i < 3; ++i) raise(SIGTERM);
    return true;
  });
  CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
}

TEST_CASE("signals: a SIGHUP that nohup had ignored stays ignored") {
  CHECK(is_success(in_child([] {
    signal(SIGHUP, SIG_IGN);
    roles::StopRequest& stop = stop_on_signals();
    raise(SIGHUP);
    return stop.level() == 0;
  })));
}

TEST_CASE("stop request: more than two raises change nothing but the signal, and errno is left alone") {
  roles::StopRequest stop;
  errno = EDOM;
  for (int i = 0; i < 5; ++i) stop.raise(SIGTERM);
  stop.raise(SIGINT);
  CHECK(errno == EDOM);
  CHECK(stop.level() == 2);
  CHECK(stop.signal_number() == SIGINT);
}

}  // namespace fanmill::app
