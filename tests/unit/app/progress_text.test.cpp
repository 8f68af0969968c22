#include <chrono>

#include <catch2/catch.hpp>

#include <fanmill/app/progress_text.hpp>

namespace fanmill::app {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {
core::Progress some() {
  return {.done = 6250,
          .failed = 3,
          .total = 10000,
          .workers = 4,
          .rate = 120,
          .elapsed = std::chrono::seconds(52)};
}
}  // namespace

TEST_CASE("progress: all of it at 80 columns") {
  CHECK(progress_bar(some(), 80) ==
        "[###############----------] 6250/10000 62% 120/s 0:32 left, 3 failed, 4 workers");
}

TEST_CASE("progress: at 40 columns the bar goes, and then what is wanted least") {
  CHECK(progress_bar(some(), 40) == "6250/10000 62% 0:32 left, 3 failed");
}

TEST_CASE("progress: at 200 columns it is all bar") {
  const std::string line = progress_bar(some(), 200);
  CHECK(line.size() == 199);
  CHECK_THAT(line, Contains("] 6250/10000 62% 120/s 0:32 left, 3 failed, 4 workers"));
  CHECK(line.find("-") - 1 == 145 * 5 / 8);
}

TEST_CASE("progress: never as wide as the terminal, whatever that is, and the count stays longest") {
  for (std::size_t columns = 0; columns <= 300; ++columns) {
    const std::string line = progress_bar(some(), columns);
    CAPTURE(columns, line);
    CHECK(line.size() < std::max<std::size_t>(columns, 2));
    if (columns > 10) CHECK_THAT(line, Contains("6250/10000"));
    CHECK(line.find('\n') == std::string::npos);
  }
}

TEST_CASE("progress: while the total is not known it says what is done, how fast, and for how long") {
  core::Progress progress = some();
  progress.total.reset();
  progress.failed = 0;
  CHECK(progress_bar(progress, 80) == "6250 done 120/s 0:52, 4 workers");
  CHECK(progress_sentence(progress) == "6250 tasks done, 120/s, 4 workers");
}

TEST_CASE("progress: at the start and at the end") {
  core::Progress progress{.done = 0, .total = 0, .workers = 0};
  CHECK(progress_bar(progress, 80) == "0 done 0/s 0:00 left, 0 workers");
  progress = {.done = 7, .total = 7, .workers = 1, .rate = 0.5};
  CHECK(progress_bar(progress, 60) == "[######################] 7/7 100% 0.5/s 0:00 left, 1 worker");
  progress.done = 6;
  progress.total = 1'000'000;
  CHECK_THAT(progress_bar(progress, 80), Contains(" 0% 0.5/s 23 days left"));
  progress.done = 999'999;
  CHECK_THAT(progress_bar(progress, 80), Contains(" 99% "));
}

TEST_CASE("progress: as a sentence") {
  CHECK(progress_sentence(some()) == "6250 of 10000 tasks done, 3 failed, 120/s, 0:32 left, 4 workers");
  CHECK(progress_sentence({.done = 1, .rate = 0}) == "1 task done, 0/s");
}

TEST_CASE("progress: times and rates of all sizes") {
  CHECK(clock_time(0s) == "0:00");
  CHECK(clock_time(1ms) == "0:01");
  CHECK(clock_time(59s) == "0:59");
  CHECK(clock_time(60s) == "1:00");
  CHECK(clock_time(3600s) == "1:00:00");
  CHECK(clock_time(47h + 59min + 59s) == "47:59:59");
  CHECK(clock_time(48h) == "2 days");
  CHECK(clock_time(-5s) == "0:00");
  CHECK(rate_text(0) == "0/s");
  CHECK(rate_text(0.0166) == "0.017/s");
  CHECK(rate_text(0.25) == "0.2/s");
  CHECK(rate_text(9.94) == "9.9/s");
  CHECK(rate_text(9.96) == "10/s");
  CHECK(rate_text(12'345) == "12345/s");
  CHECK(rate_text(123'456) == "123k/s");
  CHECK(rate_text(2'345'678) == "2.3M/s");
}

}  // namespace fanmill::app
