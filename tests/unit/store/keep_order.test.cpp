#include <algorithm>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/resource.h>

#include "places.hpp"
#include "results.hpp"
#include <fanmill/store/stream.hpp>

namespace fanmill::store {

namespace {

const Time now{};

std::unique_ptr<Store> ordered(const std::string& path, std::size_t memory = std::size_t{64} << 20) {
  auto store = open_stream({.keep_order = true, .order_memory = memory, .file = path, .pass_stderr = false});
  store->begin(RunId{1}, "\n");
  return store;
}

std::string output_of(TaskId id) {
  return std::string(1000, static_cast<char>('a' + id % 26)) + "\n";
}

}  // namespace

TEST_CASE("keep order: what is ahead of its turn waits, and is safe at the next flush") {
  Pipe pipe;
  const auto store = ordered(pipe.path());
  store->accept(of_functions, ok(2, "two"));
  store->accept(of_functions, failed(1, wire::Cause::exit, 1, "one"));
  CHECK(taken(*store).empty());
  store->flush(now);
  CHECK(pipe.read().empty());
  SafeIds safe = taken(*store);
  CHECK(safe.ok == Ranges{{2, 2}});
  CHECK(safe.failed == Ranges{{1, 1}});
  CHECK(store->blocked_on() == -1);

  store->accept(of_functions, ok(0, "zero"));
  store->flush(now);
  CHECK(pipe.read() == "zero\none\ntwo\n");
  CHECK(taken(*store).ok == Ranges{{0, 0}});
}

TEST_CASE("keep order: any order comes out in order, with and without the temporary file") {
  const TempDirectory directory;
  const std::size_t memory = GENERATE(0, 2 << 20, 64 << 20);
  std::vector<TaskId> ids(20000);
  std::iota(ids.begin(), ids.end(), TaskId{0});
  std::shuffle(ids.begin(), ids.end(), std::mt19937(11));
  std::string expected;
  for (TaskId id = 0; id < ids.size(); ++id) expected += output_of(id);

  const auto store = ordered(directory.path("out"), memory);
  std::uint64_t safe = 0;
  for (const TaskId id : ids) {
    store->accept(of_commands, ok(id, output_of(id)));
    store->flush(now);
    for (const IdRange& range : taken(*store).ok) safe += range.count();
  }
  CHECK(safe == ids.size());
  store->finish(true);
  CHECK((directory.read("out") == expected));
}

TEST_CASE("keep order: a slow task stalls nothing, however much waits for it") {
  Pipe pipe;
  const auto store = ordered(pipe.path(), 1 << 20);
  for (TaskId id = 1; id <= 20000; ++id) {
    store->accept(of_commands, ok(id, output_of(id)));
    store->flush(now);
  }
  CHECK(store->backlog() == 0);
  CHECK(store->blocked_on() == -1);
  CHECK(taken(*store).ok == Ranges{{1, 20000}});

  // When it comes, a reader that is behind is seen as such.
  store->accept(of_commands, ok(0, output_of(0)));
  store->flush(now);
  CHECK(store->blocked_on() != -1);
  CHECK(store->backlog() > 10 << 20);
  std::string all;
  while (store->blocked_on() != -1) {
    all += pipe.read();
    store->flush(now);
  }
  all += pipe.read();
  std::string expected;
  for (TaskId id = 0; id <= 20000; ++id) expected += output_of(id);
  CHECK((all == expected));
  CHECK(store->backlog() == 0);
}

TEST_CASE("keep order: one flush empties a large file by portions, and asks to be called again") {
  const TempDirectory directory;
  const auto store = ordered(directory.path("out"), 1 << 20);
  for (TaskId id = 1; id <= 20000; ++id) store->accept(of_commands, ok(id, output_of(id)));
  store->accept(of_commands, ok(0, output_of(0)));
  int flushes = 0;
  do {
    store->flush(now);
    ++flushes;
    // The disk is not behind: results can be taken on.
    REQUIRE(store->backlog() == 0);
  } while (store->blocked_on() != -1);
  CHECK(flushes > 2);
  CHECK(directory.read("out.partial").size() == 20001 * output_of(0).size());
}

TEST_CASE("keep order: a run that was cut short writes what it has, in order") {
  const TempDirectory directory;
  const auto store = ordered(directory.path("out"));
  for (const TaskId id : {7, 3, 0, 5}) store->accept(of_functions, ok(id, std::to_string(id)));
  store->finish(false);
  CHECK(directory.read("out.partial") == "0\n3\n5\n7\n");
  CHECK_FALSE(directory.has("out"));
  CHECK(taken(*store).ok == Ranges{{7, 7}, {3, 3}, {5, 5}, {0, 0}});
}

TEST_CASE("keep order: stderr keeps the order too") {
  Pipe out;
  Pipe errors;
  const InPlaceOf guard(STDERR_FILENO, errors.fd());
  const auto store = open_stream({.keep_order = true, .file = out.path()});
  store->begin(RunId{1}, "\n");
  store->accept(of_commands, with_stderr(1, "b", "two\n"));
  store->flush(now);
  CHECK(errors.read().empty());
  store->accept(of_commands, with_stderr(0, "a", "one\n"));
  store->flush(now);
  CHECK(out.read() == "ab");
  CHECK(errors.read() == "one\ntwo\n");
}

TEST_CASE("keep order: what the temporary file cannot take is not safe") {
  Pipe pipe;
  std::signal(SIGXFSZ, SIG_IGN);
  const auto store = ordered(pipe.path(), 0);
  store->accept(of_commands, ok(1, std::string(2 << 20, 'x')));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  rlimit small = before;
  small.rlim_cur = 1000;
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text = error_of([&] { store->flush(now); });
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK_THAT(text, Catch::Matchers::Contains("file too large; TMPDIR"));
  CHECK(taken(*store).empty());
}

}  // namespace fanmill::store
