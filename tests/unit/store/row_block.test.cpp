#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "places.hpp"
#include "played_run.hpp"
#include <fanmill/store/row_block.hpp>

namespace fanmill::store {

namespace {

std::string number(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

constexpr std::uint64_t failed_bits = std::uint64_t{1} << 62;

}  // namespace

TEST_CASE("row block: neighbours of the same outcome are one run, and read back") {
  RowBlock block;
  for (const std::uint64_t row : {7, 8, 9}) block.add(row, Key{1, row}, row + 3, Outcome::ok);
  block.add(10, Key{2, 2}, 13, Outcome::failed);
  block.add(11, Key{2, 3}, 20, Outcome::failed);
  CHECK(block.first() == 7);
  CHECK(block.count() == 5);
  CHECK(block.keys().size() == 5 * 16);
  CHECK(block.tasks() ==
        number(10) + number(3) + number(13 | failed_bits) + number(1) + number(20 | failed_bits) + number(1));
  const auto runs = read_tasks(block.tasks(), block.count());
  REQUIRE(runs);
  REQUIRE(runs->size() == 3);
  CHECK((*runs)[0].tasks == IdRange{10, 12});
  CHECK((*runs)[0].outcome == Outcome::ok);
  CHECK((*runs)[2].tasks == IdRange{20, 20});
  CHECK((*runs)[2].outcome == Outcome::failed);
}

TEST_CASE("row block: a row that does not follow begins another, one without a key ends it") {
  RowBlock block;
  block.add(1, Key{1, 1}, 0, Outcome::ok);
  block.add(3, Key{1, 1}, 1, Outcome::ok);
  CHECK(block.first() == 3);
  CHECK(block.count() == 1);
  block.add(4, std::nullopt, 2, Outcome::ok);
  CHECK(block.count() == 0);
  block.add(5, Key{1, 1}, 3, Outcome::ok);
  CHECK(block.first() == 5);
  CHECK(block.count() == 1);
}

TEST_CASE("row block: what cannot have been written is not read") {
  const std::string good = number(5) + number(3);
  CHECK(read_tasks(good, 3));
  CHECK_FALSE(read_tasks(good, 2));
  CHECK_FALSE(read_tasks(good, 4));
  CHECK_FALSE(read_tasks(good + "x", 3));
  CHECK_FALSE(read_tasks(good.substr(0, 15), 3));
  CHECK_FALSE(read_tasks(number(5) + number(0), 0));
  CHECK_FALSE(read_tasks(number(5 | std::uint64_t{3} << 62) + number(3), 3));
  CHECK_FALSE(read_tasks(number(max_task_id) + number(2), 2));
  CHECK(read_tasks(number(max_task_id) + number(1), 1));
  CHECK_FALSE(read_tasks(number(0) + number(~std::uint64_t{0}), ~std::uint64_t{0}));
  CHECK(read_tasks("", 0));
}

// Runs over one file, as sinks that live, die and come back would leave it; then the same rows are read by
// their blocks and by themselves. What either says of each task is the same.
TEST_CASE("row block: what blocks say is what the rows say") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U);
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t most) { return std::size_t{random() % most}; };
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  constexpr std::size_t items = 12'000;
  std::vector<Key> keys;
  // As hashes are: in all of the high half.
  const auto key = [&] { return Key{std::uint64_t{random()} << 32 | random(), below(items)}; };
  for (std::size_t i = 0; i < items; ++i) keys.push_back(key());
  std::uint64_t run = 0;
  std::vector<std::uint64_t> unfinished;  // tasks of the run that were announced and have no outcome
  for (int sink = 0; sink < 8; ++sink) {
    const bool last = sink == 7;  // it leaves some blocks, whatever was before
    const auto store = open_results_file(
        {.path = path, .mode = !last && below(4) == 0 ? ResultsMode::retry_failed : ResultsMode::resume});
    for (std::size_t lives = 1 + below(2); lives-- > 0;) {
      const bool goes_on = !last && run != 0 && below(2) == 0;
      if (!goes_on) {
        ++run;
        // The input is edited between runs.
        const std::size_t from = last ? 0 : below(items);
        for (std::size_t i = from; i < std::min(items, from + (last ? 4000 : below(6000))); ++i)
          keys[i] = key();
      }
      store->begin(RunId{run}, "\n");
      const SafeIds stored = store->stored();
      std::vector<bool> has(items);
      for (const auto* ids : {&stored.ok, &stored.failed, &stored.dead}) {
        for (const IdRange& range : *ids) {
          for (TaskId id = range.first; id <= range.last; ++id) has[id] = true;
        }
      }
      Announced answer;
      for (TaskId id = 0; id < items; ++id) {
        if (!has[id]) store->announce(id, std::span(keys).subspan(id, 1), answer);
      }
      std::size_t left = last ? items : below(items);
      std::size_t commit = 1 + below(5000);
      std::size_t since = 0;
      for (const IdRange& range : answer.fresh) {
        for (TaskId id = range.first; id <= range.last && left > 0; ++id, --left) {
          if (below(9) == 0) continue;
          store->accept(of_functions, below(5000) == 0 ? failed(id, wire::Cause::exit, 1, "x") : ok(id, "x"));
          if (++since == commit) {
            store->flush(Time{});
            since = 0;
            commit = 1 + below(5000);
          }
        }
      }
      store->flush(Time{});
    }
  }
  const auto answers = [&](std::uint64_t begun, ResultsMode mode, const std::string& of) {
    const auto store = open_results_file({.path = of, .mode = mode});
    store->begin(RunId{begun}, "\n");
    const SafeIds stored = store->stored();
    Announced answer;
    std::vector<std::vector<IdRange>> all{stored.ok, stored.failed, stored.dead};
    IdSet known;
    for (const auto& ranges : all) {
      for (const IdRange& range : ranges) known.add(range);
    }
    for (TaskId id = 0; id < items; ++id) {
      if (!known.contains(id)) store->announce(id, std::span(keys).subspan(id, 1), answer);
    }
    for (const auto& [range, outcome] : answer.bound) {
      all.push_back({range, {static_cast<TaskId>(outcome), static_cast<TaskId>(outcome)}});
    }
    all.push_back(answer.fresh);
    return all;
  };
  CHECK(ask(path, "SELECT sum(count) > 2000 FROM block") == "1");
  // Each block is of rows that are there, and says what they say.
  CHECK(ask(path,
            "SELECT count(*) FROM block b WHERE count <> (SELECT count(*) FROM result r "
            "WHERE r.id BETWEEN b.first AND b.first + b.count - 1 AND r.run = b.run)") == "0");
  CHECK(ask(path,
            "SELECT count(*) FROM block b JOIN block_keys k USING (first) "
            "JOIN result r ON r.id BETWEEN b.first AND b.first + b.count - 1 "
            "WHERE substr(k.keys, 1 + 16 * (r.id - b.first), 16) <> r.key") == "0");
  for (const std::uint64_t begun : {run, run + 1}) {
    for (const ResultsMode mode : {ResultsMode::resume, ResultsMode::retry_failed}) {
      directory.write("with.db", directory.read("x.db"));
      directory.write("without.db", directory.read("x.db"));
      change(directory.path("without.db"), "DELETE FROM block");
      CHECK(answers(begun, mode, directory.path("with.db")) ==
            answers(begun, mode, directory.path("without.db")));
    }
  }
}

