#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "places.hpp"
#include "played_run.hpp"
#include <fanmill/store/results_schema.hpp>

namespace fanmill::store {

namespace {
using Items = std::vector<std::string>;
constexpr ResultsMode create = ResultsMode::create;
constexpr ResultsMode resume = ResultsMode::resume;
constexpr ResultsMode retry_failed = ResultsMode::retry_failed;
}  // namespace

TEST_CASE("results file: nothing is safe before flush, and what is safe is what others can read") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  store->accept(of_commands, ok(3, "three"));
  store->accept(of_commands, ok(4, "four"));
  store->accept(of_commands, failed(0, wire::Cause::exit, 2));
  store->accept(of_commands, dead(1));
  CHECK(taken(*store).empty());
  CHECK(store->backlog() > 0);
  CHECK(ask(path, "SELECT count(*) FROM result") == "0");

  store->flush(Time{});
  CHECK(ask(path, "SELECT count(*) FROM result") == "4");
  const SafeIds safe = taken(*store);
  CHECK(safe.ok == Ranges{{3, 4}});
  CHECK(safe.failed == Ranges{{0, 0}});
  CHECK(safe.dead == Ranges{{1, 1}});
  CHECK(taken(*store).empty());
  CHECK(store->backlog() == 0);
}

TEST_CASE("results file: a row has everything that the result had") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const auto store =
      open_results_file({.path = path, .command = "gzip -k {}", .host = "head", .version = "7"});
  store->begin(RunId{0xAB}, std::string(1, '\0'));
  Announced answer;
  const std::vector<Key> keys{{0x0102030405060708, 0x090A0B0C0D0E0F10}};
  store->announce(0, keys, answer);
  CHECK(answer.fresh == Ranges{{0, 0}});
  wire::ResultView result = failed(0, wire::Cause::exit, 3, "out");
  result.attempt = 2;
  result.detail->slot = 4;
  result.detail->started = 1'700'000'000'123'456;
  result.detail->took = 2'500'000;
  result.detail->item = "holiday.jpg";
  result.detail->stderr_text = "no\n";
  result.detail->stdout_dropped = 5;
  result.detail->stderr_dropped = 6;
  store->accept(of_commands, result);
  result = failed(1, wire::Cause::signal, 9);
  store->accept(of_functions, result);
  result = failed(2, wire::Cause::error, 0);
  result.detail->error = "no such file";
  store->accept({RunId{0xAB}, LaneToken{1}, "", false}, result);
  store->accept(of_commands, failed(3, wire::Cause::timeout, 0));
  store->accept(of_commands, dead(4));
  store->set_count(5);
  store->finish(true);

  CHECK(ask(path,
            "SELECT printf('%d %d %s %s %d %d %d %s', run, task, hex(key), outcome, attempts, exit, slot, "
            "item) "
            "FROM result WHERE id = 1") == "1 0 0102030405060708090A0B0C0D0E0F10 failed 3 3 4 holiday.jpg");
  CHECK(
      ask(path,
          "SELECT printf('%.6f %.6f %d %d %s %s', started, seconds, output_dropped, stderr_dropped, stderr, "
          "output) FROM result WHERE id = 1") == "1700000000.123456 2.500000 5 6 no\n out");
  CHECK(ask(path, "SELECT exit IS NULL FROM result WHERE id = 2") == "1");
  CHECK(ask(path, "SELECT signal FROM result WHERE id = 2") == "9");
  CHECK(ask(path, "SELECT error FROM result WHERE id = 3") == "no such file");
  CHECK(ask(path, "SELECT worker IS NULL FROM result WHERE id = 3") == "1");
  CHECK(ask(path, "SELECT error FROM result WHERE id = 4") == "timed out");
  CHECK(ask(path, "SELECT error FROM result WHERE id = 5") == "the workers that ran it died");
  CHECK(ask(path, "SELECT group_concat(name || records) FROM worker") == "host:10,host:11");
  CHECK(ask(path,
            "SELECT printf('%s %d %d %s %s %s %s', name, tasks, complete, hex(delimiter), command, host, "
            "version) "
            "FROM run") == "00000000000000ab 5 1 00 gzip -k {} head 7");
  CHECK(ask(path, "SELECT ended >= started FROM run") == "1");
}

TEST_CASE("results file: what is text can be compared with text, and every byte comes back") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  const std::vector<std::string> outputs{"plain", "", "gr\xC3\xBC\xC3\x9F", "\xFF\xFE",
                                         std::string("a\0b", 3)};
  for (TaskId id = 0; id < outputs.size(); ++id) store->accept(of_commands, ok(id, outputs[id]));
  store->finish(true);
  CHECK(ask(path, "SELECT group_concat(typeof(output)) FROM result") == "text,text,text,blob,blob");
  CHECK(ask(path, "SELECT task FROM result WHERE output = 'plain'") == "0");
  CHECK(ask(path, "SELECT group_concat(hex(output)) FROM result") == "706C61696E,,6772C3BCC39F,FFFE,610062");
}

