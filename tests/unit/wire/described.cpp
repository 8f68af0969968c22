#include "described.hpp"

#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "samples.hpp"
#include "task_blocks.hpp"

namespace fanmill::wire::test {

namespace {

[[nodiscard]] Json bin(ByteView bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += digits[static_cast<unsigned char>(byte) >> 4];
    hex += digits[static_cast<unsigned char>(byte) & 15];
  }
  return Json{{"bin", hex}};
}

template <class Id>
[[nodiscard]] std::uint64_t number(Id id) {
  return static_cast<std::uint64_t>(id);
}

[[nodiscard]] Json flat(const std::vector<IdRange>& ranges) {
  Json ids = Json::array();
  for (const IdRange& range : ranges) {
    ids.push_back(range.first);
    ids.push_back(range.last);
  }
  return ids;
}

[[nodiscard]] Json fields(const SinkPlace& place) {
  return {{"endpoint", place.endpoint},
          {"key", place.key},
          {"epoch", number(place.epoch)},
          {"wants_item", place.wants_item},
          {"wants_detail", place.wants_detail}};
}

[[nodiscard]] Json fields(const Hello& hello) {
  return {{"role", number(hello.role)},
          {"incarnation", number(hello.incarnation)},
          {"reached", hello.reached},
          {"host", hello.host},
          {"pid", hello.pid},
          {"name", hello.name},
          {"slots", hello.slots},
          {"max_batch", hello.max_batch},
          {"max_message", hello.max_message},
          {"marks", hello.marks},
          {"results", hello.results},
          {"results_key", hello.results_key},
          {"has_store", hello.has_store},
          {"wants_item", hello.wants_item},
          {"wants_detail", hello.wants_detail}};
}

[[nodiscard]] Json fields(const Welcome& welcome) {
  return {{"run", number(welcome.run)},          {"delimiter", bin(welcome.delimiter)},
          {"separator", bin(welcome.separator)}, {"lane", welcome.lane},
          {"token", number(welcome.token)},      {"sink", fields(welcome.sink)},
          {"acknowledged", welcome.acknowledged}};
}

[[nodiscard]] Json fields(const Refused& refused) {
  return {{"reason", refused.reason}};
}
[[nodiscard]] Json fields(const Ready& ready) {
  return {{"token", number(ready.token)}};
}
[[nodiscard]] Json fields(const SinkAt& at) {
  return {{"sink", fields(at.sink)}};
}
[[nodiscard]] Json fields(const Trouble& trouble) {
  return {{"text", trouble.text}};
}
[[nodiscard]] Json fields(const Leaving& leaving) {
  return {
      {"token", number(leaving.token)}, {"unstarted", flat(leaving.unstarted)}, {"reason", leaving.reason}};
}

// What says all that it says by its type.
[[nodiscard]] Json fields(const Who&) {
  return Json::object();
}
[[nodiscard]] Json fields(const Bye&) {
  return Json::object();
}
[[nodiscard]] Json fields(const Stop&) {
  return Json::object();
}

[[nodiscard]] Json fields(const Recall& recall) {
  return {{"token", number(recall.token)}, {"number", recall.number}, {"most", recall.most}};
}
[[nodiscard]] Json fields(const Given& given) {
  return {{"token", number(given.token)}, {"number", given.number}, {"ids", flat(given.ids)}};
}
[[nodiscard]] Json fields(const Ack& ack) {
  return {
      {"run", number(ack.run)}, {"outcome", number(ack.outcome)}, {"ids", flat(ack.ids)}, {"took", ack.took}};
}
[[nodiscard]] Json fields(const End& end) {
  return {{"run", number(end.run)}, {"count", end.count}, {"stopped", end.stopped}, {"partial", end.partial}};
}
[[nodiscard]] Json fields(const Ended& ended) {
  return {{"run", number(ended.run)},
          {"ok", ended.ok},
          {"failed", ended.failed},
          {"dead", ended.dead},
          {"duplicates", ended.duplicates}};
}

[[nodiscard]] Json fields(const Check& check) {
  std::string keys;
  for (const Key& key : check.keys) {
    for (const std::uint64_t half : {key.high, key.low}) {
      for (int shift = 56; shift >= 0; shift -= 8) keys += static_cast<char>(half >> shift & 0xff);
    }
  }
  return {{"run", number(check.run)}, {"first", check.first}, {"keys", bin(keys)}};
}

[[nodiscard]] Json fields(const Fresh& fresh) {
  return {{"run", number(fresh.run)}, {"ids", flat(fresh.ids)}};
}

template <class Message>
[[nodiscard]] Json attempts_of(const Message& message) {
  Json attempts = Json::array();
  for (const AttemptId& attempt : message.attempts) {
    attempts.push_back(attempt.id);
    attempts.push_back(attempt.attempt);
  }
  return {{"run", number(message.run)}, {"attempts", std::move(attempts)}};
}
[[nodiscard]] Json fields(const Failed& failed) {
  return attempts_of(failed);
}
[[nodiscard]] Json fields(const Retry& retry) {
  return attempts_of(retry);
}
[[nodiscard]] Json fields(const Keep& keep) {
  return attempts_of(keep);
}

[[nodiscard]] Json fields(const Dead& dead) {
  return {{"run", number(dead.run)},
          {"id", dead.attempt.id},
          {"attempt", dead.attempt.attempt},
          {"history", dead.history},
          {"item", bin(dead.item)}};
}
[[nodiscard]] Json fields(const Mark& mark) {
  return {{"run", number(mark.run)}, {"token", number(mark.token)}, {"mark", mark.mark}};
}
[[nodiscard]] Json fields(const Marked& marked) {
  return {{"run", number(marked.run)}, {"token", number(marked.token)}, {"mark", marked.mark}};
}
[[nodiscard]] Json fields(const Held& held) {
  return {{"token", number(held.token)},
          {"mark", held.mark},
          {"received", held.received},
          {"ids", flat(held.ids)}};
}

[[nodiscard]] Json fields(const Ask&) {
  return Json::object();
}
[[nodiscard]] Json fields(const Backlog& backlog) {
  return {{"run", number(backlog.run)}, {"results", backlog.results}};
}
[[nodiscard]] Json fields(const RunStatus& run) {
  return {{"run", number(run.run)},
          {"host", run.host},
          {"pid", run.pid},
          {"endpoint", run.address},
          {"elapsed", run.elapsed},
          {"read", run.added},
          {"input_ended", run.input_ended},
          {"stopped", run.stopped},
          {"pending", run.pending},
          {"unchecked", run.unchecked},
          {"delayed", run.delayed},
          {"suspects", run.suspects},
          {"out", run.out},
          {"bytes", run.bytes},
          {"window_tasks", run.window_tasks},
          {"window_bytes", run.window_bytes},
          {"ok", run.ok},
          {"failed", run.failed},
          {"dead", run.dead},
          {"restored", run.restored},
          {"redelivered", run.redelivered},
          {"rate", run.rate},
          {"needed", run.needed}};
}
[[nodiscard]] Json fields(const SinkStatus& sink) {
  return {
      {"present", sink.present}, {"lost", sink.lost}, {"has_store", sink.has_store}, {"name", sink.name},
      {"host", sink.host},       {"pid", sink.pid},   {"epoch", number(sink.epoch)}, {"queue", sink.queue},
      {"took", sink.took},       {"seen", sink.seen}};
}
[[nodiscard]] Json fields(const WorkerStatus& worker) {
  return {{"name", worker.name},           {"host", worker.host},   {"pid", worker.pid},
          {"stage", number(worker.stage)}, {"slots", worker.slots}, {"held", worker.held},
          {"credit", worker.credit},       {"done", worker.done},   {"rate", worker.rate},
          {"busy", worker.busy},           {"seen", worker.seen},   {"lost", worker.lost},
          {"trouble", worker.trouble}};
}

[[nodiscard]] Json fields(const TaskView& task) {
  return {{"id", task.id}, {"attempt", task.attempt}, {"payload", bin(task.payload)}};
}

[[nodiscard]] Json fields(const Detail& detail) {
  return {{"cause", number(detail.cause)},
          {"code", detail.code},
          {"error", detail.error},
          {"stderr", bin(detail.stderr_text)},
          {"slot", detail.slot},
          {"started", detail.started},
          {"took", detail.took},
          {"item", bin(detail.item)},
          {"stdout_dropped", detail.stdout_dropped},
          {"stderr_dropped", detail.stderr_dropped}};
}

[[nodiscard]] Json fields(const ResultView& result) {
  Json json = {{"id", result.id},
               {"attempt", result.attempt},
               {"outcome", number(result.outcome)},
               {"output", bin(result.output)}};
  if (result.detail) json["detail"] = fields(*result.detail);
  return json;
}

template <class View>
[[nodiscard]] Json all_of(const std::vector<View>& views) {
  Json array = Json::array();
  for (const View& view : views) array.push_back(fields(view));
  return array;
}

[[nodiscard]] Json fields(const Status& status) {
  return {{"run", fields(status.run)},
          {"sink", fields(status.sink)},
          {"worker_count", status.worker_count},
          {"workers", all_of(status.workers)}};
}

}  // namespace