TEST_CASE("row block: who deletes or changes a row is believed, during a run too") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  std::vector<std::string> items;
  for (int i = 0; i < 3000; ++i) items.push_back("item " + std::to_string(i));
  const std::vector<Key> keys = keys_of(items);
  Announced answer;
  {
    const auto store = open_results_file({.path = path});
    store->begin(RunId{1}, "\n");
    store->announce(0, keys, answer);
    for (TaskId id = 0; id < 500; ++id) store->accept(of_functions, ok(id, "x"));
    store->flush(Time{});
    SECTION("while the rows have no block yet") {
      change(path, "DELETE FROM result WHERE task = 77");
    }
    for (TaskId id = 500; id < 3000; ++id) store->accept(of_functions, ok(id, "x"));
    store->finish(true);
  }
  SECTION("one is deleted") {
    CHECK(ask(path, "SELECT group_concat(count) FROM block") == "3000");
    change(path, "DELETE FROM result WHERE task = 77");
  }
  SECTION("one has another key") {
    change(path, "UPDATE result SET key = zeroblob(16) WHERE task = 77");
  }
  CHECK(ask(path, "SELECT count(*) FROM block") == "0");
  const auto store = open_results_file({.path = path, .mode = ResultsMode::resume});
  store->begin(RunId{2}, "\n");
  answer.clear();
  store->announce(0, keys, answer);
  CHECK(answer.fresh == std::vector<IdRange>{{77, 77}});
}

