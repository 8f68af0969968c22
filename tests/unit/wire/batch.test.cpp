#include <string>
#include <tuple>
#include <vector>

#include <catch2/catch.hpp>

#include "allocated.hpp"
#include "flaw_text.hpp"
#include "foreign.hpp"
#include "samples.hpp"
#include "task_blocks.hpp"
#include <fanmill/wire/results_reader.hpp>

using namespace fanmill;
using namespace fanmill::wire;
using namespace fanmill::wire::test;

namespace {

constexpr TasksHeader lane{.run = RunId{5}, .token = LaneToken{6}};
constexpr ResultsHeader sender{.run = RunId{5}, .token = LaneToken{6}, .worker = "node7", .records = false};

using ForeignTask = std::tuple<std::uint64_t, std::uint64_t, msgpack::type::raw_ref>;
using ForeignNeighbours = std::tuple<msgpack::type::raw_ref, std::vector<std::uint64_t>>;
using ForeignResult = std::tuple<std::uint64_t, std::uint64_t, int, msgpack::type::raw_ref>;
using ForeignDetail =
    std::tuple<std::uint64_t, std::uint64_t, std::string, msgpack::type::raw_ref, std::uint64_t,
               std::uint64_t, std::uint64_t, msgpack::type::raw_ref, std::uint64_t, std::uint64_t>;

[[nodiscard]] ForeignDetail foreign_detail(std::uint64_t cause) {
  return {cause, 1, "why", bin("err"), 2, 3, 4, bin("item"), 5, 6};
}

template <class... Tasks>
[[nodiscard]] std::string tasks_frame(const Tasks&... tasks) {
  return packed(1, 16, 5, 6, std::make_tuple(tasks...));
}

template <class... Results>
[[nodiscard]] std::string results_frame(const Results&... results) {
  return packed(1, 17, 5, 6, "node7", false, std::make_tuple(results...));
}

[[nodiscard]] std::optional<Flaw> tasks_flaw(ByteView frame) {
  std::vector<TaskView> tasks(3);
  const Decoded<TasksHeader> decoded = test::read_tasks(frame, tasks);
  if (decoded) return std::nullopt;
  CHECK(tasks.empty());
  return decoded.flaw();
}

[[nodiscard]] std::optional<Flaw> results_flaw(ByteView frame) {
  std::vector<ResultView> results(3);
  const Decoded<ResultsHeader> decoded = decode_results(frame, results);
  if (decoded) return std::nullopt;
  CHECK(results.empty());
  return decoded.flaw();
}

// What anybody makes of an entry of neighbours.
[[nodiscard]] std::vector<TaskView> foreign_neighbours(const msgpack::object& entry) {
  std::vector<TaskView> read;
  const auto [bytes, numbers] = entry.as<ForeignNeighbours>();
  REQUIRE(numbers.size() > 3);
  const char* at = bytes.ptr;
  for (std::size_t i = 3; i < numbers.size(); ++i) {
    read.push_back({numbers[0] + i - 3, static_cast<std::uint32_t>(numbers[1]), ByteView(at, numbers[i])});
    at += numbers[i] + numbers[2];
  }
  CHECK(at == bytes.ptr + bytes.size + numbers[2]);
  return read;
}

// TASKS and RESULTS of one entry of neighbours.
[[nodiscard]] std::optional<Flaw> neighbours_flaw(const std::string& bytes,
                                                  const std::vector<std::uint64_t>& numbers) {
  const auto flaw = tasks_flaw(tasks_frame(std::tuple(bin(bytes), numbers)));
  CHECK(results_flaw(results_frame(std::tuple(bin(bytes), numbers))) == flaw);
  // Not only where the frame ends.
  const std::string behind(20, 'b');
  CHECK(tasks_flaw(tasks_frame(std::tuple(bin(bytes), numbers), std::tuple(1, 0, bin(behind)))) == flaw);
  CHECK(results_flaw(results_frame(std::tuple(bin(bytes), numbers), std::tuple(1, 0, 0, bin(behind)))) ==
        flaw);
  return flaw;
}

[[nodiscard]] ResultView ok_result(TaskId id, ByteView output) {
  return {.id = id, .attempt = 0, .outcome = Outcome::ok, .output = output, .detail = {}};
}

}  // namespace

