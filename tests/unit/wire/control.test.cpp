#include <set>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "allocated.hpp"
#include "flaw_text.hpp"
#include "foreign.hpp"
#include "samples.hpp"
#include <fanmill/wire/control.hpp>

using namespace fanmill;
using namespace fanmill::wire;
using namespace fanmill::wire::test;
using Ids = std::vector<std::uint64_t>;

namespace {

[[nodiscard]] std::optional<Flaw> flaw_of(ByteView frame) {
  const Decoded<Control> decoded = decode_control(frame);
  if (decoded) return std::nullopt;
  return decoded.flaw();
}

template <class Message>
[[nodiscard]] Message taken(ByteView frame) {
  const Decoded<Control> decoded = decode_control(frame);
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<Message>(*decoded));
  return std::get<Message>(*decoded);
}

// A HELLO as somebody else packs it, one field at a time out of the ordinary.
struct ForeignHello {
  std::uint64_t role = 2;
  std::string reached = "tcp://head:5555";
  std::string host = "node7";
  std::string name = "sink";
  std::uint64_t slots = 1;
  std::uint64_t max_batch = 1;
  std::vector<std::string> results = {"tcp://node7:5601"};
  std::string key = "";

  [[nodiscard]] std::string frame() const {
    return packed(1, 1, role, 77, reached, host, 4711, name, slots, max_batch, 1000, false, results, key,
                  true, false, true);
  }
};

[[nodiscard]] std::string text_of(std::size_t size) {
  return std::string(size, 't');
}

[[nodiscard]] std::string ack(const Ids& ids, std::uint64_t outcome = 0) {
  return packed(1, 32, 5, outcome, ids, 900);
}

}  // namespace

TEST_CASE("control: every message comes back as it went") {
  std::set<std::size_t> kinds;
  for (const Control& message : control_samples()) {
    kinds.insert(message.index());
    CAPTURE(message.index());
    const Decoded<Control> decoded = decode_control(encode(message));
    REQUIRE(decoded);
    CHECK(*decoded == message);
  }
  CHECK(kinds.size() == std::variant_size_v<Control>);
}

TEST_CASE("control: what msgpack-c packs is what the protocol says") {
  const Hello hello = taken<Hello>(ForeignHello().frame());
  CHECK(hello.role == Role::sink);
  CHECK(hello.incarnation == Incarnation{77});
  CHECK(hello.reached == "tcp://head:5555");
  CHECK(hello.host == "node7");
  CHECK(hello.pid == 4711);
  CHECK(hello.name == "sink");
  CHECK(hello.max_message == 1000);
  CHECK(hello.results == std::vector<std::string>{"tcp://node7:5601"});
  CHECK(hello.has_store);
  CHECK_FALSE(hello.wants_item);
  CHECK(hello.wants_detail);

  const auto place = std::tuple("tcp://s:1", "key", 9, false, true);
  const SinkPlace expected{.endpoint = "tcp://s:1",
                           .key = "key",
                           .epoch = Incarnation{9},
                           .wants_item = false,
                           .wants_detail = true};
  CHECK(taken<Welcome>(packed(1, 2, 5, bin("\n"), bin("\t"), "lane", 6, place, 8)) ==
        Welcome{.run = RunId{5},
                .delimiter = "\n",
                .separator = "\t",
                .lane = "lane",
                .token = LaneToken{6},
                .sink = expected,
                .acknowledged = 8});
  CHECK(taken<Welcome>(packed(1, 2, 5, "\n", "", "lane", 6, place, 0)).delimiter == "\n");
  CHECK(taken<Refused>(packed(1, 3, "no")) == Refused{"no"});
  CHECK(taken<Ready>(packed(1, 4, 6)) == Ready{LaneToken{6}});
  CHECK(taken<Who>(packed(1, 5)) == Who{});
  CHECK(taken<SinkAt>(packed(1, 6, place)) == SinkAt{expected});
  CHECK(taken<Trouble>(packed(1, 7, "text")) == Trouble{"text"});
  CHECK(taken<Leaving>(packed(1, 8, 6, Ids{1, 2, 4, 4}, "why")) ==
        Leaving{.token = LaneToken{6}, .unstarted = {{1, 2}, {4, 4}}, .reason = "why"});
  CHECK(taken<Bye>(packed(1, 9)) == Bye{});
  CHECK(taken<Stop>(packed(1, 10)) == Stop{});
  CHECK(taken<Ack>(ack({1, 2}, 2)) ==
        Ack{.run = RunId{5}, .outcome = Outcome::dead, .ids = {{1, 2}}, .took = 900});
  CHECK(taken<End>(packed(1, 33, 5, 100, true, false)) ==
        End{.run = RunId{5}, .count = 100, .stopped = true, .partial = false});
  CHECK(taken<Ended>(packed(1, 34, 5, 1, 2, 3, 4)) ==
        Ended{.run = RunId{5}, .ok = 1, .failed = 2, .dead = 3, .duplicates = 4});
}

