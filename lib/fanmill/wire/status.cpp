#include <cassert>

#include <fanmill/wire/limits.hpp>
#include <fanmill/wire/status.hpp>

namespace fanmill::wire {

namespace {

constexpr std::uint32_t run_fields = 23;
constexpr std::uint32_t sink_fields = 10;
constexpr std::uint32_t worker_fields = 13;

void write(Writer& writer, const RunStatus& run) {
  writer.array(run_fields);
  writer.number(static_cast<std::uint64_t>(run.run));
  writer.text(ByteView(run.host).substr(0, max_name));
  writer.number(run.pid);
  writer.text(ByteView(run.address).substr(0, max_endpoint));
  writer.number(run.elapsed);
  writer.number(run.added);
  writer.boolean(run.input_ended);
  writer.boolean(run.stopped);
  for (const std::uint64_t number : {run.pending, run.unchecked, run.delayed, run.suspects, run.out,
                                     run.bytes, run.window_tasks, run.window_bytes, run.ok, run.failed,
                                     run.dead, run.restored, run.redelivered, run.rate, run.needed}) {
    writer.number(number);
  }
}

[[nodiscard]] RunStatus read_run(Reader& reader) {
  RunStatus run;
  reader.array_of(run_fields);
  run.run = RunId{reader.number()};
  run.host = reader.text(max_name);
  run.pid = reader.number();
  run.address = reader.text(max_endpoint);
  run.elapsed = reader.number();
  run.added = reader.number();
  run.input_ended = reader.boolean();
  run.stopped = reader.boolean();
  for (std::uint64_t* const number : {&run.pending, &run.unchecked, &run.delayed, &run.suspects, &run.out,
                                      &run.bytes, &run.window_tasks, &run.window_bytes, &run.ok, &run.failed,
                                      &run.dead, &run.restored, &run.redelivered, &run.rate, &run.needed}) {
    *number = reader.number();
  }
  return run;
}

void write(Writer& writer, const SinkStatus& sink) {
  writer.array(sink_fields);
  writer.boolean(sink.present);
  writer.boolean(sink.lost);
  writer.boolean(sink.has_store);
  writer.text(ByteView(sink.name).substr(0, max_name));
  writer.text(ByteView(sink.host).substr(0, max_name));
  writer.number(sink.pid);
  writer.number(static_cast<std::uint64_t>(sink.epoch));
  writer.number(sink.queue);
  writer.number(sink.took);
  writer.number(sink.seen);
}

[[nodiscard]] SinkStatus read_sink(Reader& reader) {
  SinkStatus sink;
  reader.array_of(sink_fields);
  sink.present = reader.boolean();
  sink.lost = reader.boolean();
  sink.has_store = reader.boolean();
  sink.name = reader.text(max_name);
  sink.host = reader.text(max_name);
  sink.pid = reader.number();
  sink.epoch = Incarnation{reader.number()};
  sink.queue = reader.number();
  sink.took = reader.number();
  sink.seen = reader.number();
  return sink;
}

void write(Writer& writer, const WorkerStatus& worker) {
  writer.array(worker_fields);
  writer.text(ByteView(worker.name).substr(0, max_name));
  writer.text(ByteView(worker.host).substr(0, max_name));
  writer.number(worker.pid);
  writer.number(static_cast<std::uint64_t>(worker.stage));
  writer.number(worker.slots);
  for (const std::uint64_t number :
       {worker.held, worker.credit, worker.done, worker.rate, worker.busy, worker.seen, worker.lost}) {
    writer.number(number);
  }
  writer.text(ByteView(worker.trouble).substr(0, max_name));
}

[[nodiscard]] WorkerStatus read_worker(Reader& reader) {
  WorkerStatus worker;
  reader.array_of(worker_fields);
  worker.name = reader.text(max_name);
  worker.host = reader.text(max_name);
  worker.pid = reader.number();
  worker.stage = reader.one_of(WorkerStage::joining, WorkerStage::gone);
  worker.slots = reader.number32(1, max_slots);
  for (std::uint64_t* const number :
       {&worker.held, &worker.credit, &worker.done, &worker.rate, &worker.busy, &worker.seen, &worker.lost}) {
    *number = reader.number();
  }
  worker.trouble = reader.text(max_name);
  return worker;
}

}  // namespace

void write_status(Writer& writer, const Status& status) {
  assert(status.workers.size() <= max_status_workers);
  write(writer, status.run);
  write(writer, status.sink);
  writer.number(status.worker_count);
  writer.array(status.workers.size());
  for (const WorkerStatus& worker : status.workers) write(writer, worker);
}

Status read_status(Reader& reader) {
  Status status;
  status.run = read_run(reader);
  status.sink = read_sink(reader);
  status.worker_count = reader.number();
  const std::uint32_t workers = reader.array();
  if (workers > max_status_workers) reader.fail(Flaw::out_of_range);
  if (workers > reader.left()) reader.fail(Flaw::truncated);
  for (std::uint32_t i = 0; i < workers && !reader.flaw(); ++i) {
    status.workers.push_back(read_worker(reader));
  }
  return status;
}

}  // namespace fanmill::wire
