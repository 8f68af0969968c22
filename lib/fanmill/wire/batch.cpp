#include <algorithm>
#include <array>
#include <limits>

#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/opening.hpp>
#include <fanmill/wire/reader.hpp>
#include <fanmill/wire/results_reader.hpp>

namespace fanmill::wire {

namespace {

constexpr std::uint32_t tasks_arity = 5;
constexpr std::uint32_t results_arity = 7;
constexpr std::uint32_t detail_arity = 10;
// The least that an entry takes: its array, two or three numbers and an empty payload.
constexpr std::size_t min_task = 4;
constexpr std::size_t min_result = 5;

// Room for a frame like the last one; one that was much larger than batches are is taken for an exception.
[[nodiscard]] std::size_t expected_after(std::size_t bytes) {
  return std::min(bytes + bytes / 8, batch_bytes + batch_bytes / 4);
}

[[nodiscard]] std::uint32_t read_entry_count(Reader& reader, std::size_t least_size) {
  const std::uint32_t count = reader.array();
  if (count < 1 || count > max_batch) reader.fail(Flaw::out_of_range);
  if (count * least_size > reader.left()) reader.fail(Flaw::truncated);
  return count;
}

// What a task's payload is written after, and the most that it takes.
constexpr std::size_t task_heading = 4 * max_header;
[[nodiscard]] inline char* put_task_heading(char* at, const TaskView& task) {
  at = put_array(at, 3);
  at = put_number(at, task.id);
  at = put_number(at, task.attempt);
  return put_bin_header(at, task.payload.size());
}

void expect(Reader& reader, const Opening& opening, Type type, std::uint32_t arity) {
  if (opening.type != type) reader.fail(Flaw::unknown_type);
  if (opening.arity != arity) reader.fail(Flaw::wrong_arity);
}

// The inner loops read the forms in which we write nearly every entry, by pointers of their own that stay in
// registers; each returns false and moves nothing where it meets another form, or the end is near, and a
// Reader takes that entry.

[[nodiscard]] unsigned char byte_at(const char* at) {
  return static_cast<unsigned char>(*at);
}

// What a common entry may take before its payload: array 1, id 5, attempt 1, outcome 1, bin header 3.
constexpr std::ptrdiff_t common_header = 11;

[[nodiscard]] inline bool common_id(const char*& at, TaskId& id) {
  const unsigned char marker = byte_at(at);
  if (marker == 0xcd) {
    id = TaskId{byte_at(at + 1)} << 8 | byte_at(at + 2);
    at += 3;
  } else if (marker == 0xce) {
    id = TaskId{byte_at(at + 1)} << 24 | TaskId{byte_at(at + 2)} << 16 | TaskId{byte_at(at + 3)} << 8 |
         byte_at(at + 4);
    at += 5;
  } else if (marker < 0x80) {
    id = marker;
    at += 1;
  } else if (marker == 0xcc) {
    id = byte_at(at + 1);
    at += 2;
  } else {
    return false;
  }
  return true;
}

[[nodiscard]] inline bool common_bytes(const char*& at, const char* end, ByteView& bytes) {
  std::size_t size = 0;
  if (byte_at(at) == 0xc4) {
    size = byte_at(at + 1);
    at += 2;
  } else if (byte_at(at) == 0xc5) {
    size = std::size_t{byte_at(at + 1)} << 8 | byte_at(at + 2);
    at += 3;
  } else {
    return false;
  }
  if (size > static_cast<std::size_t>(end - at)) return false;
  bytes = ByteView(at, size);
  at += size;
  return true;
}

[[nodiscard]] inline bool read_common(const char*& position, const char* end, TaskView& task) {
  const char* at = position;
  if (end - at < common_header || byte_at(at++) != 0x93) return false;
  if (!common_id(at, task.id)) return false;
  if (byte_at(at) >= 0x80) return false;
  task.attempt = byte_at(at++);
  if (!common_bytes(at, end, task.payload)) return false;
  position = at;
  return true;
}

[[nodiscard]] inline bool read_common(const char*& position, const char* end, ResultView& result) {
  const char* at = position;
  if (end - at < common_header || byte_at(at++) != 0x94) return false;
  if (!common_id(at, result.id)) return false;
  if (byte_at(at) >= 0x80) return false;
  result.attempt = byte_at(at++);
  if (byte_at(at++) != static_cast<unsigned char>(Outcome::ok)) return false;
  if (!common_bytes(at, end, result.output)) return false;
  result.outcome = Outcome::ok;
  result.detail.reset();
  position = at;
  return true;
}

void read_any(Reader& reader, TaskView& task) {
  reader.array_of(3);
  task.id = reader.number(0, max_task_id);
  task.attempt = reader.number32(0, max_attempt);
  task.payload = reader.bytes();
}

[[nodiscard]] Detail read_detail(Reader& reader) {
  Detail detail;
  reader.array_of(detail_arity);
  detail.cause = reader.one_of(Cause::none, Cause::lost);
  detail.code = reader.number32(0, std::numeric_limits<std::uint32_t>::max());
  detail.error = reader.text(max_text);
  detail.stderr_text = reader.bytes();
  detail.slot = reader.number32(0, max_slots);
  detail.started = reader.number();
  detail.took = reader.number();
  detail.item = reader.bytes();
  detail.stdout_dropped = reader.number();
  detail.stderr_dropped = reader.number();
  return detail;
}

void read_any(Reader& reader, ResultView& result) {
  const std::uint32_t arity = reader.array();
  if (arity != 4 && arity != 5) reader.fail(Flaw::wrong_arity);
  result.id = reader.number(0, max_task_id);
  result.attempt = reader.number32(0, max_attempt);
  result.outcome = reader.one_of(Outcome::ok, Outcome::dead);
  result.output = reader.bytes();
  result.detail.reset();
  if (arity == 5) {
    result.detail = read_detail(reader);
    if ((result.outcome == Outcome::ok) != (result.detail->cause == Cause::none)) {
      reader.fail(Flaw::out_of_range);
    }
  } else if (result.outcome != Outcome::ok) {
    reader.fail(Flaw::wrong_arity);
  }
}

template <class Entry>
void read_entry(Reader& reader, const char*& at, const char* end, Entry& entry) {
  if (read_common(at, end, entry)) return;
  reader.seek(at);
  read_any(reader, entry);
  at = reader.position();
}

template <class Entry>
void read_entries(Reader& reader, std::size_t least_size, std::vector<Entry>& entries) {
  const std::uint32_t count = read_entry_count(reader, least_size);
  if (reader.flaw()) return;
  // Not cleared before: to construct what the last frame left would cost more than to read it.
  entries.resize(count);
  const char* at = reader.position();
  const char* const end = at + reader.left();
  for (Entry& entry : entries) {
    read_entry(reader, at, end, entry);
    if (reader.flaw()) return;
  }
  reader.seek(at);
  reader.end();
}

}  // namespace

void TasksWriter::begin(const TasksHeader& header) {
  writer_.begin(expected_);
  count_ = 0;
  write_opening(writer_, Type::tasks, tasks_arity);
  writer_.number(static_cast<std::uint64_t>(header.run));
  writer_.number(static_cast<std::uint64_t>(header.token));
  count_at_ = writer_.open_array();
}

// A few at a time: that asks for room, and says what was written, once for them and not for each.
void TasksWriter::add(std::span<const TaskView> tasks) {
  constexpr std::size_t at_a_time = 64;
  while (!tasks.empty()) {
    const auto some = tasks.first(std::min(tasks.size(), at_a_time));
    std::size_t most = some.size() * task_heading;
    for (const TaskView& task : some) most += task.payload.size();
    char* at = writer_.room(most);
    for (const TaskView& task : some) {
      assert(task.id <= max_task_id && task.attempt <= max_attempt);
      at = copy_small(put_task_heading(at, task), task.payload);
    }
    writer_.wrote(at);
    count_ += static_cast<std::uint32_t>(some.size());
    tasks = tasks.subspan(some.size());
  }
  assert(count_ <= max_batch);
}

Bytes TasksWriter::take() {
  assert(count_ > 0);
  writer_.close_array(count_at_, count_);
  count_ = 0;
  expected_ = expected_after(writer_.size());
  return writer_.take();
}

ByteView write_before(char* payload, const TasksHeader& header, const TaskView& task) {
  std::array<char, tasks_heading> heading;
  char* at = put_array(heading.data(), tasks_arity);
  at = put_number(at, protocol_version);
  at = put_number(at, static_cast<std::uint64_t>(Type::tasks));
  at = put_number(at, static_cast<std::uint64_t>(header.run));
  at = put_number(at, static_cast<std::uint64_t>(header.token));
  at = put_task_heading(put_array(at, 1), task);
  const auto size = static_cast<std::size_t>(at - heading.data());
  assert(size <= heading.size());
  std::memcpy(payload - size, heading.data(), size);
  return {payload - size, size + task.payload.size()};
}

void ResultsWriter::begin(const ResultsHeader& header) {
  assert(header.worker.size() <= max_name);
  writer_.begin(expected_);
  count_ = 0;
  write_opening(writer_, Type::results, results_arity);
  writer_.number(static_cast<std::uint64_t>(header.run));
  writer_.number(static_cast<std::uint64_t>(header.token));
  writer_.text(header.worker);
  writer_.boolean(header.records);
  count_at_ = writer_.open_array();
}

void ResultsWriter::add_detail(const Detail& detail) {
  assert(detail.error.size() <= max_text && detail.slot <= max_slots);
  writer_.array(detail_arity);
  writer_.number(static_cast<std::uint64_t>(detail.cause));
  writer_.number(detail.code);
  writer_.text(detail.error);
  writer_.bytes(detail.stderr_text);
  writer_.number(detail.slot);
  writer_.number(detail.started);
  writer_.number(detail.took);
  writer_.bytes(detail.item);
  writer_.number(detail.stdout_dropped);
  writer_.number(detail.stderr_dropped);
}

Bytes ResultsWriter::take() {
  assert(count_ > 0);
  writer_.close_array(count_at_, count_);
  count_ = 0;
  expected_ = expected_after(writer_.size());
  return writer_.take();
}

Decoded<TasksHeader> decode_tasks(ByteView frame, std::vector<TaskView>& tasks) {
  Reader reader(frame);
  expect(reader, read_opening(reader), Type::tasks, tasks_arity);
  TasksHeader header;
  header.run = RunId{reader.number()};
  header.token = LaneToken{reader.number()};
  read_entries(reader, min_task, tasks);
  if (reader.flaw()) tasks.clear();
  if (reader.flaw()) return *reader.flaw();
  return header;
}

Decoded<ResultsHeader> decode_results(ByteView frame, std::vector<ResultView>& results) {
  results.clear();
  ResultsReader reader;
  const auto header = reader.open(frame);
  for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
    results.insert(results.end(), piece.begin(), piece.end());
  }
  return header;
}

