// What does a task cost in the dispatcher and in the sets of ids? The way of a task in batches, and ids that
// come in order, in batches from several workers, or one by one from anywhere.
//
// `items_per_second` is tasks or ids per second.

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <fanmill/base/ranges.hpp>
#include <fanmill/core/dispatcher.hpp>

namespace {

using namespace fanmill;
using core::Dispatcher;

const std::string payload(64, 'x');

// Read, handed out to range(0) lanes, acknowledged batch by batch.
void task_through_dispatcher(benchmark::State& state) {
  Dispatcher dispatcher(Dispatcher::Settings{});
  for (std::int64_t lane = 0; lane < state.range(0); ++lane) {
    dispatcher.open({.slots = 1, .max_batch = 8192});
  }
  Time now = Time{} + std::chrono::seconds(1);
  Dispatcher::Handout handout;
  std::vector<IdRange> ids;
  for (auto _ : state) {
    while (dispatcher.wants_input()) dispatcher.add(payload);
    while (dispatcher.next(handout)) {
      ids.clear();
      for (const wire::TaskBlock& block : handout.blocks) {
        append_neighbours(ids, {block.first, block.first + block.cuts.size() - 1});
      }
      now += std::chrono::microseconds(10);
      dispatcher.acknowledge(ids, now);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(dispatcher.acknowledged()));
}

void ids_in_order(benchmark::State& state) {
  IdSet set;
  TaskId next = 0;
  for (auto _ : state) benchmark::DoNotOptimize(set.add(next++));
  state.SetItemsProcessed(state.iterations());
}

// 64 ids at a time, from range(0) workers that are at different places.
void ids_in_batches(benchmark::State& state) {
  IdSet set;
  constexpr TaskId batch = 64;
  const auto workers = static_cast<TaskId>(state.range(0));
  TaskId number = 0;
  for (auto _ : state) {
    const TaskId row = number / workers * workers;
    const TaskId first = (row + (number * 7919) % workers) * batch;
    benchmark::DoNotOptimize(set.add(IdRange{first, first + batch - 1}));
    ++number;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

// Each id of a window of range(0), in an order drawn once.
void ids_from_anywhere(benchmark::State& state) {
  std::vector<TaskId> order(static_cast<std::size_t>(state.range(0)));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), std::mt19937(1));
  IdSet set;
  std::size_t at = 0;
  TaskId base = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(set.add(base + order[at]));
    if (++at < order.size()) continue;
    at = 0;
    base += order.size();
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(task_through_dispatcher)->Arg(1)->Arg(2)->Arg(16)->Arg(256)->Arg(4096);
BENCHMARK(ids_in_order);
BENCHMARK(ids_in_batches)->Arg(2)->Arg(64);
BENCHMARK(ids_from_anywhere)->Arg(1024)->Arg(131072);

}  // namespace

BENCHMARK_MAIN();