TEST_CASE("results file: a finished one is a single file, out of WAL mode") {
  const TempDirectory directory;
  played(directory.path("x.db"), create, 1, {"a"});
  CHECK(directory.has("x.db"));
  CHECK_FALSE(directory.has("x.db-wal"));
  CHECK_FALSE(directory.has("x.db-shm"));
  CHECK(ask(directory.path("x.db"), "PRAGMA journal_mode") == "delete");
}

TEST_CASE("results file: somebody who reads it while it is finished does no harm") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  PlayedRun run(path, create, RunId{1});
  run.play({"a", "b"});
  SqliteFile reader(path, SqliteFile::Access::read);
  reader.run("BEGIN");
  CHECK(reader.number("SELECT count(*) FROM result") == 2);
  run.finish(2);
  CHECK(reader.number("SELECT count(*) FROM result") == 2);
  reader.run("COMMIT");
  CHECK(reader.number("SELECT complete FROM run") == 1);
}

TEST_CASE("results file: one in which no run began goes away, one that was there stays") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  static_cast<void>(open_results_file({.path = path}));
  CHECK_FALSE(directory.has("x.db"));
  CHECK_FALSE(directory.has("x.db-wal"));
  played(path, create, 1, {"a"});
  static_cast<void>(open_results_file({.path = path, .mode = resume}));
  CHECK(last_run(path) == "a");
}

TEST_CASE("resume: a file that is not there, or empty, is a first start") {
  const TempDirectory directory;
  CHECK(played(directory.path("new.db"), resume, 1, {"a", "b"}) == Items{"a", "b"});
  CHECK(played(directory.path("new2.db"), retry_failed, 1, {"a"}) == Items{"a"});
  directory.write("empty.db", "");
  CHECK(played(directory.path("empty.db"), resume, 1, {"a"}) == Items{"a"});
  CHECK(last_run(directory.path("empty.db")) == "a");
}

TEST_CASE("resume: the same input again runs nothing, and again") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a", "b", "c"}, {"b"});
  for (std::uint64_t run = 2; run < 5; ++run) {
    CHECK(played(path, resume, run, {"a", "b", "c"}).empty());
    CHECK(last_run(path) == "a b! c");
  }
  CHECK(ask(path, "SELECT count(*) FROM result") == "3");
}

TEST_CASE("resume: bound tasks are said by outcome, and safe once they are on disk") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a", "b", "c", "d"}, {"b"});
  PlayedRun run(path, resume, RunId{2});
  Announced answer;
  const std::vector<Key> keys = keys_of({"a", "c", "new", "b", "d"});
  run.store().announce(10, keys, answer);
  CHECK(answer.bound == std::vector<std::pair<IdRange, Outcome>>{
                            {{10, 11}, Outcome::ok}, {{13, 13}, Outcome::failed}, {{14, 14}, Outcome::ok}});
  CHECK(answer.fresh == Ranges{{12, 12}});
  CHECK(taken(run.store()).empty());
  CHECK(ask(path, "SELECT count(*) FROM bound") == "0");
  run.store().flush(Time{});
  CHECK(ask(path, "SELECT sum(count) FROM bound") == "4");
  const SafeIds safe = taken(run.store());
  CHECK(safe.ok == Ranges{{10, 11}, {14, 14}});
  CHECK(safe.failed == Ranges{{13, 13}});
}

TEST_CASE("resume: an input that was edited, moved, grown and shrunk runs only what is new") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a", "b", "c", "d"});
  CHECK(played(path, resume, 2, {"d", "b", "x", "a", "y"}) == Items{"x", "y"});
  CHECK(last_run(path) == "d b x a y");
  CHECK(played(path, resume, 3, {"y"}).empty());
  CHECK(last_run(path) == "y");
  // What was left out is not forgotten.
  CHECK(played(path, resume, 4, {"c", "a", "z", "b", "d"}) == Items{"z"});
  CHECK(last_run(path) == "c a z b d");
}

TEST_CASE("resume: each copy of an item that is repeated has its own row") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  CHECK(played(path, create, 1, {"a", "a", "b"}).size() == 3);
  CHECK(played(path, resume, 2, {"a", "b", "a", "a", "b"}) == Items{"a", "b"});
  CHECK(last_run(path) == "a b a a b");
  CHECK(ask(path, "SELECT count(DISTINCT result) FROM last_run") == "5");
  CHECK(played(path, resume, 3, {"a"}).empty());
  CHECK(played(path, resume, 4, {"b", "b", "b", "a", "a", "a"}) == Items{"b"});
}