TEST_CASE("tasks: come back as they went") {
  const std::vector<TaskView> sent = task_samples();
  const std::string frame = write_tasks(lane, sent);
  std::vector<TaskView> tasks;
  const Decoded<TasksHeader> header = test::read_tasks(frame, tasks);
  REQUIRE(header);
  CHECK(header->run == lane.run);
  CHECK(header->token == lane.token);
  CHECK(tasks == sent);
  // Views into the frame, not copies.
  CHECK(tasks[2].payload.data() > frame.data());
  CHECK(tasks[2].payload.data() < frame.data() + frame.size());
}

TEST_CASE("results: come back as they went, with and without detail") {
  std::vector<ResultView> sent = result_samples();
  Detail of_success;
  of_success.slot = 1;
  of_success.item = "what was asked";
  sent[1].detail = of_success;
  const std::string frame = write_results(sender, sent);
  std::vector<ResultView> results;
  const Decoded<ResultsHeader> header = decode_results(frame, results);
  REQUIRE(header);
  CHECK(header->run == sender.run);
  CHECK(header->token == sender.token);
  CHECK(header->worker == sender.worker);
  CHECK(header->records == sender.records);
  CHECK(results == sent);
}

TEST_CASE("tasks: msgpack-c reads what we write") {
  const std::vector<TaskView> sent = task_samples();
  const msgpack::object_handle handle = unpack(write_tasks(lane, sent));
  std::tuple<int, int, std::uint64_t, std::uint64_t, std::vector<ForeignTask>> read;
  handle.get().convert(read);
  const auto& [version, type, run, token, tasks] = read;
  CHECK(std::tuple(version, type, run, token) == std::tuple(1, 16, 5U, 6U));
  REQUIRE(tasks.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const auto& [id, attempt, payload] = tasks[i];
    CHECK(TaskView{id, static_cast<std::uint32_t>(attempt), ByteView(payload.ptr, payload.size)} == sent[i]);
  }
}

TEST_CASE("results: msgpack-c reads what we write") {
  const std::vector<ResultView> sent = result_samples();
  const msgpack::object_handle handle = unpack(write_results(sender, sent));
  std::tuple<int, int, std::uint64_t, std::uint64_t, std::string, bool, std::vector<msgpack::object>> read;
  handle.get().convert(read);
  const auto& [version, type, run, token, worker, records, results] = read;
  CHECK(std::tuple(version, type, run, token, worker, records) == std::tuple(1, 17, 5U, 6U, "node7", false));
  REQUIRE(results.size() == sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) {
    REQUIRE(results[i].via.array.size == (sent[i].detail ? 5 : 2));
    if (!sent[i].detail) {
      const TaskView output{sent[i].id, sent[i].attempt, sent[i].output};
      CHECK(foreign_neighbours(results[i]) == std::vector{output});
      continue;
    }
    const auto [id, attempt, outcome, output] = results[i].as<ForeignResult>();
    ResultView result{.id = id,
                      .attempt = static_cast<std::uint32_t>(attempt),
                      .outcome = static_cast<Outcome>(outcome),
                      .output = ByteView(output.ptr, output.size),
                      .detail = {}};
    const auto detail = results[i].via.array.ptr[4].as<ForeignDetail>();
    const std::string error = std::get<2>(detail);
    result.detail = Detail{.cause = static_cast<Cause>(std::get<0>(detail)),
                           .code = static_cast<std::uint32_t>(std::get<1>(detail)),
                           .error = error,
                           .stderr_text = ByteView(std::get<3>(detail).ptr, std::get<3>(detail).size),
                           .slot = static_cast<std::uint32_t>(std::get<4>(detail)),
                           .started = std::get<5>(detail),
                           .took = std::get<6>(detail),
                           .item = ByteView(std::get<7>(detail).ptr, std::get<7>(detail).size),
                           .stdout_dropped = std::get<8>(detail),
                           .stderr_dropped = std::get<9>(detail)};
    CHECK(result == sent[i]);
  }
}

TEST_CASE("tasks: a payload may be bin or str, of every size") {
  for (const std::size_t size : {0, 1, 31, 32, 255, 256, 65'535, 65'536}) {
    CAPTURE(size);
    const std::string payload(size, 'p');
    for (const std::string& frame :
         {tasks_frame(std::tuple(1, 0, payload)), tasks_frame(std::tuple(1, 0, bin(payload))),
          tasks_frame(std::tuple(1, 0, payload), std::tuple(1, 0, bin(payload)))}) {
      std::vector<TaskView> tasks;
      REQUIRE(test::read_tasks(frame, tasks));
      for (const TaskView& task : tasks) CHECK(task == TaskView{1, 0, payload});
    }
  }
}