Json described(const Control& message) {
  return std::visit([](const auto& one) { return fields(one); }, message);
}

Decoded<Understood> understand(ByteView frame, std::span<const ByteView> more) {
  const Decoded<Control> control = decode_control(frame);
  if (control) return Understood{described(*control), encode(*control)};
  if (control.flaw() != Flaw::unknown_type) return control.flaw();

  std::vector<TaskView> tasks;
  const Decoded<TasksHeader> tasks_header = read_tasks(frame, tasks, more);
  if (tasks_header) {
    Json json = {{"run", number(tasks_header->run)}, {"token", number(tasks_header->token)}};
    json["tasks"] = all_of(tasks);
    return Understood{std::move(json), write_tasks_of(*tasks_header, tasks)};
  }
  if (tasks_header.flaw() != Flaw::unknown_type) return tasks_header.flaw();

  std::vector<ResultView> results;
  const Decoded<ResultsHeader> results_header = decode_results(frame, results, more);
  if (!results_header) return results_header.flaw();
  Json json = {{"run", number(results_header->run)},
               {"token", number(results_header->token)},
               {"worker", results_header->worker},
               {"records", results_header->records}};
  json["results"] = all_of(results);
  return Understood{std::move(json), write_results_of(*results_header, results)};
}

}  // namespace fanmill::wire::test