TEST_CASE("resume: a run that was cut off goes on where it was") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const Items items{"a", "b", "c", "d", "e"};
  { PlayedRun(path, create, RunId{1}).play(items, 3); }
  CHECK(ask(path, "SELECT complete || ifnull(ended, '-') || ifnull(tasks, '-') FROM run") == "0--");
  CHECK(played(path, resume, 2, items) == Items{"d", "e"});
  CHECK(last_run(path) == "a b c d e");
  CHECK(ask(path, "SELECT group_concat(run) FROM result") == "1,1,1,2,2");
}

TEST_CASE("retry-failed: the new outcome stands in place of the old one") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a", "b", "c", "d"}, {"b", "d"});
  CHECK(played(path, retry_failed, 2, {"a", "b", "c", "d"}, {"d"}) == Items{"b", "d"});
  CHECK(last_run(path) == "a b c d!");
  CHECK(ask(path, "SELECT count(*) FROM result") == "4");
  CHECK(played(path, resume, 3, {"a", "b", "c", "d"}).empty());
  CHECK(played(path, retry_failed, 4, {"d", "a"}) == Items{"d"});
  CHECK(last_run(path) == "d a");
  CHECK(ask(path, "SELECT count(*) FROM result WHERE outcome <> 'ok'") == "0");
}

TEST_CASE("retry-failed: what was not run again yet keeps its old outcome") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const Items items{"a", "b", "c"};
  played(path, create, 1, items, {"a", "b", "c"});
  { PlayedRun(path, retry_failed, RunId{2}).play(items, 1); }
  CHECK(ask(path, "SELECT count(*) FROM result") == "3");
  CHECK(played(path, resume, 3, items).empty());
  CHECK(last_run(path) == "a b! c!");
}

TEST_CASE("retry-failed: of a repeated item with both outcomes the ok one is taken first") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  Announced answer;
  store->announce(0, keys_of({"a", "a"}), answer);
  store->accept(of_commands, failed(0, wire::Cause::exit, 1));
  store->accept(of_commands, ok(1, "good"));
  store->finish(true);
  CHECK(played(path, retry_failed, 2, {"a"}).empty());
  CHECK(ask(path, "SELECT output FROM last_run") == "good");
  CHECK(played(path, retry_failed, 3, {"a", "a"}) == Items{"a"});
  CHECK(ask(path, "SELECT count(*) FROM result") == "2");
}

TEST_CASE("restart: the same run finds what it had, made and bound, and binds neither again") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a", "b", "c"}, {"c"});
  const Items items{"c", "x", "y", "a", "a"};
  { PlayedRun(path, resume, RunId{2}).play(items, 1); }  // c, a bound; x ran; y, the second a did not

  for (const ResultsMode mode : {resume, retry_failed}) {
    PlayedRun again(path, mode, RunId{2});
    const SafeIds stored = again.store().stored();
    CHECK(stored.ok == Ranges{{1, 1}, {3, 3}});
    CHECK(stored.failed == Ranges{{0, 0}});
    CHECK(stored.dead.empty());
  }
  PlayedRun again(path, resume, RunId{2});
  again.play(items);
  CHECK(again.ran() == Items{"y", "a"});
  CHECK(again.answer().bound == std::vector<std::pair<IdRange, Outcome>>{
                                    {{0, 0}, Outcome::failed}, {{1, 1}, Outcome::ok}, {{3, 3}, Outcome::ok}});
  const SafeIds safe = taken(again.store());
  CHECK(safe.ok == Ranges{{1, 1}, {3, 3}, {2, 2}, {4, 4}});
  CHECK(safe.failed == Ranges{{0, 0}});
  again.finish(items.size());
  CHECK(last_run(path) == "c! x y a a");
  CHECK(ask(path, "SELECT count(*) FROM run") == "2");
  CHECK(ask(path, "SELECT count(*) FROM result") == "6");
}

