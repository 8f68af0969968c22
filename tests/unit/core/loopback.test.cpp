#include "loopback.hpp"

#include <cstdint>
#include <random>

#include <catch2/catch.hpp>

using namespace fanmill;
using namespace fanmill::core;
using test::Loopback;

namespace {

// The run is complete, nothing is lost, and all sides say so. That nothing is there twice, and no ACK came
// too early, the loopback itself sees.
void check_complete(const Loopback& pipeline, std::uint64_t tasks, std::uint64_t failed = 0) {
  REQUIRE(pipeline.ventilator_end());
  REQUIRE(pipeline.sink_end());
  const int status = failed > 0 ? 1 : 0;
  CHECK(pipeline.ventilator_end()->status == status);
  CHECK(pipeline.ventilator_end()->why == "");
  CHECK(pipeline.sink_end()->status == status);
  CHECK(pipeline.sink_end()->why == "");
  REQUIRE(pipeline.stored().size() == tasks);
  if (tasks > 0) CHECK(pipeline.stored().rbegin()->first == tasks - 1);
  const auto& statement = pipeline.ventilator().statement();
  REQUIRE(statement);
  CHECK(statement->tasks == tasks);
  CHECK(statement->ok == tasks - failed);
  CHECK(statement->failed == failed);
  CHECK(statement->dead == 0);
  CHECK(statement->unfinished() == 0);
}

}  // namespace

TEST_CASE("pipeline: a thousand tasks, three stations, each task once") {
  const auto seed = GENERATE(range(1U, 6U));
  CAPTURE(seed);
  Loopback pipeline({.tasks = 1000, .stations = 3, .prefetch = {}, .seed = seed});
  pipeline.run();
  check_complete(pipeline, 1000);
  CHECK(pipeline.ventilator().dispatcher().redelivered() == 0);
  CHECK(pipeline.ventilator().dispatcher().bytes() == 0);
  CHECK(pipeline.ventilator().stale() == 0);
  CHECK(pipeline.sink().accounts().received() == 1000);
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(pipeline.station_end(i));
    CHECK(pipeline.station_end(i)->status == 0);
  }
}

