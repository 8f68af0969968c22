#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "asked.hpp"
#include <fanmill/core/collector.hpp>
#include <fanmill/wire/limits.hpp>

using namespace fanmill;
using namespace fanmill::core;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using test::asked;
using test::said;
using test::start;
using Verdict = Collector::Verdict;

namespace {

constexpr RunId run{11};
constexpr LaneToken lane{22};

enum class Storing : std::uint8_t { memory, durable };

wire::Hello hello(Storing storing) {
  wire::Hello result;
  result.role = wire::Role::sink;
  result.incarnation = Incarnation{33};
  result.reached = "tcp://head:5555";
  result.has_store = storing == Storing::durable;
  return result;
}

wire::Welcome welcome(RunId of = run) {
  wire::Welcome message;
  message.run = of;
  message.delimiter = "\n";
  return message;
}

class Scene {
 public:
  explicit Scene(Storing storing = Storing::memory, Duration wait_timeout = Duration::max())
      : collector(hello(storing), wait_timeout) {
    collector.start(now);
  }

  std::vector<Collector::Action> actions() { return collector.take_actions(); }

  void begin() {
    collector.on_control(welcome(), now);
    static_cast<void>(actions());
  }
  void hear(const wire::Control& message) { collector.on_control(message, now); }
  // The ventilator asks about tasks 0 … count−1, and the store has none of them.
  void ask(std::uint64_t count, RunId of = run) {
    hear(wire::Check{of, 0, std::vector<Key>(count)});
    collector.on_announced({}, {{0, count - 1}});
    static_cast<void>(actions());
  }

  Verdict result(TaskId id, Outcome outcome = Outcome::ok, std::uint32_t attempt = 0, RunId of = run) {
    wire::ResultView view;
    view.id = id;
    view.attempt = attempt;
    view.outcome = outcome;
    return collector.on_result({of, lane, "worker", false}, view);
  }
  void fail(TaskId id, std::uint32_t attempt = 0) {
    REQUIRE(result(id, Outcome::failed, attempt) == Verdict::hold);
    collector.hold(id, attempt, "frame " + std::to_string(id) + "." + std::to_string(attempt));
  }
  void safe(IdRange ids, Outcome outcome = Outcome::ok) { collector.on_safe(outcome, {ids}); }
  std::vector<Collector::Action> flush() {
    collector.flush(now);
    return actions();
  }
  void pass(Duration time) {
    now += time;
    collector.tick(now);
  }
  // As a loop does that is not held up: it looks whenever it is to.
  void run_for(Duration time) {
    const Time end = now + time;
    while (now < end) {
      now = std::min(end, std::max(now + 1ns, collector.next_tick()));
      collector.tick(now);
    }
  }
  // Tasks 0 … count−1 are ok and safe, and the store is closed.
  void complete(std::uint64_t count) {
    for (TaskId id = 0; id < count; ++id) REQUIRE(result(id) == Verdict::store);
    if (count > 0) safe({0, count - 1});
    hear(wire::End{run, count, false});
    collector.flush(now);
    REQUIRE(asked<Collector::CloseStore>(actions()).size() == 1);
    collector.on_closed();
  }

  Time now = start;
  Collector collector;
};

[[nodiscard]] wire::Ack ack(std::vector<IdRange> ids, Outcome outcome = Outcome::ok) {
  return {run, outcome, std::move(ids)};
}

}  // namespace

// --- joining

TEST_CASE("collector: says HELLO until it is answered, then it begins") {
  Scene scene;
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
  scene.pass(100ms);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
  CHECK_FALSE(scene.collector.collecting());
  scene.hear(welcome());
  const auto begin = asked<Collector::Begin>(scene.actions());
  REQUIRE(begin.size() == 1);
  CHECK(begin.front().run == run);
  CHECK(begin.front().delimiter == "\n");
  CHECK(scene.collector.collecting());
  scene.pass(1h);
  CHECK(scene.actions().empty());
}

TEST_CASE("collector: without a ventilator it says so, and gives up after --wait-timeout") {
  Scene scene(Storing::memory, 5s);
  scene.pass(1s);
  CHECK(asked<Tell>(scene.actions()).size() == 1);
  scene.pass(4s);
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
}