TEST_CASE(
    "restart: one run after the other in the same process, each takes over what all before have stored") {
  for (const ResultsMode mode : {create, resume, retry_failed}) {
    const TempDirectory directory;
    const std::string path = directory.path("x.db");
    const auto store = open_results_file({.path = path, .mode = mode});
    const auto run = [&](std::uint64_t name, const Items& items, const Items& expected, const char* failing) {
      CAPTURE(static_cast<int>(mode), name);
      store->begin(RunId{name}, "\n");
      CHECK(store->stored().empty());
      Announced answer;
      store->announce(0, keys_of(items), answer);
      Items ran;
      for (const IdRange& range : answer.fresh) {
        for (TaskId id = range.first; id <= range.last; ++id) {
          ran.push_back(items[id]);
          store->accept(of_functions, items[id] == failing ? failed(id, wire::Cause::exit, 1, items[id])
                                                           : ok(id, items[id]));
        }
      }
      CHECK(ran == expected);
      store->flush(Time{});
    };
    run(1, {"a", "b", "a"}, {"a", "b", "a"}, "b");
    run(2, {"b", "a", "c"}, mode == retry_failed ? Items{"b", "c"} : Items{"c"}, "b");
    run(3, {"a", "b", "a", "c", "c"}, mode == retry_failed ? Items{"b", "c"} : Items{"c"}, "");
    run(4, {"a", "a", "a", "b", "c", "c", "d"}, {"a", "d"}, "");
    store->finish(true);
    CHECK(ask(path, "SELECT count(*) FROM result") == "7");
    CHECK(ask(path, "SELECT group_concat(output || ' ' || outcome, ', ') FROM last_run") ==
          std::string("a ok, a ok, a ok, b ") + (mode == retry_failed ? "ok" : "failed") +
              ", c ok, c ok, d ok");
  }
}

TEST_CASE("restart: another run may begin in the same process after all was closed") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  PlayedRun run(path, create, RunId{1});
  run.play({"a", "b"});
  run.finish(2);
  CHECK(played(path, resume, 2, {"b", "c"}) == Items{"c"});  // somebody else has it meanwhile
  run.store().begin(RunId{3}, "\n");
  CHECK(run.store().stored().empty());
  Announced answer;
  run.store().announce(0, keys_of({"c", "a", "d"}), answer);
  CHECK(answer.bound == std::vector<std::pair<IdRange, Outcome>>{{{0, 1}, Outcome::ok}});
  CHECK(answer.fresh == Ranges{{2, 2}});
  CHECK_FALSE(error_of([&] { PlayedRun(path, resume, RunId{4}); }).empty());  // it is taken again
  run.store().flush(Time{});
  run.store().finish(false);
  CHECK(last_run(path) == "c a");
}

TEST_CASE("resume: neighbours that find neighbours are bound together, and read back as they were") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a", "b", "c", "d", "e", "f"}, {"d"});
  const Items items{"b", "c", "d", "e", "x", "f", "a"};
  { PlayedRun(path, resume, RunId{2}).play(items, 0); }
  CHECK(ask(path, "SELECT group_concat(task || ' ' || result || ' ' || count, ', ') FROM bound") ==
        "0 2 2, 2 4 1, 3 5 1, 5 6 1, 6 1 1");
  PlayedRun again(path, resume, RunId{2});
  const SafeIds stored = again.store().stored();
  CHECK(stored.ok == Ranges{{0, 1}, {3, 3}, {5, 6}});
  CHECK(stored.failed == Ranges{{2, 2}});
  // What the last run had bound is there for the next one too.
  again.store().begin(RunId{3}, "\n");
  CHECK(again.store().stored().empty());
  Announced answer;
  again.store().announce(0, keys_of({"f", "e", "d", "c", "b", "a"}), answer);
  CHECK(answer.fresh.empty());
  again.store().flush(Time{});
  CHECK(last_run(path) == "f e d! c b a");
}

TEST_CASE("restart: another run in the same process takes over what there is, whatever the mode") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  PlayedRun run(path, create, RunId{1});
  run.play({"a", "b"});
  CHECK(run.store().stored().empty());
  run.store().begin(RunId{2}, "\n");
  Announced answer;
  run.store().announce(0, keys_of({"b", "c"}), answer);
  CHECK(answer.bound.size() == 1);
  CHECK(answer.fresh == Ranges{{1, 1}});
  run.store().flush(Time{});
  CHECK(ask(path, "SELECT group_concat(id) FROM run") == "1,2");
  CHECK(last_run(path) == "b");
}

TEST_CASE("restart: a run that another one has followed cannot go on") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  played(path, create, 1, {"a"});
  played(path, resume, 2, {"a"});
  CHECK(error_of([&] { PlayedRun(path, resume, RunId{1}); }) ==
        "cannot write results to '" + path +
            "': another run has begun in it since this one; start the ventilator again");
}

TEST_CASE("results file: a result that was never announced is stored, and never found by key") {
  const TempDirectory directory;
  const std::string path = directory.path("x.db");
  const auto store = open_results_file({.path = path});
  store->begin(RunId{1}, "\n");
  store->accept(of_commands, ok(0, "x"));
  store->finish(true);
  CHECK(ask(path, "SELECT key IS NULL FROM result") == "1");
  CHECK(played(path, resume, 2, {"a"}) == Items{"a"});
}

}  // namespace fanmill::store