Decoded<ResultsHeader> ResultsReader::open(ByteView frame) {
  left_ = 0;
  Reader reader(frame);
  expect(reader, read_opening(reader), Type::results, results_arity);
  ResultsHeader header;
  header.run = RunId{reader.number()};
  header.token = LaneToken{reader.number()};
  header.worker = reader.text(max_name);
  header.records = reader.boolean();
  const std::uint32_t count = read_entry_count(reader, min_result);
  rest_ = {reader.position(), reader.left()};
  const char* at = rest_.data();
  const char* const end = at + rest_.size();
  for (std::uint32_t i = 0; i < count && !reader.flaw(); ++i) read_entry(reader, at, end, piece_[0]);
  reader.seek(at);
  reader.end();
  if (reader.flaw()) return *reader.flaw();
  left_ = count;
  return header;
}

std::span<const ResultView> ResultsReader::next() {
  const std::size_t count = std::min<std::size_t>(left_, piece_.size());
  Reader reader(rest_);
  const char* at = rest_.data();
  const char* const end = at + rest_.size();
  for (std::size_t i = 0; i < count; ++i) read_entry(reader, at, end, piece_[i]);
  assert(!reader.flaw());
  rest_.remove_prefix(static_cast<std::size_t>(at - rest_.data()));
  left_ -= static_cast<std::uint32_t>(count);
  return {piece_.data(), count};
}

}  // namespace fanmill::wire
