#include "samples.hpp"

#include "task_blocks.hpp"

namespace fanmill::wire::test {

namespace {

constexpr RunId run{0xfedcba9876543210};
constexpr LaneToken token{0x0123456789abcdef};

// Static, because results are views.
const std::string long_bytes(300, '\xff');
const std::string longer_bytes(70'000, 'b');

[[nodiscard]] Detail detail_of(Cause cause, std::uint32_t code) {
  Detail detail;
  detail.cause = cause;
  detail.code = code;
  detail.error = "it broke";
  detail.stderr_text = long_bytes;
  detail.slot = 7;
  detail.started = 1'700'000'000'123'456;
  detail.took = 70'000;
  detail.item = ByteView("a\0b", 3);
  detail.stdout_dropped = 5'000'000'000;
  detail.stderr_dropped = 3;
  return detail;
}

[[nodiscard]] Decoded<std::string> rewrite_control(ByteView frame) {
  const Decoded<Control> message = decode_control(frame);
  if (!message) return message.flaw();
  return encode(*message);
}

[[nodiscard]] Decoded<std::string> rewrite_tasks(ByteView frame) {
  std::vector<TaskView> tasks;
  const Decoded<TasksHeader> header = read_tasks(frame, tasks);
  if (!header) return header.flaw();
  return write_tasks_of(*header, tasks);
}

[[nodiscard]] Decoded<std::string> rewrite_results(ByteView frame) {
  std::vector<ResultView> results;
  const Decoded<ResultsHeader> header = decode_results(frame, results);
  if (!header) return header.flaw();
  return write_results_of(*header, results);
}

}  // namespace

std::vector<Control> control_samples() {
  const SinkPlace place{.endpoint = "tcp://10.0.0.1:5600",
                        .key = std::string(40, 'k'),
                        .epoch = Incarnation{0x8000000000000001},
                        .wants_item = true,
                        .wants_detail = false};
  Hello worker;
  worker.role = Role::worker;
  worker.incarnation = Incarnation{42};
  worker.reached = "tcp://head:5555";
  worker.host = "node7";
  worker.pid = 31337;
  worker.name = "w\xc3\xb6rker";
  worker.slots = 16;
  worker.max_batch = 1;
  worker.marks = true;
  Hello sink = worker;
  sink.role = Role::sink;
  sink.results = {"tcp://node7:5601", "ipc:///run/fanmill/results"};
  sink.results_key = std::string(40, 'r');
  sink.has_store = true;
  sink.wants_detail = true;
  Status status;
  status.run = {.run = run,
                .host = "head",
                .pid = 31337,
                .address = "tcp://head:5555",
                .elapsed = 3'600'000'000,
                .added = 70'000,
                .input_ended = true,
                .stopped = false,
                .pending = 300,
                .unchecked = 1,
                .delayed = 2,
                .suspects = 3,
                .out = 128,
                .bytes = 5'000'000'000,
                .window_tasks = 131072,
                .window_bytes = 33554432,
                .ok = 69'000,
                .failed = 500,
                .dead = 72,
                .restored = 4,
                .redelivered = 5,
                .rate = 12'345'678,
                .needed = 6};
  status.sink = {.present = true,
                 .lost = true,
                 .has_store = true,
                 .name = "sink",
                 .host = "node8",
                 .pid = 7,
                 .epoch = Incarnation{0x8000000000000001},
                 .queue = 8,
                 .took = 900,
                 .seen = 10};
  status.worker_count = 2;
  status.workers = {{.name = "w",
                     .host = "node7",
                     .pid = 1,
                     .stage = WorkerStage::alone,
                     .slots = 16,
                     .held = 17,
                     .credit = 18,
                     .done = 19,
                     .rate = 20,
                     .busy = 1000,
                     .seen = 22,
                     .lost = 23,
                     .trouble = "cannot reach its lane"},
                    {}};
  return {
      worker,
      sink,
      Welcome{.run = run,
              .delimiter = "\n",
              .separator = "\t",
              .lane = "tcp://head:5560",
              .token = token,
              .sink = place},
      Welcome{.run = run, .delimiter = "", .separator = "", .lane = "", .token = LaneToken{}, .sink = {}},
      Refused{.reason = "a sink is there already"},
      Ready{.token = token},
      Who{},
      SinkAt{.sink = place},
      Trouble{.text = "cannot reach lane tcp://head:5561 though control works"},
      Leaving{.token = token, .unstarted = {{0, 0}, {2, 130}, {131, 70'000}}, .reason = "SIGTERM"},
      Leaving{},
      Bye{},
      Stop{},
      Ack{.run = run, .outcome = Outcome::failed, .ids = {{3, 5}, {max_task_id, max_task_id}}, .took = 70000},
      End{.run = run, .count = max_task_id + 1, .stopped = true, .partial = true},
      Ended{.run = run, .ok = 9998, .failed = 2, .dead = 1, .duplicates = 3},
      Check{.run = run, .first = 70'000, .keys = {{1, 0xffffffffffffffff}, {0, 2}}},
      Check{.run = run, .first = 0, .keys = {}},
      Fresh{.run = run, .ids = {{1, 300}}},
      Failed{.run = run, .attempts = {{5, 0}, {70'000, 3}}},
      Retry{.run = run, .attempts = {{5, 0}}},
      Keep{.run = run, .attempts = {{max_task_id, max_attempt}}},
      Dead{.run = run, .attempt = {7, 4}, .history = "node7:1 died, node8:2 died", .item = "a\nb"},
      Mark{.run = run, .token = token, .mark = 2},
      Held{.token = token, .mark = 2, .received = 1000, .ids = {{4, 4}, {6, 900}}},
      Held{},
      Recall{.token = token, .number = 3, .most = 70000},
      Recall{},
      Given{.token = token, .number = 3, .ids = {{4, 4}, {6, 900}}},
      Given{},
      Marked{.run = run, .token = token, .mark = 2},
      Backlog{.run = run, .results = 70'000},
      Ask{},
      status,
      Status{}};
}

std::vector<TaskView> task_samples() {
  return {{.id = 0, .attempt = 0, .payload = ""},
          {.id = 127, .attempt = 127, .payload = ByteView("\0\xff", 2)},
          {.id = 128, .attempt = 128, .payload = long_bytes},
          {.id = 65'535, .attempt = 0, .payload = "one"},
          {.id = 65'536, .attempt = max_attempt, .payload = longer_bytes},
          {.id = 0x100000000, .attempt = 1, .payload = "two"},
          {.id = max_task_id, .attempt = 2, .payload = "three"}};
}

std::vector<TaskView> task_neighbours(TaskId first) {
  static const std::string block = "one\ntwo\n\nfour\nfive and " + long_bytes + "\n";
  std::vector<TaskView> tasks;
  for (std::size_t at = 0; at < block.size();) {
    const std::size_t size = block.find('\n', at) - at;
    tasks.push_back({first++, 1, ByteView(block).substr(at, size)});
    at += size + 1;
  }
  return tasks;
}

std::vector<ResultView> result_samples() {
  const auto ok = [](TaskId id, ByteView output) {
    return ResultView{.id = id, .attempt = 0, .outcome = Outcome::ok, .output = output, .detail = {}};
  };
  return {ok(0, ""),
          ok(300, long_bytes),
          ok(70'000, longer_bytes),
          {.id = 255,
           .attempt = 3,
           .outcome = Outcome::failed,
           .output = "half",
           .detail = detail_of(Cause::exit, 255)},
          ok(5, "five"),
          {.id = max_task_id,
           .attempt = 2,
           .outcome = Outcome::dead,
           .output = "",
           .detail = detail_of(Cause::lost, 0)}};
}

std::string write_tasks(const TasksHeader& header, const std::vector<TaskView>& tasks) {
  TasksWriter writer;
  writer.begin(header);
  for (const TaskView& task : tasks) writer.add(task);
  return std::string(writer.take().view());
}

std::string write_tasks_of(const TasksHeader& header, const std::vector<TaskView>& tasks) {
  TasksWriter writer;
  writer.begin(header);
  add_in_blocks(writer, tasks);
  return std::string(writer.take().view());
}

std::string write_results(const ResultsHeader& header, const std::vector<ResultView>& results,
                          ByteView between) {
  ResultsWriter writer;
  writer.begin(header, between);
  for (const ResultView& result : results) writer.add(result);
  return std::string(writer.take().view());
}

std::string write_results_of(const ResultsHeader& header, const std::vector<ResultView>& results) {
  ByteView between;
  if (results.size() > 1 && !results[0].detail && !results[1].detail && results[1].id == results[0].id + 1) {
    const ByteView first = results[0].output;
    const std::ptrdiff_t size = results[1].output.data() - first.data() - std::ssize(first);
    if (size >= 0 && size <= std::ptrdiff_t{most_between})
      between = {first.data() + first.size(), static_cast<std::size_t>(size)};
  }
  return write_results(header, results, between);
}

std::vector<Sample> all_samples() {
  std::vector<Sample> all;
  for (const Control& message : control_samples()) {
    all.push_back({"control " + std::to_string(all.size()), encode(message), rewrite_control});
  }
  // Without the largest payloads, so that every truncation of these can be tried.
  std::vector<TaskView> tasks = task_samples();
  std::vector<ResultView> results = result_samples();
  for (TaskView& task : tasks) task.payload = task.payload.substr(0, 300);
  for (ResultView& result : results) result.output = result.output.substr(0, 300);
  all.push_back({"tasks", write_tasks({.run = run, .token = token}, tasks), rewrite_tasks});
  all.push_back(
      {"results",
       write_results({.run = run, .token = token, .worker = "node7:31337", .records = true}, results),
       rewrite_results});

  TasksWriter several;
  several.begin({.run = run, .token = token});
  add_in_blocks(several, task_neighbours(126));
  several.add({.id = 5, .attempt = 0, .payload = "alone"});
  add_in_blocks(several, task_neighbours(65'534));
  all.push_back({"neighbours", std::string(several.take().view()), rewrite_tasks});
  std::vector<ResultView> outputs;
  for (const TaskView& task : task_neighbours(126)) {
    outputs.push_back(
        {.id = task.id, .attempt = 1, .outcome = Outcome::ok, .output = task.payload, .detail = {}});
  }
  outputs.insert(outputs.end(), results.begin(), results.end());
  all.push_back({"results of neighbours",
                 write_results({.run = run, .token = token, .worker = "w", .records = true}, outputs, "\r\n"),
                 rewrite_results});
  return all;
}

}  // namespace fanmill::wire::test