TEST_CASE("tasks: numbers may be as large as their limit, and no larger") {
  // With a task behind it, so that it is the common loop that reads it.
  const auto frame = [](std::uint64_t id, std::uint64_t attempt) {
    return tasks_frame(std::tuple(id, attempt, bin("x")), std::tuple(1, 0, bin("a payload behind it")));
  };
  CHECK_FALSE(tasks_flaw(frame(max_task_id, max_attempt)));
  CHECK(tasks_flaw(frame(max_task_id + 1, 0)) == Flaw::out_of_range);
  CHECK(tasks_flaw(frame(~std::uint64_t{0}, 0)) == Flaw::out_of_range);
  CHECK(tasks_flaw(frame(1, std::uint64_t{max_attempt} + 1)) == Flaw::out_of_range);
  CHECK(tasks_flaw(frame(1, std::uint64_t{1} << 32)) == Flaw::out_of_range);
}

TEST_CASE("results: numbers and texts may be as large as their limit, and no larger") {
  const auto frame = [](std::uint64_t id, std::uint64_t attempt, int outcome, const auto&... detail) {
    return results_frame(std::tuple(id, attempt, outcome, bin("x"), detail...),
                         std::tuple(1, 0, 0, bin("an output behind it")));
  };
  CHECK_FALSE(results_flaw(frame(max_task_id, max_attempt, 0)));
  CHECK(results_flaw(frame(max_task_id + 1, 0, 0)) == Flaw::out_of_range);
  CHECK(results_flaw(frame(1, std::uint64_t{max_attempt} + 1, 0)) == Flaw::out_of_range);
  CHECK(results_flaw(frame(1, 0, 3, foreign_detail(1))) == Flaw::out_of_range);
  CHECK(results_flaw(frame(1, 0, -1, foreign_detail(1))) == Flaw::out_of_range);

  CHECK_FALSE(results_flaw(frame(1, 0, 1, foreign_detail(1))));
  CHECK(results_flaw(frame(1, 0, 1, foreign_detail(6))) == Flaw::out_of_range);
  ForeignDetail detail = foreign_detail(1);
  std::get<1>(detail) = 0xffffffff;
  CHECK_FALSE(results_flaw(frame(1, 0, 1, detail)));
  std::get<1>(detail) = 0x100000000;
  CHECK(results_flaw(frame(1, 0, 1, detail)) == Flaw::out_of_range);
  detail = foreign_detail(1);
  std::get<2>(detail) = std::string(max_text, 'e');
  CHECK_FALSE(results_flaw(frame(1, 0, 1, detail)));
  std::get<2>(detail) = std::string(max_text + 1, 'e');
  CHECK(results_flaw(frame(1, 0, 1, detail)) == Flaw::out_of_range);
  detail = foreign_detail(1);
  std::get<4>(detail) = max_slots;
  CHECK_FALSE(results_flaw(frame(1, 0, 1, detail)));
  std::get<4>(detail) = std::uint64_t{max_slots} + 1;
  CHECK(results_flaw(frame(1, 0, 1, detail)) == Flaw::out_of_range);

  const auto from = [](std::size_t size) {
    return packed(1, 17, 5, 6, std::string(size, 'w'), true, std::make_tuple(std::tuple(1, 0, 0, bin("x"))));
  };
  CHECK_FALSE(results_flaw(from(max_name)));
  CHECK(results_flaw(from(max_name + 1)) == Flaw::out_of_range);
}

TEST_CASE("results: what failed says why, and what is ok has nothing to explain") {
  CHECK(results_flaw(results_frame(std::tuple(1, 0, 1, bin("x")))) == Flaw::wrong_arity);
  CHECK(results_flaw(results_frame(std::tuple(1, 0, 2, bin("a longer output")))) == Flaw::wrong_arity);
  CHECK(results_flaw(results_frame(std::tuple(1, 0, 1, bin("x"), foreign_detail(0)))) == Flaw::out_of_range);
  CHECK(results_flaw(results_frame(std::tuple(1, 0, 0, bin("x"), foreign_detail(2)))) == Flaw::out_of_range);
  CHECK_FALSE(results_flaw(results_frame(std::tuple(1, 0, 0, bin("x"), foreign_detail(0)))));
  CHECK_FALSE(results_flaw(results_frame(std::tuple(1, 0, 2, bin("x"), foreign_detail(5)))));
}