TEST_CASE("collector: refused, it ends with 4 and the reason") {
  Scene scene;
  scene.hear(wire::Refused{"this run has a sink already, other"});
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 4);
  CHECK_THAT(finish.front().why, Catch::Matchers::EndsWith("this run has a sink already, other"));
}

TEST_CASE("collector: asked who it is, it says HELLO again") {
  Scene scene;
  scene.begin();
  scene.hear(wire::Who{});
  scene.pass(0s);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
}

// --- outcomes

TEST_CASE("collector: the first outcome is stored, and acknowledged when it is safe, not before") {
  Scene scene;
  scene.begin();
  for (const TaskId id : {0, 1, 2, 5}) CHECK(scene.result(id) == Verdict::store);
  CHECK(scene.flush().empty());
  scene.safe({0, 1});
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{0, 1}})});
  scene.safe({5, 5});
  scene.safe({2, 2});
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{2, 2}, {5, 5}})});
  CHECK(scene.flush().empty());
}

TEST_CASE(
    "collector: a duplicate is not stored, and acknowledged again; one that is not safe yet only then") {
  Scene scene;
  scene.begin();
  CHECK(scene.result(3) == Verdict::store);
  CHECK(scene.result(3) == Verdict::drop);
  CHECK(scene.flush().empty());
  scene.safe({3, 3});
  CHECK(said<wire::Ack>(scene.flush()).size() == 1);
  CHECK(scene.result(3) == Verdict::drop);
  CHECK(scene.result(3, Outcome::failed, 1) == Verdict::drop);
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{3, 3}})});
  CHECK(scene.collector.accounts().duplicates() == 3);
  CHECK(scene.collector.accounts().accepted() == 1);
}

TEST_CASE("collector: results of another run change nothing but a counter") {
  Scene scene;
  CHECK(scene.result(0) == Verdict::drop);
  scene.begin();
  CHECK(scene.result(0, Outcome::ok, 0, RunId{12}) == Verdict::drop);
  scene.collector.on_mark({RunId{12}, lane, 1});
  CHECK(scene.flush().empty());
  CHECK(scene.collector.stale() == 3);
  CHECK(scene.collector.accounts().received() == 0);
}

TEST_CASE("collector: neighbours that are ok are taken together; what is not plain is left to be judged") {
  Scene scene;
  scene.begin();
  std::vector<wire::ResultView> results(6);
  for (std::size_t i = 0; i < results.size(); ++i) results[i].id = i;
  const auto plain = [&](std::size_t from, RunId of = run) {
    const std::span<const wire::ResultView> all(results);
    return scene.collector.on_plain_results({of, lane, "worker", false}, all.subspan(from));
  };
  CHECK(plain(0, RunId{12}) == 0);
  results[2].outcome = Outcome::failed;
  results[5].id = 7;
  CHECK(plain(0) == 2);
  CHECK(plain(2) == 0);
  CHECK(plain(3) == 2);
  CHECK(plain(0) == 0);  // they have their outcomes
  CHECK(scene.collector.stored() == 4);
  CHECK(scene.collector.accounts().duplicates() == 0);  // who is not plain is not counted yet
  scene.fail(2);
  CHECK(plain(5) == 0);  // another attempt may be held
}

TEST_CASE("collector: with a store, a result of a task that was not asked about is not plain") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.ask(3);
  std::vector<wire::ResultView> results(5);
  for (std::size_t i = 0; i < results.size(); ++i) results[i].id = i;
  CHECK(scene.collector.on_plain_results({run, lane, "worker", false}, results) == 3);
  results.erase(results.begin(), results.begin() + 3);
  CHECK(scene.collector.on_plain_results({run, lane, "worker", false}, results) == 0);
}

TEST_CASE("collector: a result of a task that nobody can have yet is refused, and counts when it can") {
  Scene scene;
  scene.begin();
  std::vector<wire::ResultView> results(5);
  for (std::size_t i = 0; i < results.size(); ++i) results[i].id = i;
  const wire::ResultsHeader header{run, lane, "worker", false};
  scene.collector.set_known(3);
  CHECK(scene.collector.on_plain_results(header, results) == 3);
  CHECK(scene.collector.on_plain_results(header, std::span(results).subspan(3)) == 0);
  CHECK(scene.collector.on_result(header, results[3]) == Collector::Verdict::drop);
  CHECK(scene.collector.accounts().rejected() == 1);
  CHECK(scene.collector.accounts().duplicates() == 0);
  scene.collector.set_known(5);
  CHECK(scene.collector.on_plain_results(header, std::span(results).subspan(3)) == 2);
}

