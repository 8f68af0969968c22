// What does a task cost in a frame? Batches of 64-byte payloads, written and read, per task.
//
// `items_per_second` is tasks per second. A frame's allocation is in the figure: take() hands the string
// over, and the next begin() makes another.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <fanmill/wire/batch.hpp>

namespace {

using namespace fanmill;
using namespace fanmill::wire;

constexpr std::size_t payload_bytes = 64;
constexpr TaskId first_id = 1'000'000;  // ids of a run well under way

const std::string payload(payload_bytes, 'x');

// As they lie in the ventilator's pages: lines with their ends.
struct Lines {
  explicit Lines(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      cuts.push_back({static_cast<std::uint32_t>(text.size()), payload_bytes});
      text += payload + '\n';
    }
  }
  std::string text;
  std::vector<Cut> cuts;
};

[[nodiscard]] Bytes tasks_frame(TasksWriter& writer, const Lines& lines) {
  writer.begin({.run = RunId{0x1122334455667788}, .token = LaneToken{0x99aabbccddeeff00}});
  writer.add(TaskBlock{first_id, 0, lines.text.data(), lines.cuts});
  return writer.take();
}

[[nodiscard]] Bytes results_frame(ResultsWriter& writer, std::size_t count,
                                  const std::optional<Detail>& detail) {
  writer.begin({.run = RunId{0x1122334455667788},
                .token = LaneToken{0x99aabbccddeeff00},
                .worker = "host:12345",
                .records = true},
               "\n");
  ResultView result{
      .id = first_id, .attempt = 0, .outcome = Outcome::ok, .output = payload, .detail = detail};
  for (const TaskId end = first_id + count; result.id < end; ++result.id) writer.add(result);
  return writer.take();
}

[[nodiscard]] Detail full_detail() {
  Detail detail;
  detail.slot = 3;
  detail.started = 1'700'000'000'000'000;
  detail.took = 1500;
  detail.item = payload;
  return detail;
}

void per_task(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void encode_tasks(benchmark::State& state) {
  TasksWriter writer;
  const Lines lines(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    Bytes frame = tasks_frame(writer, lines);
    benchmark::DoNotOptimize(frame.data());
  }
  per_task(state);
}

void decode_tasks(benchmark::State& state) {
  TasksWriter writer;
  const Bytes frame = tasks_frame(writer, Lines(static_cast<std::size_t>(state.range(0))));
  TaskBatch tasks;
  for (auto _ : state) {
    if (!wire::decode_tasks(frame, tasks)) state.SkipWithError("a frame of our own was not taken");
    benchmark::DoNotOptimize(tasks.size());
  }
  per_task(state);
}

void encode_results(benchmark::State& state) {
  ResultsWriter writer;
  for (auto _ : state) {
    Bytes frame = results_frame(writer, static_cast<std::size_t>(state.range(0)), std::nullopt);
    benchmark::DoNotOptimize(frame.data());
  }
  per_task(state);
}

void decode_results_frame(benchmark::State& state, ByteView frame) {
  std::vector<ResultView> results;
  for (auto _ : state) {
    if (!wire::decode_results(frame, results)) state.SkipWithError("a frame of our own was not taken");
    benchmark::DoNotOptimize(results.data());
  }
  per_task(state);
}

void decode_results(benchmark::State& state) {
  ResultsWriter writer;
  decode_results_frame(state, results_frame(writer, static_cast<std::size_t>(state.range(0)), std::nullopt));
}

void decode_results_with_detail(benchmark::State& state) {
  ResultsWriter writer;
  decode_results_frame(state, results_frame(writer, static_cast<std::size_t>(state.range(0)), full_detail()));
}

BENCHMARK(encode_tasks)->Arg(1)->Arg(16)->Arg(1800);
BENCHMARK(decode_tasks)->Arg(1)->Arg(16)->Arg(1800);
BENCHMARK(encode_results)->Arg(1)->Arg(16)->Arg(1800);
BENCHMARK(decode_results)->Arg(1)->Arg(16)->Arg(1800);
BENCHMARK(decode_results_with_detail)->Arg(1800);

}  // namespace

BENCHMARK_MAIN();
