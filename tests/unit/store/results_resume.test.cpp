#include <chrono>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <malloc.h>

#include "places.hpp"
#include "played_run.hpp"

namespace fanmill::store {

namespace {

// Resident memory of this process, in bytes.
std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0;
  std::size_t pages = 0;
  statm >> all >> pages;
  return pages * 4096;
}

}  // namespace

TEST_CASE("resume: a million rows are loaded in little time and memory, and bound") {
  constexpr std::size_t count = 1'000'000;
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  std::mt19937_64 random(1);
  std::vector<Key> keys(count);
  for (Key& key : keys) key = {random(), random()};
  Announced answer;
  {
    const auto store = open_results_file({.path = path});
    store->begin(RunId{1}, "\n");
    store->announce(0, keys, answer);
    const std::string output(64, 'x');
    for (TaskId id = 0; id < count; ++id) {
      store->accept(of_functions, ok(id, output));
      if (id % 100000 == 0) store->flush(Time{});
    }
    store->finish(true);
  }
  answer.clear();
  ::malloc_trim(0);

  const std::size_t before = resident();
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
  store->begin(RunId{2}, "\n");
  const double loaded = seconds();
  const std::size_t more = resident() - before;
  for (std::size_t first = 0; first < count; first += 100000) {
    store->announce(first, std::span(keys).subspan(first, 100000), answer);
    store->flush(Time{});
  }
  const double bound = seconds() - loaded;
  WARN("a million rows: loaded in " << loaded << " s and " << more / 1048576 << " MiB, bound in " << bound
                                    << " s");
  CHECK(answer.fresh.empty());
  CHECK(answer.bound == std::vector<std::pair<IdRange, Outcome>>{{{0, count - 1}, Outcome::ok}});
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("memory is not judged: a sanitizer's own hides it");
#else
  CHECK(more < (std::size_t{64} << 20));
#endif
  // Sanitizers and other people's programs take their part.
  CHECK(loaded < 20);
  CHECK(bound < 20);
}

TEST_CASE("resume: of many rows those that are bound, of this run and of others are told apart") {
  constexpr std::size_t block = 100;
  constexpr std::size_t old = 80'000;
  constexpr std::size_t fresh = 30'000;
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  std::mt19937_64 random(1);
  std::vector<Key> keys(old + fresh);
  for (Key& key : keys) key = {random(), random()};
  // Every second block of the old ones, then the fresh ones, then what is left of the old ones.
  std::vector<Key> later;
  std::vector<Key> left;
  for (std::size_t at = 0; at < old; ++at) (at / block % 2 == 0 ? later : left).push_back(keys[at]);
  const std::size_t bound = later.size();
  later.insert(later.end(), keys.begin() + old, keys.end());
  const std::size_t done = later.size();
  later.insert(later.end(), left.begin(), left.end());
  Announced answer;
  const auto run = [&](DurableStore& store, TaskId first, TaskId end) {
    for (TaskId id = first; id < end; ++id) store.accept(of_functions, ok(id, "x"));
    store.flush(Time{});
  };
  const auto all_bound = [](TaskId first, TaskId end) {
    return std::vector<std::pair<IdRange, Outcome>>{{{first, end - 1}, Outcome::ok}};
  };
  {
    const auto store = open_results_file({.path = path});
    store->begin(RunId{1}, "\n");
    store->announce(0, std::span(keys).first(old), answer);
    run(*store, 0, old);
    store->finish(true);
  }
  {
    const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
    store->begin(RunId{2}, "\n");
    answer.clear();
    store->announce(0, std::span(later).first(done), answer);
    CHECK(answer.bound == all_bound(0, bound));
    CHECK(answer.fresh == std::vector<IdRange>{{bound, done - 1}});
    run(*store, bound, done);
  }
  {
    const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
    store->begin(RunId{2}, "\n");
    CHECK(store->stored().ok == std::vector<IdRange>{{0, done - 1}});
    answer.clear();
    store->announce(done, left, answer);
    CHECK(answer.bound == all_bound(done, later.size()));
    CHECK(answer.fresh.empty());
    store->flush(Time{});
  }
  const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
  store->begin(RunId{3}, "\n");
  CHECK(store->stored().ok.empty());
  answer.clear();
  store->announce(0, keys, answer);
  CHECK(answer.bound == all_bound(0, keys.size()));
  CHECK(answer.fresh.empty());
}

TEST_CASE("results file: without resuming nothing is kept of what is stored") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("skipped: a sanitizer's own memory hides what is measured here");
  return;
#endif
  constexpr std::size_t group = 50000;
  const TempDirectory directory;
  const auto store = open_results_file({.path = directory.path("x.db")});
  store->begin(RunId{1}, "\n");
  std::mt19937_64 random(1);
  std::vector<Key> keys(group);
  const std::string output(16, 'x');
  Announced answer;
  std::size_t before = 0;
  for (TaskId first = 0; first < 24 * group; first += group) {
    for (Key& key : keys) key = {random(), random()};
    answer.clear();
    store->announce(first, keys, answer);
    for (TaskId id = first; id < first + group; ++id) store->accept(of_functions, ok(id, output));
    store->flush(Time{});
    static_cast<void>(taken(*store));
    if (first == 7 * group) before = resident();  // SQLite's cache is full by then
  }
  // Of the 800,000 that followed, 24 bytes for each would be 19 MB.
  CHECK(resident() < before + 6'000'000);
}

}  // namespace fanmill::store
