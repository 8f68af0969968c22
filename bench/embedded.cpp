// Tasks per second through fanmill::Pipeline, the library as a program embeds it: payloads are submitted from
// memory on one thread, a handler gives each back, and a callback counts them.
//
//   embedded [--workers N] [--count N] [--size BYTES]
//
// From the first task submitted to the last result delivered: what raw_pipeline measures over inproc. Prints
// one line of JSON.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fanmill/fanmill.hpp>

int main(int argc, char** argv) {
  std::size_t workers = 2;
  std::uint64_t count = 1'000'000;
  std::size_t size = 64;
  for (int at = 1; at + 1 < argc; at += 2) {
    const std::string_view option = argv[at];
    const std::uint64_t number = std::strtoull(argv[at + 1], nullptr, 10);
    if (option == "--workers") {
      workers = number;
    } else if (option == "--count") {
      count = number;
    } else if (option == "--size") {
      size = number;
    } else {
      std::fputs("usage: embedded [--workers N] [--count N] [--size BYTES]\n", stderr);
      return 2;
    }
  }
  using Clock = std::chrono::steady_clock;
  const std::string payload(size, 'x');
  std::uint64_t bytes = 0;
  Clock::time_point last;
  const auto echo = [](const fanmill::Task& task) { return std::string(task.payload); };
  const auto receive = [&](const fanmill::Result& result) {
    bytes += result.output.size();
    if (bytes == count * size) last = Clock::now();
  };
  fanmill::PipelineOptions options;
  options.workers = workers;
  fanmill::Pipeline pipeline(echo, receive, options);
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < count; ++i) pipeline.submit(payload);
  const auto counts = pipeline.close();
  if (counts.ok != count || bytes != count * size) return 1;
  const double seconds = std::chrono::duration<double>(last - begin).count();
  std::printf("{\"workers\": %zu, \"count\": %ju, \"size\": %zu, \"seconds\": %.6f, \"rate\": %.1f}\n",
              workers, std::uintmax_t{count}, size, seconds, static_cast<double>(count) / seconds);
  return 0;
}