TEST_CASE("batch: holds at least one entry and at most max_batch") {
  CHECK(tasks_flaw(packed(1, 16, 5, 6, std::vector<int>())) == Flaw::out_of_range);
  CHECK(results_flaw(packed(1, 17, 5, 6, "w", false, std::vector<int>())) == Flaw::out_of_range);

  std::vector<TaskView> full(max_batch, TaskView{.id = 9, .attempt = 0, .payload = "a payload"});
  std::vector<TaskView> tasks;
  const std::string full_frame = write_tasks(lane, full);
  REQUIRE(test::read_tasks(full_frame, tasks));
  CHECK(tasks == full);
  const std::vector<ForeignTask> foreign(max_batch + 1, ForeignTask(9, 0, bin("a payload")));
  CHECK(tasks_flaw(packed(1, 16, 5, 6, foreign)) == Flaw::out_of_range);

  std::vector<ResultView> full_results(max_batch, ok_result(9, "an output"));
  std::vector<ResultView> results;
  const std::string results_frame = write_results(sender, full_results);
  REQUIRE(decode_results(results_frame, results));
  CHECK(results == full_results);
  const std::vector<ForeignResult> foreign_results(max_batch + 1, ForeignResult(9, 0, 0, bin("an output")));
  CHECK(results_flaw(packed(1, 17, 5, 6, "w", false, foreign_results)) == Flaw::out_of_range);
}

TEST_CASE("batch: a payload that claims more than the frame holds is truncated") {
  for (const ByteView size :
       {ByteView("\xc4\xff", 2), ByteView("\xc5\xff\xff", 3), ByteView("\xc6\xff\xff\xff\xff", 5),
        ByteView("\xdb\xff\xff\xff\xff", 5), ByteView("\xbf", 1)}) {
    const std::string behind(20, '\x01');
    CHECK(tasks_flaw("\x95\x01\x10\x05\x06\x91\x93\x01" + std::string(1, '\0') + std::string(size) +
                     behind) == Flaw::truncated);
    CHECK(results_flaw("\x97\x01\x11\x05\x06\xa1w\xc2\x91\x94\x01" + std::string(2, '\0') +
                       std::string(size) + behind) == Flaw::truncated);
  }
}

TEST_CASE("batch: what the last frame left in the vector does not show in the next") {
  std::vector<ResultView> results;
  std::vector<ResultView> failed = result_samples();
  const std::string first = write_results(sender, failed);
  REQUIRE(decode_results(first, results));
  const std::vector<ResultView> plain{ok_result(1, "one output"), ok_result(2, "two"), ok_result(3, "three"),
                                      ok_result(4, ""), ok_result(5, std::string_view(failed[1].output))};
  const std::string second = write_results(sender, plain);
  REQUIRE(decode_results(second, results));
  CHECK(results == plain);
}

TEST_CASE("batch: a reader gives the results of a frame in pieces, and the next frame's after it") {
  std::vector<ResultView> sent;
  for (TaskId id = 0; id < 1000; ++id) sent.push_back(ok_result(id, "an output"));
  ResultsReader reader;
  for (const std::size_t count : {std::size_t{1000}, std::size_t{1}, std::size_t{64}, std::size_t{65}}) {
    const std::vector<ResultView> some(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(count));
    const std::string frame = write_results(sender, some);
    REQUIRE(reader.open(frame));
    std::vector<ResultView> read;
    for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
      read.insert(read.end(), piece.begin(), piece.end());
    }
    CHECK(read == some);
  }
}

TEST_CASE("batch: a reader has nothing of a frame whose last result is not right") {
  std::string frame = write_results(sender, std::vector<ResultView>(200, ok_result(7, "an output")));
  frame.pop_back();
  ResultsReader reader;
  const auto header = reader.open(frame);
  REQUIRE_FALSE(header);
  CHECK(header.flaw() == Flaw::truncated);
  CHECK(reader.next().empty());
}

