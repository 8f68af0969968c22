#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <catch2/catch.hpp>

#include "../main/gate.hpp"
#include "ran.hpp"
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/function_runner.hpp>

using namespace fanmill;
using namespace fanmill::work;
using namespace std::chrono_literals;
using test::Gate;

namespace {

ByteView echo(ByteView payload, FunctionCall&) {
  return payload;
}

std::vector<std::string> numbered(std::size_t count) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < count; ++i) items.push_back("item " + std::to_string(i));
  return items;
}

}  // namespace

TEST_CASE("function runner: each task comes back once, with what the function made of it") {
  for (const std::size_t slots : {1, 2, 5}) {
    FunctionRunner runner(
        [](ByteView payload, FunctionCall& call) -> ByteView {
          return call.buffer().append("<").append(payload).append(">");
        },
        slots);
    CHECK(runner.slots() == slots);
    CHECK(runner.room() == slots);
    const auto items = numbered(100'000);
    std::vector<bool> seen(items.size());
    const auto results = run_all(runner, items);
    REQUIRE(results.size() == items.size());
    for (const Ran& ran : results) {
      REQUIRE_FALSE(seen[ran.id]);
      seen[ran.id] = true;
      REQUIRE(ran.output == "<" + items[ran.id] + ">");
      REQUIRE_FALSE(ran.has_detail);
    }
  }
}

TEST_CASE("function runner: one executor runs tasks in the order given") {
  std::string order;
  FunctionRunner runner(
      [&order](ByteView payload, FunctionCall&) {
        order.append(payload);
        return payload;
      },
      1);
  const auto results = run_all(runner, {"a", "b", "c", "d", "e", "f"});
  CHECK(order == "abcdef");
  for (std::size_t i = 0; i < results.size(); ++i) CHECK(results[i].id == i);
}

TEST_CASE(
    "function runner: after many short tasks the loop runs a lone one itself, where there is one slot") {
  std::thread::id ran_on;
  const auto where = [&ran_on](ByteView payload, FunctionCall& call) {
    ran_on = std::this_thread::get_id();
    if (payload == "long") static_cast<void>(call.pause(1ms));
    if (payload == "bad") throw std::runtime_error("no good");
    return payload;
  };
  const auto loop = std::this_thread::get_id();
  FunctionRunner one(where, 1);
  static_cast<void>(run_one(one, "first"));
  CHECK(ran_on != loop);
  const auto until_here = [&](FunctionRunner& runner) {
    for (int tries = 0; tries < 10'000 && ran_on != loop; ++tries)
      static_cast<void>(run_one(runner, "short"));
    return ran_on == loop;
  };
  REQUIRE(until_here(one));
  const Ran failed = run_one(one, "bad");
  CHECK(failed.outcome == Outcome::failed);
  CHECK(failed.error == "no good");
  CHECK(failed.slot == 1);

  SECTION("and no longer when one has been long") {
    CHECK(run_one(one, "long").output == "long");
    static_cast<void>(run_one(one, "short"));
    CHECK(ran_on != loop);
    CHECK(until_here(one));
  }
  SECTION("but not two at once") {
    REQUIRE(one.room() >= 2);
    one.start(handout_of({"a", "b"}), Clock::now());
    std::vector<Ran> results;
    while (results.size() < 2) collect_some(one, results);
    CHECK(ran_on != loop);
  }
  SECTION("nor where another slot could run it") {
    ran_on = {};
    FunctionRunner two(where, 2);
    for (int i = 0; i < 300; ++i) {
      static_cast<void>(run_one(two, "short"));
      REQUIRE(ran_on != loop);
    }
  }
}

TEST_CASE("function runner: outputs are records, in frames that are closed in time") {
  FunctionRunner runner(echo, 2);
  // What it has room for follows from what it has seen of these functions, and on a busy machine it sees slow
  // ones.
  constexpr std::size_t size = 40'000;
  constexpr std::size_t enough = 3 * wire::batch_bytes / size;  // more than a frame for each of the two
  std::vector<Ran> results;
  std::vector<FinishedFrame> frames;
  while (results.size() <= 1000) {
    for (int tries = 0; tries < 20 && runner.room() < enough; ++tries) {
      static_cast<void>(run_all(runner, numbered(20'000)));
    }
    const std::size_t count = runner.room();
    REQUIRE(count >= enough);
    const std::size_t results_before = results.size();
    const std::size_t frames_before = frames.size();
    runner.start(handout_of(std::vector<std::string>(count, std::string(size, 'x')), {}, results_before),
                 Clock::now());
    while (results.size() < results_before + count) collect_some(runner, results, &frames);
    CHECK(frames.size() > frames_before + 2);
  }
  for (const FinishedFrame& frame : frames) {
    std::vector<wire::ResultView> views;
    const auto header = wire::decode_results(frame.frame, views, frames_of(frame));
    REQUIRE(header);
    CHECK(header->records);
    std::size_t bytes = frame.frame.size();
    for (const ByteView more : frames_of(frame)) bytes += more.size();
    CHECK(bytes < wire::batch_bytes + 2 * size);
    CHECK(frame.count <= wire::batch_tasks);
  }
}

TEST_CASE("function runner: what a function gives back of its payload is sent from where that lies") {
  struct Lines {
    std::string bytes;
    wire::TaskBatch tasks;
  };
  constexpr std::size_t count = 100;
  constexpr std::size_t size = 10'000;  // each is worth a frame of its own
  RunContext context;
  context.delimiter = "\n";
  const auto lines_from = [&](TaskId first) {
    auto lines = std::make_shared<Lines>();
    for (std::size_t i = 0; i < count; ++i)
      lines->bytes += std::string(size, static_cast<char>('a' + i % 26)) + '\n';
    wire::Cut* cut = lines->tasks.add_neighbours(first, 0, lines->bytes.data(), count);
    for (std::uint32_t i = 0; i < count; ++i) cut[i] = {i * static_cast<std::uint32_t>(size + 1), size};
    return lines;
  };
  // Returns how many bytes of the lines have come in frames of their own.
  const auto lent_by = [&](const Function& function) {
    std::optional<FunctionRunner> runner(std::in_place, function, 1);
    static_cast<void>(run_all(*runner, numbered(20'000)));  // which shows that they are short
    auto lines = lines_from(7);
    const std::weak_ptr<Lines> kept = lines;
    const auto shared = std::make_shared<RunContext>(context);
    std::vector<Ran> results;
    std::vector<FinishedFrame> frames;
    for (std::size_t begun = 0; results.size() < count;) {
      const std::size_t some = std::min(runner->room(), count - begun);
      runner->start({lines, shared, lines->tasks.list().subspan(begun, some)}, Clock::now());
      begun += some;
      collect_some(*runner, results, &frames);
    }
    runner.reset();
    std::size_t bytes = 0;
    for (const FinishedFrame& frame : frames) {
      for (const ByteView more : frames_of(frame)) {
        CHECK(more.data() >= lines->bytes.data());
        CHECK(more.data() + more.size() <= lines->bytes.data() + lines->bytes.size());
        bytes += more.size();
      }
    }
    lines.reset();
    CHECK(kept.expired() == (bytes == 0));
    frames.clear();
    CHECK(kept.expired());
    return bytes;
  };
  CHECK(lent_by([](ByteView payload, FunctionCall&) { return payload; }) >= count * size);
  CHECK(lent_by([](ByteView payload, FunctionCall&) { return payload.substr(9, 9000); }) == count * 9000);
  CHECK(lent_by([](ByteView payload, FunctionCall& call) -> ByteView { return call.buffer() = payload; }) ==
        0);
  CHECK(lent_by([](ByteView payload, FunctionCall&) { return payload.substr(0, 1); }) == 0);
  CHECK(lent_by([](ByteView, FunctionCall&) -> ByteView { throw std::runtime_error("no"); }) == 0);
}

TEST_CASE("function runner: ids need not come in order, and do go out in order") {
  FunctionRunner runner(echo, 1);
  static_cast<void>(run_all(runner, numbered(10'000)));
  auto ids = std::make_shared<wire::TaskBatch>();
  for (const TaskId id : {7, 8, 3, 4, 9, 1, 100}) ids->add({id, 0, "x"});
  runner.start({ids, std::make_shared<RunContext>(), ids->list()}, Clock::now());
  std::vector<Ran> results;
  while (results.size() < ids->size()) collect_some(runner, results);  // which checks each frame's ids
  CHECK(results.front().id == 7);
}

TEST_CASE("function runner: an exception is a failure with its text") {
  FunctionRunner runner(
      [](ByteView payload, FunctionCall&) -> ByteView {
        if (payload == "odd") throw 7;
        if (payload == "long") throw std::runtime_error(std::string(100'000, 'x'));
        throw std::invalid_argument("cannot do " + std::string(payload));
      },
      2);
  const Ran ran = run_one(runner, "this");
  CHECK(ran.outcome == Outcome::failed);
  CHECK(ran.cause == wire::Cause::error);
  CHECK(ran.error == "cannot do this");
  CHECK(ran.item == "this");
  CHECK(ran.output.empty());
  CHECK(ran.started > 0);
  CHECK(run_one(runner, "odd").error == "the function threw something that is not an exception");
  CHECK(run_one(runner, "long").error.size() == wire::max_text);
  CHECK(run_one(runner, std::string(10'000, 'y')).item.size() == 4096);
}

TEST_CASE("function runner: details where they are wanted") {
  FunctionRunner runner(
      [](ByteView payload, FunctionCall& call) {
        static_cast<void>(call.pause(20ms));
        return payload;
      },
      1);
  RunContext context;
  context.wants_detail = true;
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  const Ran timed = run_one(runner, "x", context);
  CHECK(timed.has_detail);
  CHECK(timed.slot == 1);
  CHECK(timed.took >= 20'000);
  CHECK(timed.item.empty());
  CHECK(std::chrono::microseconds(timed.started + 1) >= before);
  context.wants_item = true;
  CHECK(run_one(runner, "x", context).item == "x");
}

TEST_CASE("function runner: all slots run at the same time") {
  std::atomic<int> arrived{0};
  Gate gate;
  FunctionRunner runner(
      [&](ByteView payload, FunctionCall&) {
        if (++arrived == 3) gate.open();
        return gate.pass() ? payload : ByteView("alone");
      },
      3);
  CHECK(runner.room() == 3);
  for (const Ran& ran : run_all(runner, {"x", "x", "x"})) CHECK(ran.output == "x");
}

TEST_CASE("function runner: tasks behind a long one are taken over by an idle executor") {
  Gate gate;
  std::atomic<int> short_ones{0};
  constexpr int behind = 200;
  FunctionRunner runner(
      [&](ByteView payload, FunctionCall&) {
        if (payload == "long") return gate.pass() ? payload : ByteView("gave up");
        if (payload == "short" && ++short_ones == behind) gate.open();
        return payload;
      },
      2);
  std::vector<std::string> items(behind + 1, "short");
  items.front() = "long";
  // Until chunks are long enough to hold a good part of what follows; on a busy machine it sees slow ones.
  static_cast<void>(run_all(runner, numbered(50'000)));
  for (int tries = 0; tries < 20 && runner.room() <= items.size(); ++tries) {
    static_cast<void>(run_all(runner, numbered(20'000)));
  }
  REQUIRE(runner.room() > items.size());
  runner.start(handout_of(items), Clock::now());
  std::vector<Ran> results;
  while (results.size() < items.size()) collect_some(runner, results);
  for (const Ran& ran : results) CHECK(ran.output == items[ran.id]);
}

TEST_CASE("function runner: what has not begun can be taken back, and is not run") {
  Gate gate;
  std::atomic<int> ran = 0;
  FunctionRunner runner(
      [&](ByteView payload, FunctionCall&) {
        if (payload == "wait") gate.pass();
        ++ran;
        return payload;
      },
      1);
  // So that the long one is in a chunk with others, which nobody expects to take long.
  static_cast<void>(run_all(runner, numbered(50'000)));
  const int before = ran;
  const std::size_t room = runner.room();
  REQUIRE(room > 20);
  std::vector<std::string> items(room, "quick");
  items[2] = "wait";
  runner.start(handout_of(items), Clock::now());
  while (ran < before + 2) std::this_thread::yield();
  std::set<TaskId> back;
  // What is in the chunk of the long one is given as soon as that has taken too long.
  while (back.size() < room - 3) {
    const auto some = runner.take_back(7);
    CHECK(some.size() <= 7);
    for (const TaskId id : some) CHECK(back.insert(id).second);
    std::this_thread::yield();
  }
  CHECK(runner.take_back(1000).empty());
  CHECK(*back.begin() == 3);
  CHECK(runner.running() == 3);
  gate.open();
  std::vector<Ran> results;
  while (runner.running() > 0) collect_some(runner, results);
  CHECK(results.size() == 3);
  CHECK(ran == before + 3);
}

TEST_CASE("function runner: abandon ends a pause, and what was abandoned is never heard of") {
  std::atomic<int> ended_early{0};
  std::atomic<int> started{0};
  Gate both_started;
  Gate both_ended;
  FunctionRunner runner(
      [&](ByteView payload, FunctionCall& call) {
        if (payload != "wait") return payload;
        if (++started == 2) both_started.open();
        if (!call.pause(1h) && ++ended_early == 2) both_ended.open();
        return payload;
      },
      2);
  runner.start(handout_of({"wait", "wait"}, {}, 1000), Clock::now());
  REQUIRE(both_started.pass());
  runner.abandon();
  CHECK(runner.running() == 0);
  for (const Ran& ran : run_all(runner, {"a", "b", "c"})) CHECK(ran.id < 3);
  CHECK(both_ended.pass());
}

TEST_CASE("function runner: abandon drops what waits and what has finished") {
  std::atomic<int> ran{0};
  FunctionRunner runner(
      [&ran](ByteView payload, FunctionCall&) {
        ++ran;
        return payload;
      },
      1);
  static_cast<void>(run_all(runner, numbered(10'000)));
  for (int i = 0; i < 20; ++i) {
    runner.start(handout_of(std::vector<std::string>(runner.room(), "old"), {}, 50'000), Clock::now());
    runner.abandon();
    for (const Ran& result : run_all(runner, numbered(100))) REQUIRE(result.id < 100);
  }
}

TEST_CASE("function runner: its end does not wait for what pauses") {
  const auto before = Clock::now();
  {
    Gate started;
    FunctionRunner runner(
        [&started](ByteView payload, FunctionCall& call) {
          started.open();
          static_cast<void>(call.pause(1h));
          return payload;
        },
        1);
    runner.start(handout_of({"x"}), Clock::now());
    REQUIRE(started.pass());
  }
  CHECK(Clock::now() - before < 30min);
}

TEST_CASE("function runner: a task that runs for the timeout fails, and its function's result is dropped") {
  Gate stuck;
  std::atomic<bool> told{false};
  FunctionRunner runner(
      [&](ByteView payload, FunctionCall& call) -> ByteView {
        if (payload == "stuck") {
          const std::stop_callback on_stop(call.stop().get_token(), [&] { told = true; });
          stuck.pass();
        }
        if (payload == "pauses") told = !call.pause(50s);
        return payload;
      },
      1, {.timeout = 500ms, .returns = true});
  CHECK(runner.deadline() == never);
  for (const char* payload : {"pauses", "stuck"}) {
    told = false;
    const auto results = run_all(runner, {"short", payload});
    REQUIRE(results.size() == 2);
    CHECK(results[0].output == "short");
    CHECK(results[1].outcome == Outcome::failed);
    CHECK(results[1].cause == wire::Cause::timeout);
    CHECK(results[1].error == "timed out after 500 ms");
    CHECK(runner.running() == 0);
  }
  CHECK(told);
  stuck.open();
  CHECK(run_one(runner, "after").output == "after");
}

TEST_CASE("function runner: results of two lanes do not share a frame") {
  FunctionRunner runner(echo, 1);
  static_cast<void>(run_all(runner, numbered(10'000)));
  RunContext first;
  first.token = LaneToken{1};
  RunContext second;
  second.token = LaneToken{2};
  for (int i = 0; i < 10; ++i) {
    runner.start(handout_of(numbered(10), first, 0), Clock::now());
    runner.start(handout_of(numbered(10), second, 100), Clock::now());
  }
  std::vector<Ran> results;
  std::vector<FinishedFrame> frames;
  while (results.size() < 200) collect_some(runner, results, &frames);
  for (const FinishedFrame& frame : frames) {
    for (const IdRange& ids : frame.ids) CHECK((frame.token == LaneToken{1}) == (ids.last < 100));
  }
}

TEST_CASE("function runner: each slot is begun and ended on the thread that all its calls are on") {
  constexpr std::size_t slots = 3;
  std::mutex mutex;
  std::vector<std::thread::id> threads(slots + 1);
  std::size_t ended = 0;
  bool always_there = true;
  {
    FunctionRunner runner(
        [&](ByteView payload, FunctionCall& call) {
          const std::lock_guard lock(mutex);
          always_there = always_there && threads[call.slot()] == std::this_thread::get_id();
          return payload;
        },
        slots,
        {.begin =
             [&](std::uint32_t slot) {
               const std::lock_guard lock(mutex);
               threads[slot] = std::this_thread::get_id();
             },
         .end =
             [&](std::uint32_t slot) {
               const std::lock_guard lock(mutex);
               always_there = always_there && threads[slot] == std::this_thread::get_id();
               ++ended;
             }});
    for (std::size_t slot = 1; slot <= slots; ++slot) CHECK(threads[slot] != std::thread::id());
    CHECK(run_all(runner, numbered(10'000)).size() == 10'000);
    CHECK_FALSE(runner.is_stuck());
  }
  CHECK(always_there);
  CHECK(ended == slots);
}

TEST_CASE("function runner: where one slot does not begin there is no runner, and the others are ended") {
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  const FunctionCare care{.begin =
                              [&](std::uint32_t slot) {
                                if (slot == 2) throw std::runtime_error("no table");
                                ++begun;
                              },
                          .end = [&](std::uint32_t) { ++ended; }};
  CHECK_THROWS_WITH(FunctionRunner(echo, 4, care), "no table");
  CHECK(begun == 3);
  CHECK(ended == 3);
}

TEST_CASE(
    "function runner: a call past its time has failed, what was done before it is saved, the rest given "
    "back") {
  Gate gate;
  Gate there;
  FunctionRunner runner(
      [&](ByteView payload, FunctionCall&) {
        if (payload == "block") {
          there.open();
          static_cast<void>(gate.pass());
        }
        return payload;
      },
      1, {.timeout = 20ms});
  // After these several are taken at a time.
  static_cast<void>(run_all(runner, numbered(10'000)));
  CHECK(runner.worn_out().empty());
  runner.start(handout_of({"a", "b", "block", "c", "d"}), Clock::now());
  REQUIRE(there.pass());
  CHECK(runner.is_stuck());
  CHECK(runner.deadline() != never);
  std::vector<Ran> results;
  while (results.size() < 3) collect_some(runner, results);
  CHECK(results[0].output == "a");
  CHECK(results[1].output == "b");
  CHECK(results[2].id == 2);
  CHECK(results[2].outcome == Outcome::failed);
  CHECK(results[2].cause == wire::Cause::timeout);
  CHECK(results[2].error == "timed out after 20 ms");
  CHECK(results[2].item == "block");
  CHECK_FALSE(runner.worn_out().empty());
  CHECK(runner.room() == 0);
  auto back = runner.take_back(10);
  std::sort(back.begin(), back.end());
  CHECK(back == std::vector<TaskId>{3, 4});
  CHECK(runner.running() == 0);
  runner.abandon();
  CHECK(runner.is_stuck());
  gate.open();  // here it can be ended after all
}