TEST_CASE("pipeline: a station is killed at any step, and each task counts once") {
  // As many steps as the same run has without a kill, and beyond.
  std::uint64_t steps = 0;
  for (Loopback pipeline({.tasks = 1000, .stations = 3, .slots = 4, .prefetch = {}}); pipeline.step();)
    ++steps;
  CAPTURE(steps);
  std::uint64_t redelivered = 0;
  const std::uint64_t stride = GENERATE(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  for (std::uint64_t at = stride; at < steps + 10; at += 10) {
    CAPTURE(at);
    Loopback pipeline({.tasks = 1000, .stations = 3, .slots = 4, .prefetch = {}});
    std::uint64_t held = 0;
    bool more = true;
    for (std::uint64_t step = 0; more; ++step) {
      if (step == at) {
        held = pipeline.ventilator().dispatcher().out();
        pipeline.kill(0);
      }
      more = pipeline.step();
    }
    check_complete(pipeline, 1000);
    CHECK(pipeline.ventilator().dispatcher().redelivered() <= held);
    redelivered += pipeline.ventilator().dispatcher().redelivered();
  }
  CHECK(redelivered > 0);  // it did hit unfinished work
}

TEST_CASE("pipeline: the sink's connection is lost at any step and comes back, and each task counts once") {
  std::uint64_t steps = 0;
  for (Loopback pipeline({.tasks = 50, .stations = 2, .prefetch = {}}); pipeline.step();) ++steps;
  for (std::uint64_t at = 0; at < steps; ++at) {
    CAPTURE(at);
    Loopback pipeline({.tasks = 50, .stations = 2, .prefetch = {}});
    bool more = true;
    for (std::uint64_t step = 0; more; ++step) {
      if (step == at) pipeline.break_sink_control();
      more = pipeline.step();
    }
    check_complete(pipeline, 50);
    CHECK(pipeline.ventilator().dispatcher().redelivered() == 0);
  }
}

TEST_CASE("pipeline: a station leaves at any step, and gives back what it has not started") {
  std::uint64_t steps = 0;
  for (Loopback pipeline({.tasks = 50, .stations = 2, .prefetch = 4}); pipeline.step();) ++steps;
  for (std::uint64_t at = 0; at < steps; ++at) {
    CAPTURE(at);
    Loopback pipeline({.tasks = 50, .stations = 2, .prefetch = 4});
    bool more = true;
    for (std::uint64_t step = 0; more; ++step) {
      if (step == at) pipeline.leave(0);
      more = pipeline.step();
    }
    check_complete(pipeline, 50);
    REQUIRE(pipeline.station_end(0));
    CHECK(pipeline.station_end(0)->status == 0);
    CHECK(pipeline.ventilator().dispatcher().redelivered() == 0);
    CHECK(pipeline.sink().accounts().duplicates() == 0);
  }
}

TEST_CASE(
    "pipeline: stopped at any step, what is out is finished or given back, and what is not done is stated") {
  std::uint64_t steps = 0;
  for (Loopback pipeline({.tasks = 50, .stations = 2, .prefetch = 4}); pipeline.step();) ++steps;
  for (std::uint64_t at = 0; at < steps; ++at) {
    CAPTURE(at);
    Loopback pipeline({.tasks = 50, .stations = 2, .prefetch = 4});
    std::uint64_t expected = 0;
    bool more = true;
    for (std::uint64_t step = 0; more; ++step) {
      if (step == at) {
        const Dispatcher& tasks = pipeline.ventilator().dispatcher();
        expected = tasks.out() + tasks.acknowledged() + tasks.recalled();
        pipeline.stop();
      }
      more = pipeline.step();
    }
    const auto& statement = pipeline.ventilator().statement();
    REQUIRE(statement);
    CHECK(statement->ok + pipeline.ventilator().dispatcher().recalled() == expected);
    CHECK(statement->tasks == pipeline.ventilator().dispatcher().added());
    CHECK(statement->unfinished() == statement->tasks - statement->ok);
  }
}

TEST_CASE("pipeline: failures are tried again as often as was asked for, and then count") {
  const auto retries = GENERATE(0U, 2U);
  Loopback pipeline({.tasks = 200, .stations = 3, .prefetch = {}, .fails = 10, .retries = retries});
  pipeline.run();
  check_complete(pipeline, 200, 20);
  CHECK(pipeline.sink().retried() == 20 * retries);
  CHECK(pipeline.sink().accounts().received() == 200 + 20 * retries);
}

namespace {

// Something breaks, whatever comes up.
void disturb(Loopback& pipeline) {
  const std::size_t station = pipeline.below(pipeline.stations());
  switch (pipeline.below(9)) {
    case 0:
      pipeline.kill(station);
      break;
    case 1:
      pipeline.leave(station);
      break;
    case 2:
    case 3:
      pipeline.break_control(station);
      break;
    case 4:
    case 5:
      pipeline.break_lane(station);
      break;
    case 6:
    case 7:
      pipeline.break_results(station);
      break;
    default:
      pipeline.break_sink_control();
  }
}

}  // namespace

TEST_CASE("pipeline: connections break, stations die, leave and come, and each task counts once") {
  const auto seed = GENERATE(range(1U, 301U));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const Loopback::Settings settings{.tasks = random() % 300,
                                    .stations = 1 + random() % 4,
                                    .slots = static_cast<std::uint32_t>(1 + random() % 3),
                                    .max_batch = static_cast<std::uint32_t>(1 + random() % 50),
                                    .prefetch = {},
                                    .fails = 0,
                                    .retries = 0,
                                    .seed = seed};
  Loopback pipeline(settings);
  const std::uint64_t one_in = 5 + random() % 100;
  // Few enough, so that no task can be taken for what kills its workers.
  int faults = 10;
  do {
    if (faults > 0 && pipeline.below(one_in) == 0) {
      --faults;
      disturb(pipeline);
    }
    if (pipeline.alive() == 0 && !pipeline.ventilator_end()) pipeline.start_station();
  } while (pipeline.step());
  check_complete(pipeline, settings.tasks);
}