TEST_CASE("control: the bytes on the wire are these, for whoever writes a client") {
  CHECK(encode(Who{}) == "\x92\x01\x05");
  CHECK(encode(Ready{LaneToken{300}}) == ByteView("\x93\x01\x04\xcd\x01\x2c"));
  CHECK(encode(Ack{.run = RunId{7}, .outcome = Outcome::ok, .ids = {{1, 2}, {200, 200}}, .took = 300}) ==
        ByteView("\x96\x01\x20\x07\x00\x94\x01\x02\xcc\xc8\xcc\xc8\xcd\x01\x2c", 15));
}

TEST_CASE("hello: each limit may be reached and not passed") {
  const auto check_limit = [](auto change, auto limit) {
    ForeignHello hello;
    change(hello, limit);
    CHECK_FALSE(flaw_of(hello.frame()));
    change(hello, limit + 1);
    CHECK(flaw_of(hello.frame()) == Flaw::out_of_range);
  };
  check_limit([](ForeignHello& h, std::size_t n) { h.reached = text_of(n); }, max_endpoint);
  check_limit([](ForeignHello& h, std::size_t n) { h.host = text_of(n); }, max_name);
  check_limit([](ForeignHello& h, std::size_t n) { h.name = text_of(n); }, max_name);
  check_limit([](ForeignHello& h, std::size_t n) { h.key = text_of(n); }, max_key);
  check_limit([](ForeignHello& h, std::size_t n) { h.results.assign(n, "x"); }, max_endpoints);
  check_limit([](ForeignHello& h, std::size_t n) { h.results = {text_of(n)}; }, max_endpoint);
  check_limit([](ForeignHello& h, std::uint64_t n) { h.slots = n; }, std::uint64_t{max_slots});
  check_limit([](ForeignHello& h, std::uint64_t n) { h.max_batch = n; }, std::uint64_t{max_batch});
  check_limit([](ForeignHello& h, std::uint64_t n) { h.role = n; }, std::uint64_t{2});

  ForeignHello none;
  none.slots = 0;
  CHECK(flaw_of(none.frame()) == Flaw::out_of_range);
  none = ForeignHello();
  none.max_batch = 0;
  CHECK(flaw_of(none.frame()) == Flaw::out_of_range);
  none = ForeignHello();
  none.role = 0;
  CHECK(flaw_of(none.frame()) == Flaw::out_of_range);
  // A number that would be a good one if it were cut to 32 bits.
  none = ForeignHello();
  none.slots = (std::uint64_t{1} << 32) + 1;
  CHECK(flaw_of(none.frame()) == Flaw::out_of_range);
}

TEST_CASE("control: texts may be as long as their limit, and no longer") {
  const auto place = [](std::size_t endpoint, std::size_t key) {
    return std::tuple(text_of(endpoint), text_of(key), 9, false, true);
  };
  CHECK_FALSE(flaw_of(packed(1, 3, text_of(max_text))));
  CHECK(flaw_of(packed(1, 3, text_of(max_text + 1))) == Flaw::out_of_range);
  CHECK_FALSE(flaw_of(packed(1, 7, text_of(max_text))));
  CHECK(flaw_of(packed(1, 7, text_of(max_text + 1))) == Flaw::out_of_range);
  CHECK_FALSE(flaw_of(packed(1, 8, 0, Ids{}, text_of(max_text))));
  CHECK(flaw_of(packed(1, 8, 0, Ids{}, text_of(max_text + 1))) == Flaw::out_of_range);
  CHECK_FALSE(flaw_of(packed(1, 6, place(max_endpoint, max_key))));
  CHECK(flaw_of(packed(1, 6, place(max_endpoint + 1, 0))) == Flaw::out_of_range);
  CHECK(flaw_of(packed(1, 6, place(0, max_key + 1))) == Flaw::out_of_range);
  const auto welcome = [&](std::size_t delimiter, std::size_t separator, std::size_t lane) {
    return flaw_of(
        packed(1, 2, 5, bin(text_of(delimiter)), bin(text_of(separator)), text_of(lane), 6, place(0, 0), 0));
  };
  CHECK_FALSE(welcome(max_delimiter, max_separator, max_endpoint));
  CHECK(welcome(max_delimiter + 1, 0, 0) == Flaw::out_of_range);
  CHECK(welcome(0, max_separator + 1, 0) == Flaw::out_of_range);
  CHECK(welcome(0, 0, max_endpoint + 1) == Flaw::out_of_range);
}