TEST_CASE("collector: stale words of a ventilator change nothing") {
  Scene scene;
  scene.begin();
  scene.fail(0);
  static_cast<void>(scene.flush());
  const RunId other{12};
  scene.hear(wire::End{other, 0, true});
  scene.hear(wire::Keep{other, {{0, 0}}});
  scene.hear(wire::Retry{other, {{0, 0}}});
  scene.hear(wire::Dead{other, {0, 0}, "", ""});
  scene.hear(wire::Check{other, 0, {Key{}}});
  CHECK(scene.collector.stale() == 5);
  // Of this run, but of attempts and tasks that are not held.
  scene.hear(wire::Keep{run, {{0, 1}, {7, 0}}});
  scene.hear(wire::Retry{run, {{0, 1}, {7, 0}}});
  CHECK(scene.flush().empty());
  CHECK(scene.collector.collecting());
  CHECK(scene.collector.retried() == 0);
}

TEST_CASE("collector: more ranges than a message holds go in several") {
  Scene scene;
  scene.begin();
  const std::uint64_t gaps = wire::max_ranges + 10;
  for (std::uint64_t i = 0; i < gaps; ++i) {
    static_cast<void>(scene.result(2 * i));
    scene.safe({2 * i, 2 * i});
  }
  const auto acks = said<wire::Ack>(scene.flush());
  REQUIRE(acks.size() == 2);
  CHECK(acks[0].ids.size() == wire::max_ranges);
  CHECK(acks[1].ids.size() == 10);
  CHECK(acks[1].ids.back() == IdRange{2 * gaps - 2, 2 * gaps - 2});
}

// --- failures

TEST_CASE("collector: a failure is held and reported, each second until it is answered") {
  Scene scene;
  scene.begin();
  scene.fail(4, 1);
  CHECK(said<wire::Failed>(scene.flush()) == std::vector<wire::Failed>{{run, {{4, 1}}}});
  CHECK(scene.flush().empty());
  scene.pass(999ms);
  CHECK(scene.actions().empty());
  scene.pass(1ms);
  CHECK(said<wire::Failed>(scene.actions()) == std::vector<wire::Failed>{{run, {{4, 1}}}});
  CHECK(scene.collector.next_tick() == scene.now + 1s);
  scene.hear(wire::Retry{run, {{4, 1}}});
  scene.pass(10s);
  CHECK(scene.actions().empty());
  CHECK(scene.collector.next_tick() == never);
  CHECK(scene.collector.retried() == 1);
  CHECK(scene.collector.accounts().accepted() == 0);
}

TEST_CASE("collector: a failure that is kept is stored, and acknowledged as such when it is safe") {
  Scene scene;
  scene.begin();
  scene.fail(4);
  static_cast<void>(scene.flush());
  scene.hear(wire::Keep{run, {{4, 0}}});
  scene.hear(wire::Keep{run, {{4, 0}}});
  const auto store = asked<Collector::StoreHeld>(scene.actions());
  REQUIRE(store.size() == 1);
  CHECK(store.front().frame == "frame 4.0");
  CHECK(scene.flush().empty());
  scene.safe({4, 4}, Outcome::failed);
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{4, 4}}, Outcome::failed)});
  CHECK(scene.result(4) == Verdict::drop);
  CHECK(scene.collector.accounts().accepted(Outcome::failed) == 1);
}

TEST_CASE("collector: a success that comes meanwhile is better than a failure that is held") {
  Scene scene;
  scene.begin();
  scene.fail(4);
  CHECK(scene.result(4, Outcome::ok, 1) == Verdict::store);
  scene.hear(wire::Keep{run, {{4, 0}}});
  CHECK(asked<Collector::StoreHeld>(scene.actions()).empty());
  CHECK(scene.collector.retried() == 1);
  CHECK(scene.collector.accounts().accepted(Outcome::ok) == 1);
  CHECK(scene.collector.accounts().accepted(Outcome::failed) == 0);
}