TEST_CASE("neighbours: a reader offers all of an entry as it lies, or gives it in pieces") {
  std::vector<ResultView> sent;
  for (TaskId id = 0; id < 150; ++id) sent.push_back(ok_result(id, "an output"));
  sent.push_back(result_samples()[3]);  // failed
  for (TaskId id = 300; id < 305; ++id) sent.push_back(ok_result(id, id == 302 ? "" : "x"));
  sent.push_back(ok_result(7, "alone"));
  ResultsHeader of_records = sender;
  of_records.records = true;
  const std::string frame = write_results(of_records, sent, "\n");
  ResultsReader reader;
  REQUIRE(reader.open(frame, {}, "\n"));
  std::vector<ResultView> read;
  const auto take_piece = [&] {
    const auto piece = reader.next();
    read.insert(read.end(), piece.begin(), piece.end());
  };

  auto block = reader.next_block();
  REQUIRE(block);
  CHECK(block->ids() == IdRange{0, 149});
  std::string text;
  for (int i = 0; i < 150; ++i) text += i == 0 ? "an output" : "\nan output";
  CHECK(block->bytes() == text);
  CHECK(block->is_divided());
  // To offer it is not to pass over it; and what was begun in pieces is offered no more.
  take_piece();
  CHECK_FALSE(reader.next_block());
  while (read.size() < sent.size()) take_piece();
  CHECK(read == sent);

  REQUIRE(reader.open(frame, {}, "\n"));
  read.clear();
  REQUIRE(reader.next_block());
  reader.skip_block();
  CHECK_FALSE(reader.next_block());
  take_piece();
  CHECK(read == std::vector<ResultView>(sent.begin() + 150, sent.end()));
  CHECK_FALSE(reader.next_block());

  const std::string last = write_results(of_records, {sent.end() - 1, sent.end()}, "\n");
  REQUIRE(reader.open(last, {}, "\t"));
  block = reader.next_block();
  REQUIRE(block);
  CHECK(block->ids() == IdRange{7, 7});
  CHECK(block->is_divided());  // by anything
  reader.skip_block();
  CHECK(reader.next().empty());
  CHECK_FALSE(reader.next_block());
}

TEST_CASE("neighbours: what is between them is what it is, and of whatever size") {
  const auto is_divided = [](ByteView between, ByteView delimiter, bool records = true) {
    ResultsHeader header = sender;
    header.records = records;
    const std::string frame =
        write_results(header, std::vector{ok_result(4, "a"), ok_result(5, "bb")}, between);
    ResultsReader reader;
    REQUIRE(reader.open(frame, {}, delimiter));
    return reader.next_block()->is_divided();
  };
  CHECK(is_divided("\n", "\n"));
  CHECK_FALSE(is_divided("\n", "\r"));
  CHECK_FALSE(is_divided("\n", ""));
  CHECK_FALSE(is_divided("\n", "\n\n"));
  CHECK_FALSE(is_divided("", "\n"));
  CHECK(is_divided("", ""));
  CHECK(is_divided("--", "--"));
  CHECK_FALSE(is_divided("--", "-+"));
  // What is no records is not divided by anything.
  CHECK(is_divided("", "\n", false));
  CHECK_FALSE(is_divided("\n", "\n", false));
}

TEST_CASE("neighbours: what is said to stand between them is looked at") {
  for (const auto& [bytes, sizes] :
       {std::pair<std::string, std::vector<std::uint64_t>>{"a\nbb\n\nc", {1, 2, 0, 1}},
        {"a\nbb\tc", {1, 2, 1}},
        {"\n\n\n", {0, 0, 0, 0}},
        {"a\n\n", {1, 0, 0}},
        {"\na\n", {1, 1}}}) {
    std::vector<std::uint64_t> numbers{9, 0, 1};
    numbers.insert(numbers.end(), sizes.begin(), sizes.end());
    const std::string frame =
        packed(1, 17, 5, 6, "node7", true, std::make_tuple(std::tuple(bin(bytes), numbers)));
    ResultsReader reader;
    REQUIRE(reader.open(frame, {}, "\n"));
    const auto block = reader.next_block();
    REQUIRE(block);
    CHECK(block->is_divided() == (bytes != "a\nbb\tc" && bytes != "\na\n"));
  }
}