TEST_CASE("control: counts reach to the last id and no further") {
  CHECK_FALSE(flaw_of(packed(1, 33, 5, max_task_id + 1, false, false)));
  CHECK(flaw_of(packed(1, 33, 5, max_task_id + 2, false, false)) == Flaw::out_of_range);
  for (const int place : {0, 1, 2}) {
    std::uint64_t counts[] = {0, 0, 0};
    counts[place] = max_task_id + 1;
    CHECK_FALSE(flaw_of(packed(1, 34, 5, counts[0], counts[1], counts[2], ~std::uint64_t{0})));
    counts[place] = max_task_id + 2;
    CHECK(flaw_of(packed(1, 34, 5, counts[0], counts[1], counts[2], 0)) == Flaw::out_of_range);
  }
  CHECK(flaw_of(ack({1, 1}, 3)) == Flaw::out_of_range);
}

TEST_CASE("ranges: ascending and disjoint, or a flaw") {
  CHECK_FALSE(flaw_of(ack({0, 0})));
  CHECK_FALSE(flaw_of(ack({0, 4, 5, 5, 7, max_task_id})));
  CHECK(flaw_of(ack({})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({3, 2})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({1, 5, 5, 6})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({7, 8, 1, 2})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({1, 2, 1, 2})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({0, max_task_id + 1})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({max_task_id + 1, max_task_id + 1})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({0, max_task_id, 0, 0})) == Flaw::out_of_range);
  CHECK(flaw_of(ack({1})) == Flaw::wrong_arity);
  CHECK(flaw_of(ack({1, 2, 3})) == Flaw::wrong_arity);
}

TEST_CASE("ranges: as many as the limit, and no more") {
  Ack full{.run = RunId{1}, .outcome = Outcome::ok, .ids = {}};
  for (TaskId id = 0; id < max_ranges; ++id) full.ids.push_back({3 * id, 3 * id + 1});
  CHECK(taken<Ack>(encode(full)) == full);

  Ids too_many;
  for (TaskId id = 0; id <= max_ranges; ++id) too_many.insert(too_many.end(), {2 * id, 2 * id});
  const std::string frame = ack(too_many);
  const std::size_t before = allocated();
  CHECK(flaw_of(frame) == Flaw::out_of_range);
  CHECK(allocated() - before < 4096);
}