TEST_CASE("collector: of two failures the later one is held") {
  Scene scene;
  scene.begin();
  scene.fail(4, 0);
  scene.fail(4, 1);
  scene.hear(wire::Keep{run, {{4, 0}}});
  CHECK(asked<Collector::StoreHeld>(scene.actions()).empty());
  scene.hear(wire::Keep{run, {{4, 1}}});
  const auto store = asked<Collector::StoreHeld>(scene.actions());
  REQUIRE(store.size() == 1);
  CHECK(store.front().frame == "frame 4.1");
  const auto& accounts = scene.collector.accounts();
  CHECK(accounts.received() == accounts.accepted() + scene.collector.retried() + accounts.duplicates());
}

TEST_CASE("collector: the ventilator's word that a task is dead is its outcome, once") {
  Scene scene;
  scene.begin();
  scene.fail(4);
  const wire::Dead dead{run, {4, 5}, "a died, b died", "payload"};
  scene.hear(dead);
  const auto store = asked<Collector::StoreDead>(scene.actions());
  REQUIRE(store.size() == 1);
  CHECK(store.front().dead == dead);
  scene.hear(dead);
  CHECK(asked<Collector::StoreDead>(scene.actions()).empty());
  scene.safe({4, 4}, Outcome::dead);
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{4, 4}}, Outcome::dead)});
  scene.hear(dead);
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{4, 4}}, Outcome::dead)});
  CHECK(scene.result(4) == Verdict::drop);
}

// --- marks

TEST_CASE("collector: a mark is passed on when all that came before it is acknowledged, and after that") {
  Scene scene;
  scene.begin();
  CHECK(scene.result(0) == Verdict::store);
  scene.fail(1);
  scene.collector.on_mark({run, lane, 1});
  CHECK(said<wire::Marked>(scene.flush()).empty());
  scene.safe({0, 0});
  auto actions = scene.flush();
  REQUIRE(actions.size() == 2);
  CHECK(said<wire::Marked>(actions) == std::vector<wire::Marked>{{run, lane, 1}});
  actions.pop_back();
  CHECK(said<wire::Ack>(actions).size() == 1);
  CHECK(scene.flush().empty());
  scene.collector.on_mark({run, lane, 2});
  CHECK(said<wire::Marked>(scene.flush()) == std::vector<wire::Marked>{{run, lane, 2}});
}

// --- a connection that breaks

TEST_CASE("collector: back again, everything that may have been lost is said again, the marks last") {
  Scene scene;
  scene.begin();
  for (const TaskId id : {0, 1, 2}) static_cast<void>(scene.result(id));
  scene.safe({0, 1});
  scene.fail(7);
  static_cast<void>(scene.flush());
  scene.safe({2, 2});
  scene.collector.on_mark({run, lane, 3});
  static_cast<void>(scene.flush());
  static_cast<void>(scene.result(9));

  scene.collector.on_control_down(scene.now);
  scene.pass(0s);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
  CHECK(scene.result(10) == Verdict::store);  // results come all the same
  scene.hear(welcome());
  CHECK(asked<Collector::Begin>(scene.actions()).empty());
  auto actions = scene.flush();
  CHECK(said<wire::Ack>(actions) == std::vector<wire::Ack>{ack({{0, 2}})});
  CHECK(said<wire::Failed>(actions) == std::vector<wire::Failed>{{run, {{7, 0}}}});
  CHECK(said<wire::Marked>(actions).empty());  // 9 and 10 are not safe
  scene.safe({9, 10});
  actions = scene.flush();
  CHECK(said<wire::Ack>(actions) == std::vector<wire::Ack>{ack({{9, 10}})});
  CHECK(said<wire::Marked>(actions) == std::vector<wire::Marked>{{run, lane, 3}});
  scene.run_for(1h);
  CHECK(asked<Finish>(scene.actions()).empty());
}

TEST_CASE("collector: its outcomes in memory and the ventilator lost for good, it ends with 3") {
  Scene scene;
  scene.begin();
  scene.collector.on_control_down(scene.now);
  scene.run_for(3s - 1ns);
  CHECK(asked<Finish>(scene.actions()).empty());
  scene.run_for(1ns);
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
}

