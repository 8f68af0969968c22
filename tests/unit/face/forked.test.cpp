// What becomes of a pipeline in fork(2) and exit(3). Each case is a child, whose exit status is the answer;
// an alarm ends one that hangs.

#include <cstdlib>
#include <memory>

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include "../main/gate.hpp"
#include <fanmill/fanmill.hpp>
#include <fanmill/transport/ipc_path.hpp>
#include <fanmill/transport/random.hpp>

using namespace fanmill;
using test::Gate;

namespace {

// Runs `body` in a child; its exit status, or −1 where a signal has ended it.
template <class Body>
int status_of(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(50);
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

[[maybe_unused]] std::string_view echo(std::string_view payload) {
  return payload;
}

void ignore(const Result&) {}

template <class Call>
bool is_refused(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return std::string(error.what()).find("forked") != std::string::npos;
  }
  return false;
}

// Of the whole process, and so destroyed by exit().
std::unique_ptr<Pipeline> of_the_process;

}  // namespace

TEST_CASE("forked: a child can do nothing with its parent's pipeline but leave it alone") {
  Gate gate;
  auto pipeline = std::make_unique<Pipeline>(
      [&](std::string_view payload) {
        gate.pass();
        return payload;
      },
      ignore, PipelineOptions{.workers = 1, .window_tasks = 1});
  auto ventilator = std::make_unique<Ventilator>(VentilatorOptions{
      .bind = {"ipc://" + transport::runtime_directory() + "/forked-" + transport::random_name(8)}});
  pipeline->submit("held");
  CHECK(status_of([&] {
          if (!is_refused([&] { pipeline->submit("x"); })) return 1;
          if (!is_refused([&] { static_cast<void>(pipeline->try_submit("x")); })) return 2;
          if (!is_refused([&] { pipeline->close(); })) return 3;
          if (!is_refused([&] { pipeline->cancel(); })) return 4;
          if (!is_refused([&] { ventilator->submit("x"); })) return 5;
          pipeline.reset();
          ventilator.reset();
          return 42;
        }) == 42);
  gate.open();
  CHECK(pipeline->close().ok == 1);
  // Closed before the fork.
  CHECK(status_of([&] {
          pipeline.reset();
          return 42;
        }) == 42);
}

TEST_CASE("forked: a child makes a pipeline of its own") {
#ifndef __SANITIZE_THREAD__  // which cannot follow threads there
  Pipeline parents(echo, ignore, {.workers = 1});
  CHECK(status_of([] {
          Pipeline pipeline(echo, ignore, {.workers = 1});
          pipeline.submit("x");
          return pipeline.close().ok == 1 ? 42 : 1;
        }) == 42);
  parents.submit("x");
  CHECK(parents.close().ok == 1);
#endif
}

TEST_CASE("forked: exit with a pipeline of the whole process, from main, a handler or the callback") {
#ifndef __SANITIZE_THREAD__
  const auto make = [](Handler handler, OnResult on_result) {
    of_the_process =
        std::make_unique<Pipeline>(std::move(handler), std::move(on_result), PipelineOptions{.workers = 2});
    of_the_process->submit("x");
  };
  CHECK(status_of([&]() -> int {
          make(echo, ignore);
          std::exit(42);
        }) == 42);
  CHECK(status_of([&]() -> int {
          make([](std::string_view) { std::exit(42); }, ignore);
          for (;;) ::pause();
        }) == 42);
  CHECK(status_of([&]() -> int {
          make(echo, [](const Result&) { std::exit(42); });
          for (;;) ::pause();
        }) == 42);
#endif
}