TEST_CASE("hello: of another version can be told, so that it can be answered") {
  const std::string hello = ForeignHello().frame();
  CHECK(looks_like_opening(hello));
  CHECK(looks_like_opening(packed(2, 1, "of", "tomorrow")));
  CHECK(looks_like_opening(packed(2, 48)));
  CHECK(looks_like_opening(packed(0, 1)));
  CHECK(looks_like_opening(packed(70'000, 1)));
  CHECK_FALSE(looks_like_opening(packed(2, 2, "of", "tomorrow")));
  CHECK_FALSE(looks_like_opening(packed(2, 257)));
  CHECK_FALSE(looks_like_opening(packed(2)));
  CHECK_FALSE(looks_like_opening(packed(2) + '\x01'));
  CHECK_FALSE(looks_like_opening(packed("2", 1)));
  CHECK_FALSE(looks_like_opening(packed(2, "1")));
  CHECK_FALSE(looks_like_opening(packed(-2, 1)));
  CHECK_FALSE(looks_like_opening(""));
  CHECK_FALSE(looks_like_opening("\x92\x02"));
  CHECK_FALSE(looks_like_opening("hello"));
}

TEST_CASE("status: its answer can be told in another version too") {
  CHECK(looks_like_answer(encode(Status{})));
  CHECK(looks_like_answer(packed(2, 49, "of", "tomorrow")));
  CHECK(looks_like_answer(packed(2, 3, "no")));
  CHECK_FALSE(looks_like_answer(packed(2, 48)));
  CHECK_FALSE(looks_like_answer(packed(2, 1)));
  CHECK_FALSE(looks_like_answer("hello"));
}

namespace {

// A STATUS as somebody else packs it.
struct ForeignStatus {
  std::string host = "head";
  std::string address = "tcp://head:5555";
  std::string name = "node7:1";
  std::uint64_t stage = 1;
  std::uint64_t slots = 4;
  std::string trouble = "";
  std::size_t workers = 1;

  [[nodiscard]] std::string frame() const {
    const auto run = std::tuple(5, host, 4711, address, 1'000'000, 100, true, false,  //
                                40, 1, 2, 3, 10, 4096, 131072, 33554432, 47, 2, 1, 7, 9, 12'500, 1);
    const auto sink = std::tuple(true, false, true, "sink", "node8", 12, 777, 3, 900, 20);
    const auto worker = std::tuple(name, "node7", 1, stage, slots, 5, 8, 30, 6'250, 980, 1500, 2, trouble);
    return packed(1, 49, run, sink, workers, std::vector(workers, worker));
  }
};

}  // namespace

TEST_CASE("status: what msgpack-c packs is what the protocol says") {
  const Status status = taken<Status>(ForeignStatus().frame());
  const RunStatus& run = status.run;
  CHECK(run.run == RunId{5});
  CHECK(run.host == "head");
  CHECK(run.pid == 4711);
  CHECK(run.address == "tcp://head:5555");
  CHECK(run.elapsed == 1'000'000);
  CHECK(run.added == 100);
  CHECK(run.input_ended);
  CHECK_FALSE(run.stopped);
  CHECK(run.pending == 40);
  CHECK(run.unchecked == 1);
  CHECK(run.delayed == 2);
  CHECK(run.suspects == 3);
  CHECK(run.out == 10);
  CHECK(run.bytes == 4096);
  CHECK(run.window_tasks == 131072);
  CHECK(run.window_bytes == 33554432);
  CHECK(run.ok == 47);
  CHECK(run.failed == 2);
  CHECK(run.dead == 1);
  CHECK(run.restored == 7);
  CHECK(run.redelivered == 9);
  CHECK(run.rate == 12'500);
  CHECK(run.needed == 1);
  CHECK(status.sink == SinkStatus{.present = true,
                                  .lost = false,
                                  .has_store = true,
                                  .name = "sink",
                                  .host = "node8",
                                  .pid = 12,
                                  .epoch = Incarnation{777},
                                  .queue = 3,
                                  .took = 900,
                                  .seen = 20});
  CHECK(status.worker_count == 1);
  CHECK(status.workers == std::vector{WorkerStatus{.name = "node7:1",
                                                   .host = "node7",
                                                   .pid = 1,
                                                   .stage = WorkerStage::working,
                                                   .slots = 4,
                                                   .held = 5,
                                                   .credit = 8,
                                                   .done = 30,
                                                   .rate = 6'250,
                                                   .busy = 980,
                                                   .seen = 1500,
                                                   .lost = 2,
                                                   .trouble = ""}});
  CHECK(taken<Ask>(packed(1, 48)) == Ask{});
  CHECK(taken<Backlog>(packed(1, 44, 5, 300)) == Backlog{.run = RunId{5}, .results = 300});
}

TEST_CASE("status: each limit may be reached and not passed") {
  const auto check_limit = [](auto change, auto limit) {
    ForeignStatus status;
    change(status, limit);
    CHECK_FALSE(flaw_of(status.frame()));
    change(status, limit + 1);
    CHECK(flaw_of(status.frame()) == Flaw::out_of_range);
  };
  check_limit([](ForeignStatus& s, std::size_t n) { s.host = text_of(n); }, max_name);
  check_limit([](ForeignStatus& s, std::size_t n) { s.address = text_of(n); }, max_endpoint);
  check_limit([](ForeignStatus& s, std::size_t n) { s.name = text_of(n); }, max_name);
  check_limit([](ForeignStatus& s, std::size_t n) { s.trouble = text_of(n); }, max_name);
  check_limit([](ForeignStatus& s, std::uint64_t n) { s.stage = n; }, std::uint64_t{4});
  check_limit([](ForeignStatus& s, std::uint64_t n) { s.slots = n; }, std::uint64_t{max_slots});
  check_limit([](ForeignStatus& s, std::size_t n) { s.workers = n; }, max_status_workers);
  ForeignStatus none;
  none.slots = 0;
  CHECK(flaw_of(none.frame()) == Flaw::out_of_range);
}

TEST_CASE("status: a thousand workers fit, and what is too long for a person is cut") {
  Status status;
  status.worker_count = 5000;
  status.workers.resize(max_status_workers);
  for (WorkerStatus& worker : status.workers) {
    worker.name = text_of(max_name);
    worker.trouble = text_of(max_text);
  }
  const Status told = taken<Status>(encode(status));
  CHECK(told.worker_count == 5000);
  CHECK(told.workers.size() == max_status_workers);
  CHECK(told.workers.back().trouble == text_of(max_name));
}

TEST_CASE("status: a claim of many workers allocates nothing") {
  std::string frame = encode(Status{});
  frame.back() = static_cast<char>(0xdc);  // an array of 4096
  frame += std::string("\x10\x00", 2);
  const std::size_t before = allocated();
  CHECK(flaw_of(frame) == Flaw::truncated);
  CHECK(allocated() - before < 4096);
}

TEST_CASE("flaw: each has a name of its own") {
  std::set<std::string_view> names;
  for (int flaw = 0; flaw <= static_cast<int>(Flaw::out_of_range); ++flaw) {
    names.insert(name_of(static_cast<Flaw>(flaw)));
  }
  CHECK(names.size() == static_cast<std::size_t>(Flaw::out_of_range) + 1);
}