TEST_CASE(
    "collector: stopped while the ventilator is lost, it gives it time to be heard of when it goes on") {
  Scene scene;
  scene.begin();
  scene.collector.on_control_down(scene.now);
  scene.run_for(1s);
  scene.pass(1h);
  scene.run_for(1700ms);
  CHECK(asked<Finish>(scene.actions()).empty());
  scene.run_for(300ms);
  CHECK(asked<Finish>(scene.actions()).size() == 1);
}

TEST_CASE("collector: its outcomes in memory, another run is the end") {
  Scene scene;
  scene.begin();
  scene.hear(welcome(RunId{12}));
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
}

TEST_CASE("collector: with a store it waits for the ventilator, and begins another run with it") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.ask(2);
  static_cast<void>(scene.result(0));
  scene.safe({0, 0});
  scene.fail(1);
  static_cast<void>(scene.flush());
  scene.collector.on_control_down(scene.now);
  scene.run_for(1h);
  CHECK(asked<Finish>(scene.actions()).empty());
  scene.hear(welcome(RunId{12}));
  CHECK(asked<Collector::Begin>(scene.actions()).size() == 1);
  CHECK(scene.flush().empty());
  CHECK(scene.result(0) == Verdict::drop);  // of the run before
  scene.ask(1, RunId{12});
  CHECK(scene.result(0, Outcome::ok, 0, RunId{12}) == Verdict::store);
  CHECK(scene.collector.accounts().accepted() == 1);
}

// --- what is stored already

TEST_CASE("collector: what the store has of this run counts, and has not been received") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.collector.on_stored({{0, 2}}, {{3, 3}}, {});
  CHECK(scene.result(1) == Verdict::drop);
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{1, 1}})});
  CHECK(scene.collector.accounts().received() == 1);
  scene.hear(wire::End{run, 4, false});
  CHECK(asked<Collector::CloseStore>(scene.flush()).size() == 1);
}

TEST_CASE("collector: with another store than that of the sink before it, it ends") {
  const auto joined = [](std::uint64_t acknowledged) {
    Scene scene(Storing::durable);
    wire::Welcome message = welcome();
    message.acknowledged = acknowledged;
    scene.hear(message);
    static_cast<void>(scene.actions());
    scene.collector.on_stored({{0, 2}}, {{3, 3}}, {{4, 4}});
    return asked<Finish>(scene.actions());
  };
  CHECK(joined(5).empty());
  CHECK(joined(0).empty());  // what it has stored need not have been acknowledged
  const auto finish = joined(6);
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK_THAT(finish.front().why, Contains("6 outcomes") && Contains("has 5 of them"));
}

TEST_CASE("collector: asked what it has, the store is asked once, and asked again it knows") {
  Scene scene(Storing::durable);
  scene.begin();
  const wire::Check check{run, 10, {Key{1, 0}, Key{2, 0}, Key{3, 0}}};
  scene.hear(check);
  const auto announce = asked<Collector::Announce>(scene.actions());
  REQUIRE(announce.size() == 1);
  CHECK(announce.front().first == 10);
  CHECK(announce.front().keys == check.keys);
  scene.collector.on_announced({{{11, 11}, Outcome::ok}}, {{10, 10}, {12, 12}});
  CHECK(said<wire::Fresh>(scene.actions()) == std::vector<wire::Fresh>{{run, {{10, 10}, {12, 12}}}});
  CHECK(scene.flush().empty());
  scene.safe({11, 11});
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{11, 11}})});

  CHECK(scene.result(12) == Verdict::store);
  scene.hear(check);
  auto actions = scene.actions();
  CHECK(asked<Collector::Announce>(actions).empty());
  CHECK(said<wire::Fresh>(actions) == std::vector<wire::Fresh>{{run, {{10, 10}}}});
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{11, 11}})});

  // One of them is new to it.
  scene.hear(wire::Check{run, 12, {Key{3, 0}, Key{4, 0}}});
  actions = scene.actions();
  REQUIRE(asked<Collector::Announce>(actions).size() == 1);
  CHECK(asked<Collector::Announce>(actions).front().first == 13);
}

