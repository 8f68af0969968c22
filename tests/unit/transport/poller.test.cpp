#include <atomic>
#include <ctime>

#include <sys/time.h>

#include "scene.hpp"
#include <fanmill/transport/poller.hpp>

namespace fanmill::transport {

namespace {

Time soon() {
  return Clock::now() + std::chrono::milliseconds(30);
}

std::atomic<int> alarms{0};

// Interrupts this process's system calls every 5 ms.
class Alarms {
 public:
  Alarms() {
    struct sigaction counting {};
    counting.sa_handler = [](int) { ++alarms; };
    ::sigaction(SIGALRM, &counting, &before_);
    const itimerval every{{0, 5000}, {0, 5000}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  ~Alarms() {
    const itimerval off{};
    ::setitimer(ITIMER_REAL, &off, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }
  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

 private:
  struct sigaction before_ {};
};

}  // namespace

TEST_CASE("poller: says which of several are ready") {
  Context context;
  const Endpoint endpoint = inproc();
  Socket pull(context, Kind::pull, {});
  pull.bind(endpoint);
  Socket idle(context, Kind::pull, {});
  idle.bind(inproc());
  Socket push(context, Kind::push, {});
  push.connect(endpoint);
  Socket lonely(context, Kind::push, {});
  REQUIRE(send_text(push, "x"));

  Poller poller;
  const auto pull_item = poller.watch_readable(pull);
  const auto idle_item = poller.watch_readable(idle);
  const auto push_item = poller.watch_writable(push);
  const auto lonely_item = poller.watch_writable(lonely);
  CHECK(poller.wait(Clock::now(), patience()) == 2);
  CHECK(poller.readable(pull_item));
  CHECK_FALSE(poller.readable(idle_item));
  CHECK(poller.writable(push_item));
  CHECK_FALSE(poller.writable(lonely_item));
}

TEST_CASE("poller: built anew, it watches only what is named anew") {
  const Pipe ready;
  REQUIRE(::write(ready.write_end.fd(), "x", 1) == 1);
  const Pipe idle;
  Poller poller;
  poller.watch_readable(ready.read_end.fd());
  REQUIRE(poller.wait(Clock::now(), patience()) == 1);
  poller.clear();
  const auto item = poller.watch_readable(idle.read_end.fd());
  CHECK(poller.wait(Clock::now(), Clock::now()) == 0);
  CHECK_FALSE(poller.readable(item));
}

TEST_CASE("poller: waits until its deadline and not less") {
  const Pipe idle;
  Poller poller;
  poller.watch_readable(idle.read_end.fd());
  for (int i = 0; i < 10; ++i) {
    const Time until = Clock::now() + std::chrono::microseconds(1500);
    CHECK(poller.wait(Clock::now(), until) == 0);
    CHECK(Clock::now() >= until);
  }
  const Time past = Clock::now() - std::chrono::hours(1);
  CHECK(poller.wait(Clock::now(), past) == 0);
}

TEST_CASE("poller: without anything to watch it waits all the same") {
  Poller poller;
  const Time until = soon();
  CHECK(poller.wait(Clock::now(), until) == 0);
  CHECK(Clock::now() >= until);
}

TEST_CASE("poller: a deadline of never waits for an event") {
  const Pipe ready;
  REQUIRE(::write(ready.write_end.fd(), "x", 1) == 1);
  Poller poller;
  poller.watch_readable(ready.read_end.fd());
  CHECK(poller.wait(Clock::now(), never) == 1);
}

TEST_CASE("poller: a signal neither ends a wait nor makes it longer") {
  const Pipe idle;
  Poller poller;
  poller.watch_readable(idle.read_end.fd());
  const Alarms alarming;
  const int before = alarms;
  const Time until = soon();
  CHECK(poller.wait(Clock::now(), until) == 0);
  CHECK(Clock::now() >= until);
  CHECK(Clock::now() < until + std::chrono::seconds(10));
  CHECK(alarms > before);
}

TEST_CASE("poller: a pipe whose reader has gone is closed, and one whose reader is there is not") {
  Pipe pipe;
  Poller poller;
  const auto item = poller.watch_closed(pipe.write_end.fd());
  CHECK(poller.wait(Clock::now(), Clock::now()) == 0);
  CHECK_FALSE(poller.closed(item));
  pipe.read_end.reset();
  CHECK(poller.wait(Clock::now(), patience()) == 1);
  CHECK(poller.closed(item));
}

TEST_CASE("poller: a pipe whose writer has gone is readable, so that its end is seen") {
  Pipe pipe;
  pipe.write_end.reset();
  Poller poller;
  const auto item = poller.watch_readable(pipe.read_end.fd());
  CHECK(poller.wait(Clock::now(), patience()) == 1);
  CHECK(poller.readable(item));
}

TEST_CASE("poller: a monitor is watched like a socket") {
  const TempDirectory directory;
  Context context;
  Socket pull(context, Kind::pull, {});
  Monitor monitor(context, pull);
  const Endpoint endpoint = bind_somewhere(pull, Scheme::ipc, directory);
  Socket push(context, Kind::push, {});
  push.connect(endpoint);
  Poller poller;
  const auto item = poller.watch_readable(monitor);
  CHECK(poller.wait(Clock::now(), patience()) == 1);
  CHECK(poller.readable(item));
}

}  // namespace fanmill::transport