TEST_CASE("row block: one that makes no sense is damage") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  {
    PlayedRun playing(path, ResultsMode::create, RunId{1});
    playing.play({"a", "b", "c"});
    playing.finish(3);
  }
  const std::string keys = "zeroblob(32)";
  const std::string tasks = "x'00000000000000000200000000000000'";
  const std::string wrong = directory.path("wrong.db");
  const auto refusal = [&](const std::string& blocks, const std::string& their_keys, std::uint64_t run = 2) {
    directory.write("wrong.db", directory.read("x.db"));
    change(wrong, ("INSERT INTO block VALUES " + blocks).c_str());
    change(wrong, ("INSERT INTO block_keys SELECT first, " + their_keys + " FROM block").c_str());
    return error_of([&] { PlayedRun(wrong, ResultsMode::resume, RunId{run}); });
  };
  CHECK(refusal("(1, 1, 2, " + tasks + ")", keys).empty());
  const auto damaged = [&](const std::string& first) {
    return "cannot write results to '" + wrong + "': it is damaged: the block of result " + first +
           " makes no sense";
  };
  CHECK(refusal("(3, 1, 2, " + tasks + ")", keys) == damaged("3"));  // of a row that is not there
  CHECK(refusal("(0, 1, 2, " + tasks + ")", keys) == damaged("0"));
  CHECK(refusal("(1, 1, 1, " + tasks + ")", keys) == damaged("1"));
  CHECK(refusal("(1, 1, 2, x'00')", keys) == damaged("1"));
  CHECK(refusal("(1, 1, 2, " + tasks + "), (2, 1, 2, " + tasks + ")", keys) == damaged("2"));
  CHECK(refusal("(1, 1, 2, " + tasks + ")", "zeroblob(31)") == damaged("1"));
  change(wrong, "DELETE FROM block_keys");
  CHECK(error_of([&] { PlayedRun(wrong, ResultsMode::resume, RunId{3}); }) == damaged("1"));
  // A sink that goes on with its run asks nothing of the keys.
  CHECK(refusal("(1, 1, 2, " + tasks + ")", "zeroblob(31)", 1).empty());
}

TEST_CASE("row block: its keys go with it") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  {
    const auto store = open_results_file({.path = path});
    store->begin(RunId{1}, "\n");
    const std::vector<Key> keys(2000);
    Announced answer;
    store->announce(0, keys, answer);
    for (TaskId id = 0; id < keys.size(); ++id) store->accept(of_functions, ok(id, "x"));
    store->flush(Time{});
    store->finish(false);
  }
  CHECK(ask(path, "SELECT count(*) FROM block JOIN block_keys USING (first)") == "1");
  change(path, "DELETE FROM result WHERE id = 7");
  CHECK(ask(path, "SELECT count(*) FROM block") == "0");
  CHECK(ask(path, "SELECT count(*) FROM block_keys") == "0");
}

}  // namespace fanmill::store