TEST_CASE("batch: decoding into a used batch allocates nothing") {
  const std::vector<TaskView> sent(500, TaskView{.id = 70'000, .attempt = 0, .payload = "0123456789"});
  const std::string frame = write_tasks(lane, sent);
  TaskBatch tasks;
  REQUIRE(decode_tasks(frame, tasks));
  const std::size_t before = allocated();
  const bool taken = static_cast<bool>(decode_tasks(frame, tasks));
  const std::size_t after = allocated();
  CHECK(taken);
  CHECK(after == before);
}

TEST_CASE("batch: a writer counts as it goes, and begins anew after take") {
  TasksWriter writer;
  CHECK(writer.count() == 0);
  CHECK(writer.bytes() == 0);
  std::string first;
  for (int round = 0; round < 3; ++round) {
    writer.begin(lane);
    const std::size_t empty = writer.bytes();
    CHECK(empty > 0);
    for (const TaskView& task : task_samples()) writer.add(task);
    CHECK(writer.count() == task_samples().size());
    const std::size_t bytes = writer.bytes();
    const Bytes frame = writer.take();
    CHECK(frame.size() == bytes);
    CHECK(writer.count() == 0);
    CHECK(writer.bytes() == 0);
    if (round == 0) first = frame.view();
    CHECK(frame.view() == first);
  }
}

TEST_CASE("neighbours: tasks that lie in one block go as they lie, each as it was") {
  std::string block;
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < 300; ++i) {
    block.append(i == 150 ? 70'000 : i, static_cast<char>('a' + i % 26));
    ends.push_back(block.size());
    block.append(i < 100 ? "\n" : i < 200 ? "" : i < 250 ? "\r\n" : i % 2 == 0 ? "\n" : "\r\n");
  }
  std::vector<TaskView> sent;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    // Every so often an id is left out, or the attempt is another.
    sent.push_back({i + i / 70, i / 90 == 2 ? 7U : 0U, ByteView(block).substr(begin, ends[i] - begin)});
    begin = ends[i];
    while (i + 1 < ends.size() && begin < block.size() && (block[begin] == '\n' || block[begin] == '\r'))
      ++begin;
  }
  for (const std::size_t count : {1, 2, 3, 4, 5, 64, 65, 100, 300}) {
    CAPTURE(count);
    const std::vector<TaskView> some(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(count));
    const std::string frame = write_tasks_of(lane, some);
    std::vector<TaskView> tasks;
    REQUIRE(test::read_tasks(frame, tasks));
    CHECK(tasks == some);
    // A size of one byte for nearly each, and 20 for the others.
    if (count == 100) CHECK(frame.size() < ends[count - 1] + count + 100);
  }
}

TEST_CASE("neighbours: many bytes go in frames of their own, and are not copied") {
  Bytes memory(120'000);  // rounded up to 128 KiB: frames are of 16 KiB and more
  std::vector<Cut> cuts;
  for (std::size_t i = 0; i < 57; ++i) {
    const std::size_t size = i == 30 ? 20'000 : 1500 + i;
    cuts.push_back({static_cast<std::uint32_t>(memory.size()), static_cast<std::uint32_t>(size)});
    memory.append(std::string(size, static_cast<char>('a' + i % 26)));
    if (i < 43) memory.append("\n");
  }
  std::vector<TaskView> sent;
  const auto block_of = [&](std::size_t first, std::size_t count) {
    const TaskBlock block{first, 2, memory.data(), std::span(cuts).subspan(first, count), &memory};
    for (std::size_t i = 0; i < count; ++i) sent.push_back(block[i]);
    return block;
  };
  TasksWriter writer;
  writer.begin(lane, 1000);
  writer.add(block_of(0, 5));    // too few bytes
  writer.add(block_of(5, 20));   // a frame
  writer.add(block_of(30, 1));   // another one, of one task
  writer.add(block_of(31, 26));  // two more: it has two ways of being divided
  writer.add(block_of(5, 2));    // and in the frame again
  std::vector<ByteView> more;
  for (const auto& [from, bytes] : writer.own_frames()) {
    CHECK(from == &memory);
    CHECK(bytes.data() >= memory.data());
    CHECK(bytes.data() + bytes.size() <= memory.data() + memory.size());
    more.push_back(bytes);
  }
  CHECK(more.size() == 4);
  const Bytes frame = writer.take();
  CHECK(frame.size() < 12'000);
  std::vector<TaskView> tasks;
  REQUIRE(test::read_tasks(frame, tasks, more));
  REQUIRE(tasks == sent);
  CHECK(tasks[25].payload.data() == sent[25].payload.data());

  // Each has to be there, in its place, and no other.
  const auto flaw_with = [&](const std::vector<ByteView>& frames) {
    const Decoded<TasksHeader> header = test::read_tasks(frame, tasks, frames);
    CHECK(tasks.empty() == !header);
    return header ? std::optional<Flaw>() : header.flaw();
  };
  CHECK(flaw_with({}) == Flaw::wrong_type);
  CHECK(flaw_with({more[0], more[1], more[2]}) == Flaw::wrong_type);
  CHECK(flaw_with({more[0], more[1], more[2], more[3], more[3]}) == Flaw::trailing);
  CHECK(flaw_with({more[1], more[0], more[2], more[3]}) == Flaw::truncated);
  CHECK(flaw_with({more[0], more[0], more[2], more[3]}) == Flaw::trailing);
  CHECK(flaw_with({more[0], more[1].substr(1), more[2], more[3]}) == Flaw::truncated);
  CHECK_FALSE(flaw_with(more));

  // What is between them may be known.
  writer.begin(lane);
  writer.add(block_of(0, 43));
  const Bytes looked_for = writer.take();
  TaskBlock known = block_of(0, 43);
  known.between = 1;
  writer.begin(lane);
  writer.add(known);
  CHECK(writer.take().view() == looked_for.view());

  // Payloads of no bytes at all are no frame.
  const std::vector<Cut> nothing(10);
  writer.begin(lane, 1000);
  writer.add(TaskBlock{1, 0, nullptr, nothing, &memory});
  CHECK(writer.own_frames().empty());
  REQUIRE(test::read_tasks(writer.take(), tasks));
  CHECK(tasks.size() == 10);
  // Nor is what keeps much more memory than it needs.
  sent.clear();
  writer.begin(lane, 1000);
  writer.add(block_of(5, 8));
  CHECK(writer.own_frames().empty());
  const Bytes copied = writer.take();
  REQUIRE(test::read_tasks(copied, tasks));
  CHECK(tasks == sent);

  // What cannot be shared, and where it is not asked for, is copied.
  writer.begin(lane);
  writer.add(block_of(5, 20));
  CHECK(writer.own_frames().empty());
  CHECK(writer.take().size() > 1000);
  writer.begin(lane, 1000);
  writer.add(TaskBlock{0, 0, memory.data(), cuts});
  CHECK(writer.own_frames().empty());
  CHECK(writer.take().size() > memory.size());
}

TEST_CASE("neighbours: what others make of them") {
  const std::vector<TaskView> sent = task_neighbours(300);
  using Frame = std::tuple<int, int, std::uint64_t, std::uint64_t, std::vector<msgpack::object>>;
  const msgpack::object_handle handle = unpack(write_tasks_of(lane, sent));
  const auto tasks = std::get<4>(handle.get().as<Frame>());
  REQUIRE(tasks.size() == 1);
  CHECK(foreign_neighbours(tasks.front()) == sent);

  // One or a few go as tasks of their own: who takes one at a time need not know neighbours.
  const msgpack::object_handle few = unpack(write_tasks_of(lane, {sent.begin(), sent.begin() + 3}));
  const auto alone = std::get<4>(few.get().as<Frame>());
  REQUIRE(alone.size() == 3);
  const auto [id, attempt, payload] = alone[2].as<ForeignTask>();
  CHECK(TaskView{id, static_cast<std::uint32_t>(attempt), ByteView(payload.ptr, payload.size)} == sent[2]);
}

TEST_CASE("neighbours: results stand in their frame with what is asked for between them") {
  for (const ByteView between : {"", "\n", "\r\n", "sixteen bytes are"}) {
    std::vector<ResultView> sent;
    for (const TaskView& task : task_neighbours(7)) sent.push_back(ok_result(task.id, task.payload));
    sent.push_back(ok_result(3, "another"));
    const std::string frame = write_results(sender, sent, between.substr(0, most_between));
    std::vector<ResultView> results;
    REQUIRE(decode_results(frame, results));
    CHECK(results == sent);
    for (std::size_t i = 1; i + 1 < sent.size(); ++i) {
      const ByteView before = results[i - 1].output;
      const ByteView follows(before.data() + before.size(), std::min(between.size(), most_between));
      CHECK(follows == between.substr(0, most_between));
      CHECK(results[i].output.data() == follows.data() + follows.size());
    }
  }
}

TEST_CASE("neighbours: numbers that do not fit are a flaw") {
  CHECK_FALSE(neighbours_flaw("onetwo", {1, 0, 0, 3, 3}));
  CHECK_FALSE(neighbours_flaw("one, two", {1, 0, 2, 3, 3}));
  CHECK_FALSE(neighbours_flaw("", {max_task_id, max_attempt, 0, 0}));
  CHECK_FALSE(neighbours_flaw("one", {1, 0, 1'000'000, 3}));
  CHECK(neighbours_flaw("onetwo", {1, 0, 0, 3, 2}) == Flaw::trailing);
  CHECK(neighbours_flaw("onetwo", {1, 0, 0, 3}) == Flaw::trailing);
  CHECK(neighbours_flaw("onetwo", {1, 0, 0, 3, 4}) == Flaw::truncated);
  CHECK(neighbours_flaw("onetwo", {1, 0, 0, 3, ~std::uint64_t{0}}) == Flaw::truncated);
  CHECK(neighbours_flaw("onetwo", {1, 0, 0, 3, 3, 1}) == Flaw::truncated);
  CHECK(neighbours_flaw("onetwo", {1, 0, 1, 3, 3}) == Flaw::truncated);
  CHECK(neighbours_flaw("onetwo", {1, 0, ~std::uint64_t{0}, 3, 3}) == Flaw::truncated);
  CHECK(neighbours_flaw("onetwo", {1, 0, ~std::uint64_t{0} - 2, 3, 3}) == Flaw::truncated);
  CHECK(neighbours_flaw("onetwo", {max_task_id, 0, 0, 3, 3}) == Flaw::out_of_range);
  CHECK(neighbours_flaw("onetwo", {max_task_id + 1, 0, 0, 6}) == Flaw::out_of_range);
  CHECK(neighbours_flaw("onetwo", {1, max_attempt + 1, 0, 6}) == Flaw::out_of_range);
  CHECK(neighbours_flaw("", {1, 0, 0}) == Flaw::wrong_arity);
  CHECK(neighbours_flaw("", {}) == Flaw::wrong_arity);
}

TEST_CASE("neighbours: they count, each of them, for what a frame may hold") {
  std::vector<std::uint64_t> numbers(3 + max_batch - 1, 0);
  const auto one = std::tuple(1, 0, bin("x"));
  const auto two = std::tuple(bin("xy"), std::vector<std::uint64_t>{1, 0, 0, 1, 1});
  std::vector<TaskView> tasks;
  REQUIRE(test::read_tasks(tasks_frame(one, std::tuple(bin(""), numbers)), tasks));
  CHECK(tasks.size() == max_batch);
  CHECK(tasks_flaw(tasks_frame(two, std::tuple(bin(""), numbers))) == Flaw::out_of_range);
  CHECK(tasks_flaw(tasks_frame(std::tuple(bin(""), numbers), two)) == Flaw::out_of_range);
  CHECK(tasks_flaw(tasks_frame(std::tuple(bin(""), numbers), one, one)) == Flaw::out_of_range);
  CHECK(results_flaw(results_frame(two, std::tuple(bin(""), numbers))) == Flaw::out_of_range);
  CHECK(results_flaw(results_frame(std::tuple(bin(""), numbers), two)) == Flaw::out_of_range);
  numbers.resize(3 + max_batch + 1);
  CHECK(neighbours_flaw("", numbers) == Flaw::out_of_range);
}

TEST_CASE("results: a writer says which ids it has written") {
  ResultsWriter writer;
  writer.begin(sender);
  for (const TaskId id : {8, 9, 3, 4, 5, 6, 1, 11, 10}) writer.add(ok_result(id, "an output"));
  ResultView failed = result_samples()[3];
  failed.id = 7;
  writer.add(failed);
  std::vector<IdRange> ids{{70, 80}};
  static_cast<void>(writer.take(&ids));
  CHECK(ids == std::vector<IdRange>{{1, 1}, {3, 11}});
  writer.begin(sender);
  writer.add(ok_result(2, ""));
  static_cast<void>(writer.take(&ids));
  CHECK(ids == std::vector<IdRange>{{2, 2}});
}

TEST_CASE("batch: begin forgets what was not taken") {
  ResultsWriter writer;
  writer.begin(sender);
  writer.add(ok_result(1, "dropped"));
  writer.begin(sender);
  writer.add(ok_result(2, "kept"));
  CHECK(writer.count() == 1);
  CHECK(writer.take().view() == write_results(sender, {ok_result(2, "kept")}));
}

TEST_CASE("batch: a batch after a like one takes one piece of memory, of the right size from the start") {
  TasksWriter writer;
  std::vector<std::size_t> rooms;
  for (int round = 0; round < 3; ++round) {
    writer.begin(lane);
    const char* const begun = writer.view().data();
    for (TaskId id = 0; id < 600; ++id)
      writer.add({.id = id, .attempt = 0, .payload = "sixty-four bytes or so"});
    const Bytes frame = writer.take();
    if (round > 0) CHECK(frame.data() == begun);
    rooms.push_back(frame.room());
  }
  CHECK(rooms[1] <= rooms[0]);
  CHECK(rooms[2] == rooms[1]);
}