TEST_CASE(
    "collector: asked together with WELCOME, before it knows what the store has, it counts nothing twice") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.hear(wire::Check{run, 0, {Key{1, 0}, Key{2, 0}}});
  scene.collector.on_stored({{0, 0}}, {}, {});
  scene.collector.on_announced({{{0, 1}, Outcome::ok}}, {});
  CHECK(scene.collector.accounts().accepted() == 2);
  scene.safe({0, 1});
  CHECK(said<wire::Ack>(scene.flush()) == std::vector<wire::Ack>{ack({{0, 1}})});
  scene.hear(wire::End{run, 2, false});
  CHECK(asked<Collector::CloseStore>(scene.flush()).size() == 1);
}

TEST_CASE("collector: with a store, a result that comes before the question about its task waits for it") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.collector.on_stored({{6, 6}}, {}, {});
  CHECK(scene.result(5) == Verdict::wait);
  CHECK(scene.result(6) == Verdict::drop);  // it has that one
  CHECK(scene.collector.accounts().received() == 1);
  scene.hear(wire::Check{run, 2, {Key{1, 0}, Key{2, 0}, Key{3, 0}}});
  CHECK(scene.collector.questions() == 1);
  CHECK(scene.result(4) == Verdict::store);
  CHECK(scene.result(5) == Verdict::wait);
  scene.hear(wire::Check{run, 5, {Key{4, 0}}});
  CHECK(scene.result(5) == Verdict::store);

  scene.hear(wire::End{run, 7, false});
  CHECK(scene.result(7) == Verdict::drop);  // no question will come
  CHECK(scene.collector.accounts().rejected() == 1);
}

TEST_CASE(
    "collector: with a store, once all questions have come, a result that none was about is of no task") {
  Scene scene(Storing::durable);
  scene.begin();
  CHECK(scene.result(8) == Verdict::wait);
  scene.hear(wire::Check{run, 3, {Key{1, 0}}});
  CHECK(scene.result(8) == Verdict::wait);
  CHECK(scene.collector.accounts().received() == 0);
  scene.hear(wire::Check{run, 6, {}});
  CHECK(scene.collector.questions() == 2);
  CHECK(scene.result(8) == Verdict::drop);
  CHECK(scene.result(6) == Verdict::drop);
  CHECK(scene.collector.accounts().received() == 2);
  CHECK(scene.collector.accounts().rejected() == 2);
  CHECK(scene.result(3) == Verdict::store);
  // New tasks are asked about before they go out.
  scene.hear(wire::Check{run, 6, {Key{2, 0}}});
  CHECK(scene.result(6) == Verdict::store);
  CHECK(scene.result(8) == Verdict::drop);

  // Of another run nothing is known yet.
  scene.hear(welcome(RunId{12}));
  wire::ResultView other;
  other.id = 8;
  CHECK(scene.collector.on_result({RunId{12}, LaneToken{}, "", false}, other) == Verdict::wait);
}

TEST_CASE("collector: an outcome from the store takes the place of a failure that is held") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.hear(wire::Check{run, 5, {Key{1, 0}}});
  scene.fail(5);
  scene.collector.on_announced({{{5, 5}, Outcome::ok}}, {});
  scene.hear(wire::Keep{run, {{5, 0}}});
  CHECK(asked<Collector::StoreHeld>(scene.actions()).empty());
  CHECK(scene.collector.accounts().accepted() == 1);
}

// --- the end

TEST_CASE("collector: it is over when END has come and every outcome is safe, in any order") {
  Scene scene;
  scene.begin();
  static_cast<void>(scene.result(0));
  static_cast<void>(scene.result(1));
  static_cast<void>(scene.flush());
  CHECK(scene.collector.collecting());
  SECTION("END comes first") {
    scene.hear(wire::End{run, 2, false});
    CHECK(asked<Collector::CloseStore>(scene.flush()).empty());
    scene.safe({0, 1});
  }
  SECTION("END comes last") {
    scene.safe({0, 1});
    CHECK(asked<Collector::CloseStore>(scene.flush()).empty());
    scene.hear(wire::End{run, 2, false});
  }
  scene.collector.flush(scene.now);
  auto actions = scene.actions();
  const auto close = asked<Collector::CloseStore>(actions);
  REQUIRE(close.size() == 1);
  CHECK(close.front().complete);
  CHECK(close.front().count == 2);
  CHECK(said<wire::Ended>(actions).empty());
  CHECK_FALSE(scene.collector.collecting());
  scene.collector.on_closed();
  CHECK(said<wire::Ended>(scene.actions()) == std::vector<wire::Ended>{{run, 2, 0, 0, 0}});
}

