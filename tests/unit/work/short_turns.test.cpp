#include <cstdint>
#include <thread>

#include <catch2/catch.hpp>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/work/short_turns.hpp>

using namespace fanmill::work;

namespace {

// As sched_getattr(2) gives it.
struct Attributes {
  std::uint32_t size = 0;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

Attributes attributes() {
  Attributes now;
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0) now.size = 0;
  return now;
}

// What a child of this thread has for its turns.
std::uint64_t turns_of_child() {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::uint64_t runtime = attributes().runtime;
    ::_exit(::write(ends[1], &runtime, sizeof runtime) == sizeof runtime ? 0 : 1);
  }
  std::uint64_t runtime = 0;
  CHECK(::read(ends[0], &runtime, sizeof runtime) == sizeof runtime);
  CHECK(::waitpid(child, nullptr, 0) == child);
  ::close(ends[0]);
  ::close(ends[1]);
  return runtime;
}

}  // namespace

TEST_CASE("short turns: are this thread's alone, and what it starts has those of before") {
  std::thread([] {
    const Attributes before = attributes();
    REQUIRE(before.size > 0);
    take_short_turns();
    const Attributes after = attributes();
    CHECK(after.policy == before.policy);
    CHECK(after.nice == before.nice);
    // Older kernels have no such thing, and say 0.
    if (before.runtime > 0) CHECK(after.runtime == 100'000);
    CHECK(turns_of_child() == before.runtime);
  }).join();
}

TEST_CASE("short turns: a nice value below 0 is left as it is") {
  std::thread([] {
    if (::nice(-1) != -1) return;  // which takes a privilege
    const Attributes before = attributes();
    take_short_turns();
    CHECK(attributes().runtime == before.runtime);
    CHECK(attributes().flags == before.flags);
  }).join();
}
