// What durable results cost: rows through accept() and flush(), with a real commit, and what resuming takes.

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <fanmill/store/results_file.hpp>

namespace fanmill::store {
namespace {

// As the sink's loop does it: 64 frames of 2,048 results between two commits, though no more than 4 MiB.
constexpr std::size_t frame = 2048;
constexpr std::size_t group = 64 * frame;
constexpr std::size_t most_backlog = std::size_t{4} << 20;

// Beside the benchmark, since /tmp is often no disk.
const std::string path = "bench_store.db";

void remove_all() {
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
}

std::vector<Key> random_keys(std::size_t count, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::vector<Key> keys(count);
  for (Key& key : keys) key = {random(), random()};
  return keys;
}

void fill(DurableStore& store, TaskId first, std::size_t count, const wire::ResultView& like) {
  const wire::ResultsHeader header{RunId{1}, LaneToken{1}, "host:4711", true};
  wire::ResultView result = like;
  SafeIds safe;
  for (std::size_t i = 0; i < count; ++i) {
    result.id = first + i;
    store.accept(header, result);
    if ((i + 1) % frame != 0 || store.backlog() < most_backlog) continue;
    store.flush({});
    safe = {};
    store.take_safe(safe);
  }
  store.flush({});
  safe = {};
  store.take_safe(safe);
  benchmark::DoNotOptimize(safe);
}

void rows(benchmark::State& state, const wire::ResultView& like) {
  remove_all();
  auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  const std::vector<Key> keys = random_keys(group);
  Announced answer;
  TaskId next = 0;
  for (auto _ : state) {
    answer.clear();
    store->announce(next, keys, answer);
    fill(*store, next, group, like);
    next += group;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(next));
  store->finish(true);
  remove_all();
}

void rows_of_64_bytes(benchmark::State& state) {
  const std::string output(64, 'x');
  wire::ResultView result;
  result.output = output;
  rows(state, result);
}
BENCHMARK(rows_of_64_bytes)->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(3);

void rows_of_64_bytes_with_details(benchmark::State& state) {
  const std::string output(64, 'x');
  wire::ResultView result;
  result.output = output;
  result.detail.emplace();
  result.detail->slot = 1;
  result.detail->started = 1'700'000'000'000'000;
  result.detail->took = 12;
  result.detail->item = output;
  rows(state, result);
}
BENCHMARK(rows_of_64_bytes_with_details)->Unit(benchmark::kMillisecond)->UseRealTime()->MinTime(3);

void one_row_at_a_time(benchmark::State& state) {
  remove_all();
  auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  const std::string output(64, 'x');
  wire::ResultView result;
  result.output = output;
  TaskId next = 0;
  for (auto _ : state) fill(*store, next++, 1, result);
  state.SetItemsProcessed(static_cast<std::int64_t>(next));
  store->finish(true);
  remove_all();
}
BENCHMARK(one_row_at_a_time)->Unit(benchmark::kMicrosecond)->UseRealTime();

// A million rows: until begin() is done, and until every task is bound to its old row and that is on disk.
void resume(benchmark::State& state) {
  constexpr std::size_t count = 1'000'000;
  remove_all();
  const std::vector<Key> keys = random_keys(count);
  const std::string output(64, 'x');
  {
    auto store = open_results_file({.path = path});
    store->begin(RunId{1}, "\n");
    Announced answer;
    store->announce(0, keys, answer);
    wire::ResultView result;
    result.output = output;
    fill(*store, 0, count, result);
    store->finish(true);
  }
  std::uint64_t run = 1;
  for (auto _ : state) {
    auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
    store->begin(RunId{++run}, "\n");
    Announced answer;
    for (std::size_t first = 0; state.range(0) != 0 && first < count; first += frame) {
      answer.clear();
      store->announce(first, std::span(keys).subspan(first, std::min(frame, count - first)), answer);
      if (first / frame % 16 == 15) store->flush({});
    }
    store->finish(true);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * count));
  remove_all();
}
BENCHMARK(resume)
    ->Arg(0)
    ->Arg(1)
    ->ArgName("bind")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(3);

}  // namespace
}  // namespace fanmill::store

BENCHMARK_MAIN();