TEST_CASE("collector: asked again for the end, it answers again; and BYE is the end of it") {
  Scene scene;
  scene.begin();
  scene.complete(3);
  static_cast<void>(scene.actions());
  scene.hear(wire::End{run, 3, false});
  CHECK(said<wire::Ended>(scene.actions()) == std::vector<wire::Ended>{{run, 3, 0, 0, 0}});
  scene.hear(wire::Bye{});
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 0);
  CHECK_FALSE(finish.front().by_peer);
}

TEST_CASE("collector: a complete run with failures ends with 1") {
  Scene scene;
  scene.begin();
  scene.fail(0);
  scene.hear(wire::Keep{run, {{0, 0}}});
  scene.safe({0, 0}, Outcome::failed);
  scene.hear(wire::End{run, 1, false});
  static_cast<void>(scene.flush());
  scene.collector.on_closed();
  CHECK(said<wire::Ended>(scene.actions()) == std::vector<wire::Ended>{{run, 0, 1, 0, 0}});
  scene.hear(wire::Bye{});
  CHECK(asked<Finish>(scene.actions()).front().status == 1);
}

TEST_CASE("collector: a run that was cut short is closed as incomplete, and ends with 3") {
  Scene scene;
  scene.begin();
  static_cast<void>(scene.result(0));
  scene.hear(wire::End{run, 5, true});
  CHECK(asked<Collector::CloseStore>(scene.actions()).empty());  // what it has is not safe yet
  scene.safe({0, 0});
  const auto close = asked<Collector::CloseStore>(scene.flush());
  REQUIRE(close.size() == 1);
  CHECK_FALSE(close.front().complete);
  scene.collector.on_closed();
  scene.hear(wire::Bye{});
  CHECK(asked<Finish>(scene.actions()).front().status == 3);
}

TEST_CASE("collector: a run whose input was not read to its end is not complete, whatever there is of it") {
  Scene scene;
  scene.begin();
  scene.hear(wire::End{run, 1, false, true});
  CHECK(scene.result(0) == Verdict::store);
  scene.safe({0, 0});
  const auto close = asked<Collector::CloseStore>(scene.flush());
  REQUIRE(close.size() == 1);
  CHECK_FALSE(close.front().complete);
  CHECK_FALSE(close.front().count);
  scene.collector.on_closed();
  scene.hear(wire::Bye{});
  CHECK(asked<Finish>(scene.actions()).front().status == 3);
}

TEST_CASE("collector: a run of no tasks ends well") {
  Scene scene;
  scene.begin();
  scene.complete(0);
  scene.hear(wire::Bye{});
  CHECK(asked<Finish>(scene.actions()).front().status == 0);
}

TEST_CASE("collector: BYE before it is complete is the ventilator's failure to explain") {
  Scene scene;
  scene.begin();
  scene.hear(wire::Bye{});
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 3);
  CHECK(finish.front().by_peer);
  scene.pass(1h);
  CHECK(scene.actions().empty());
}

TEST_CASE("collector: all is closed and the connection breaks: the ventilator may come back to hear so") {
  const auto storing = GENERATE(Storing::memory, Storing::durable);
  const bool down_before = GENERATE(false, true);
  Scene scene(storing);
  scene.begin();
  if (storing == Storing::durable) scene.ask(1);
  if (down_before) scene.collector.on_control_down(scene.now);
  scene.complete(1);
  if (!down_before) scene.collector.on_control_down(scene.now);
  scene.pass(0s);
  CHECK(said<wire::Hello>(scene.actions()).size() == 1);
  SECTION("it does") {
    scene.hear(welcome());
    scene.hear(wire::End{run, 1, false});
    CHECK_FALSE(said<wire::Ended>(scene.actions()).empty());
    scene.hear(wire::Bye{});
  }
  SECTION("it does not: nothing is missing here, but one that was only stopped would look for a sink") {
    scene.run_for(15s - 1ns);
    CHECK(asked<Finish>(scene.actions()).empty());
    scene.run_for(1ns);
  }
  SECTION("another has come, which has not heard so") {
    scene.hear(welcome(RunId{12}));
    if (storing == Storing::durable) {
      // It takes over what is stored, and hears the end of its own run.
      auto actions = scene.actions();
      CHECK(asked<Finish>(actions).empty());
      REQUIRE(asked<Collector::Begin>(actions).size() == 1);
      CHECK(scene.collector.collecting());
      CHECK_FALSE(scene.collector.closed());
      scene.run_for(3s);
      CHECK(asked<Finish>(scene.actions()).empty());
      return;
    }
  }
  const auto finish = asked<Finish>(scene.actions());
  REQUIRE(finish.size() == 1);
  CHECK(finish.front().status == 0);
  CHECK(finish.front().why.empty());
}

TEST_CASE("collector: a store that fails is told to the ventilator") {
  Scene scene;
  scene.begin();
  scene.collector.leave("disk full");
  CHECK(said<wire::Leaving>(scene.actions()) == std::vector<wire::Leaving>{{LaneToken{}, {}, "disk full"}});
}

TEST_CASE("collector: a late failure of an earlier attempt does not take the place of a later one") {
  Scene scene;
  scene.begin();
  scene.fail(0, 1);
  static_cast<void>(scene.flush());
  scene.fail(0, 0);
  CHECK(said<wire::Failed>(scene.flush()).empty());
  CHECK(scene.collector.retried() == 1);
  scene.hear(wire::Keep{run, {{0, 1}}});
  const auto kept = asked<Collector::StoreHeld>(scene.actions());
  REQUIRE(kept.size() == 1);
  CHECK(kept.front().frame == "frame 0.1");
}

TEST_CASE("collector: with another run its account begins anew") {
  Scene scene(Storing::durable);
  scene.begin();
  scene.ask(2);
  CHECK(scene.result(0) == Verdict::store);
  scene.fail(1);
  scene.hear(wire::Retry{run, {{1, 0}}});
  scene.collector.on_control_down(scene.now);
  scene.hear(welcome(RunId{12}));
  CHECK(scene.collector.accounts().received() == 0);
  CHECK(scene.collector.stored() == 0);
  CHECK(scene.collector.retried() == 0);
}

// --- for those who look on

TEST_CASE("collector: says what is not safe yet, when that has changed, and at most once a second") {
  Scene scene;
  scene.begin();
  const auto backlogs = [&] {
    std::vector<std::uint64_t> results;
    for (const wire::Backlog& one : said<wire::Backlog>(scene.actions())) results.push_back(one.results);
    return results;
  };
  scene.pass(1s);
  CHECK(backlogs().empty());
  for (TaskId id = 0; id < 5; ++id) REQUIRE(scene.result(id) == Verdict::store);
  CHECK(scene.collector.next_tick() <= scene.now);
  scene.pass(1ms);
  CHECK(backlogs() == std::vector<std::uint64_t>{5});
  CHECK(scene.collector.next_tick() == never);
  scene.safe({0, 2});
  scene.pass(10ms);
  CHECK(backlogs().empty());
  CHECK(scene.collector.next_tick() == scene.now + 990ms);
  scene.pass(990ms);
  CHECK(backlogs() == std::vector<std::uint64_t>{2});
  scene.safe({3, 4});
  scene.pass(1s);
  CHECK(backlogs() == std::vector<std::uint64_t>{0});
}

TEST_CASE("collector: how far it has come, and how fast") {
  Scene scene;
  scene.begin();
  scene.pass(1ms);
  for (TaskId id = 0; id < 10; ++id) REQUIRE(scene.result(id) == Verdict::store);
  scene.pass(2s);
  Progress progress = scene.collector.progress(scene.now);
  CHECK(progress.done == 10);
  CHECK(progress.failed == 0);
  CHECK_FALSE(progress.total);
  CHECK_FALSE(progress.workers);
  CHECK(progress.rate == 5);
  CHECK(progress.elapsed == 2s);
  scene.hear(wire::End{run, 10, false});
  CHECK(scene.collector.progress(scene.now).total == 10);
}
