#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/opening.hpp>
#include <fanmill/wire/reader.hpp>
#include <fanmill/wire/results_reader.hpp>

namespace fanmill::wire {

namespace {

constexpr std::uint32_t tasks_arity = 5;
constexpr std::uint32_t results_arity = 7;
constexpr std::uint32_t detail_arity = 10;
constexpr std::uint32_t neighbours_arity = 2;
// Of the numbers after the bytes of neighbours, those that are no sizes: first id, attempt, between.
constexpr std::uint32_t numbers_before_sizes = 3;
// The least that an entry takes: its array, two or three numbers and an empty payload.
constexpr std::size_t min_entry = 4;
// Room for a frame like the last one; one that was much larger than batches are is taken for an exception.
[[nodiscard]] std::size_t expected_after(std::size_t bytes) {
  return std::min(bytes + bytes / 8, batch_bytes + batch_bytes / 4);
}

[[nodiscard]] std::uint32_t read_entry_count(Reader& reader) {
  const std::uint32_t count = reader.array();
  if (count < 1 || count > max_batch) reader.fail(Flaw::out_of_range);
  if (count * min_entry > reader.left()) reader.fail(Flaw::truncated);
  return count;
}

// The bytes of neighbours have a header that does not depend on their size, which is known last.
constexpr unsigned char bin32 = 0xc6;
constexpr std::uint8_t nil = 0xc0;
constexpr std::size_t bin32_header = 1 + sizeof(std::uint32_t);
constexpr std::size_t neighbours_header = 1 + bin32_header;

// What stands after the bytes of so many neighbours, up to the sizes, and the most that it takes.
constexpr std::size_t numbers_header = 4 * max_header;
[[nodiscard]] char* put_numbers(char* at, std::size_t count, TaskId first, std::uint32_t attempt,
                                std::size_t between) {
  at = put_array(at, numbers_before_sizes + count);
  at = put_number(at, first);
  at = put_number(at, attempt);
  return put_number(at, between);
}

// Ascending and disjoint, whatever order tasks finished in.
void put_in_order(std::vector<IdRange>& ids) {
  const auto follows = [](const IdRange& left, const IdRange& right) { return left.last >= right.first; };
  if (std::adjacent_find(ids.begin(), ids.end(), follows) == ids.end()) return;
  std::sort(ids.begin(), ids.end(),
            [](const IdRange& left, const IdRange& right) { return left.first < right.first; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (ids[i].first <= ids[kept].last + 1) {
      ids[kept].last = std::max(ids[kept].last, ids[i].last);
    } else {
      ids[++kept] = ids[i];
    }
  }
  ids.resize(kept + 1);
}

// How many of these, from the first on, have the same number of bytes between them.
struct Alike {
  std::size_t count = 1;
  std::size_t between = 0;
};
[[nodiscard]] Alike alike(std::span<const Cut> cuts) {
  const auto end_of = [](const Cut& cut) { return std::size_t{cut.offset} + cut.size; };
  if (cuts.size() < 2 || cuts[1].offset < end_of(cuts[0])) return {};
  Alike result{1, cuts[1].offset - end_of(cuts[0])};
  if (result.between > most_between) return {};
  std::size_t follows = cuts[1].offset;
  for (; result.count < cuts.size() && cuts[result.count].offset == follows; ++result.count) {
    follows += cuts[result.count].size + result.between;
  }
  return result;
}

[[nodiscard]] Alike alike(const TaskBlock& block) {
  if (!block.between || *block.between > most_between || block.cuts.size() < 2) return alike(block.cuts);
  assert(alike(block.cuts).count == block.cuts.size() && alike(block.cuts).between == *block.between);
  return {block.cuts.size(), *block.between};
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

// Whether an entry is of neighbours; where the frame ends, no.
[[nodiscard]] inline bool is_neighbours(const char* at, const char* end) {
  if (at == end) return false;
  if (byte_at(at) >= 0x90 && byte_at(at) <= 0x9f) return byte_at(at) == (0x90 | neighbours_arity);
  Reader any(ByteView(at, static_cast<std::size_t>(end - at)));
  return any.array() == neighbours_arity;
}

// The next of their sizes, which reads on.
[[nodiscard]] inline std::size_t read_size(Reader& reader, const char*& at, const char* end) {
  constexpr std::ptrdiff_t longest = 5;
  TaskId size = 0;
  if (end - at >= longest && common_id(at, size)) return size;
  reader.seek(at);
  size = reader.number();
  at = reader.position();
  return size;
}

// Reads an entry of neighbours up to the sizes. Their number is at least one, and no more than the frame has
// bytes. Their bytes may be the first of `more`, which is then taken off.
[[nodiscard]] Neighbours read_neighbours(Reader& reader, const char*& at, std::span<const ByteView>* more) {
  Neighbours result;
  reader.seek(at);
  reader.array_of(neighbours_arity);
  ByteView bytes;
  if (!more->empty() && reader.left() > 0 && byte_at(reader.position()) == nil) {
    reader.seek(reader.position() + 1);
    bytes = more->front();
    *more = more->subspan(1);
  } else {
    bytes = reader.bytes();
  }
  result.at = bytes.data();
  result.end = bytes.data() + bytes.size();
  const std::uint32_t numbers = reader.array();
  if (numbers <= numbers_before_sizes) reader.fail(Flaw::wrong_arity);
  if (numbers > reader.left()) reader.fail(Flaw::truncated);
  result.id = reader.number(0, max_task_id);
  result.attempt = reader.number32(0, max_attempt);
  result.between = reader.number();
  at = reader.position();
  if (reader.flaw()) return {};
  result.count = numbers - numbers_before_sizes;
  if (result.count > max_batch || result.id + result.count - 1 > max_task_id) reader.fail(Flaw::out_of_range);
  return result;
}

// Reads `count` sizes; visit(bytes) for each of those neighbours. Where a flaw is left in the reader, some
// have been visited.
template <class Visit>
void read_payloads(Reader& reader, const char*& at, const char* end, Neighbours& neighbours,
                   std::uint32_t count, Visit visit) {
  const auto left = [&neighbours] { return static_cast<std::size_t>(neighbours.end - neighbours.at); };
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::size_t size = read_size(reader, at, end);
    if (size > left()) return reader.fail(Flaw::truncated);
    visit(ByteView(neighbours.at, size));
    neighbours.at += size;
    if (--neighbours.count == 0) {
      if (left() > 0) reader.fail(Flaw::trailing);
      return;
    }
    if (neighbours.between > left()) return reader.fail(Flaw::truncated);
    neighbours.at += neighbours.between;
    if (reader.flaw()) return;
  }
}

// Reads all sizes. Whether `between` is what stands between each of those neighbours and the next.
[[nodiscard]] bool check_payloads(Reader& reader, const char*& at, const char* end, Neighbours neighbours,
                                  ByteView between) {
  const char* const first = neighbours.at;
  const std::uint32_t count = neighbours.count;
  if (count == 1 || neighbours.between != between.size()) {
    read_payloads(reader, at, end, neighbours, count, [](ByteView) {});
    return count == 1;
  }
  bool is_divided = true;
  if (between.size() == 1) {
    // Nearly always: no call for that.
    const char byte = between.front();
    read_payloads(reader, at, end, neighbours, count, [&](ByteView payload) {
      if (payload.data() != first) is_divided &= payload.data()[-1] == byte;
    });
  } else {
    read_payloads(reader, at, end, neighbours, count, [&](ByteView payload) {
      if (payload.data() == first) return;
      is_divided = is_divided && ByteView(payload.data() - between.size(), between.size()) == between;
    });
  }
  return is_divided;
}

}  // namespace

void TasksWriter::begin(const TasksHeader& header, std::size_t own_from) {
  writer_.begin(expected_);
  own_from_ = own_from;
  own_frames_.clear();
  count_ = entries_ = 0;
  write_opening(writer_, Type::tasks, tasks_arity);
  writer_.number(static_cast<std::uint64_t>(header.run));
  writer_.number(static_cast<std::uint64_t>(header.token));
  entries_at_ = writer_.open_array();
}

void TasksWriter::add(const TaskView& task) {
  assert(count_ < max_batch && task.id <= max_task_id && task.attempt <= max_attempt);
  writer_.wrote(put_task_heading(writer_.room(task_heading, task.payload), task), task.payload);
  ++count_;
  ++entries_;
}

void TasksWriter::add(const TaskBlock& tasks) {
  TaskBlock left = tasks;
  while (!left.cuts.empty()) {
    const auto [count, between] = alike(left);
    const Cut& first = left.cuts.front();
    const Cut& last = left.cuts[count - 1];
    const ByteView bytes(left.base + first.offset, std::size_t{last.offset} + last.size - first.offset);
    const bool has_own_frame =
        left.memory != nullptr && bytes.size() >= std::max(own_from_, left.memory->room() / 8);
    if (has_own_frame) own_frames_.push_back({left.memory, bytes});
    if (has_own_frame || count >= least_neighbours) {
      add_neighbours({left.first, left.attempt, left.base, left.cuts.first(count)},
                     has_own_frame ? std::nullopt : std::optional(bytes), between);
    } else {
      for (std::size_t i = 0; i < count; ++i) add(left[i]);
    }
    left.first += count;
    left.cuts = left.cuts.subspan(count);
  }
}

// Without `bytes` they have a frame of their own.
void TasksWriter::add_neighbours(const TaskBlock& tasks, std::optional<ByteView> bytes, std::size_t between) {
  std::span<const Cut> cuts = tasks.cuts;
  assert(count_ + cuts.size() <= max_batch && tasks.first + cuts.size() - 1 <= max_task_id);
  assert(tasks.attempt <= max_attempt);
  char* at = writer_.room(neighbours_header, bytes.value_or(ByteView()));
  at = put_array(at, neighbours_arity);
  if (bytes) {
    writer_.wrote(put_marked<std::uint32_t>(at, bin32, bytes->size()), *bytes);
  } else {
    writer_.wrote(put_big_endian(at, nil));
  }
  at = writer_.room(numbers_header);
  writer_.wrote(put_numbers(at, cuts.size(), tasks.first, tasks.attempt, between));
  count_ += static_cast<std::uint32_t>(cuts.size());
  ++entries_;
  // A few at a time: that asks for room, and says what was written, once for them and not for each.
  constexpr std::size_t at_a_time = 64;
  while (!cuts.empty()) {
    const auto some = cuts.first(std::min(cuts.size(), at_a_time));
    at = writer_.room(some.size() * max_header);
    for (const Cut& cut : some) at = put_number(at, cut.size);
    writer_.wrote(at);
    cuts = cuts.subspan(some.size());
  }
}

Bytes TasksWriter::take() {
  assert(count_ > 0);
  writer_.close_array(entries_at_, entries_);
  count_ = 0;
  expected_ = expected_after(writer_.size());
  return writer_.take();
}

void ResultsWriter::begin(const ResultsHeader& header, ByteView between) {
  assert(header.worker.size() <= max_name);
  writer_.begin(expected_);
  count_ = entries_ = neighbours_ = 0;
  sizes_.begin(0);
  assert(lent_.follows == nullptr);
  lent_.sizes.begin(0);
  own_frames_.clear();
  ids_.clear();
  assert(between.size() <= between_.size());
  between_size_ = between.copy(between_.data(), between_.size());
  each_ = between_size_ + 1;
  write_opening(writer_, Type::results, results_arity);
  writer_.number(static_cast<std::uint64_t>(header.run));
  writer_.number(static_cast<std::uint64_t>(header.token));
  writer_.text(header.worker);
  writer_.boolean(header.records);
  entries_at_ = writer_.open_array();
  bytes_ = writer_.size();
}

void ResultsWriter::add(const ResultView& result) {
  assert(result.detail || result.outcome == Outcome::ok);
  if (!result.detail) return add(result.id, result.attempt, result.output);
  assert(count_ < max_batch && result.id <= max_task_id && result.attempt <= max_attempt);
  settle();
  close_neighbours();
  const std::size_t before = writer_.size();
  char* at = writer_.room(5 * max_header, result.output);
  at = put_array(at, 5);
  at = put_number(at, result.id);
  at = put_number(at, result.attempt);
  at = put_number(at, static_cast<std::uint64_t>(result.outcome));
  writer_.wrote(put_bin_header(at, result.output.size()), result.output);
  add_detail(*result.detail);
  append_neighbours(ids_, {result.id, result.id});
  ++count_;
  ++entries_;
  bytes_ += writer_.size() - before;
}

void ResultsWriter::open_neighbours(TaskId id, std::uint32_t attempt) {
  assert(id <= max_task_id && attempt <= max_attempt);
  close_neighbours();
  char* const at = put_array(writer_.room(neighbours_header), neighbours_arity);
  size_at_ = writer_.size() + neighbours_header - sizeof(std::uint32_t);
  writer_.wrote(put_marked<std::uint32_t>(at, bin32, 0));
  first_ = next_ = id;
  attempt_ = attempt;
  ++entries_;
}

void ResultsWriter::begin_lent(TaskId id, std::uint32_t attempt, const char* output) {
  assert(id <= max_task_id && attempt <= max_attempt && owner_ != nullptr);
  settle();
  lent_.memory = memory_;
  lent_.begin = output;
  lent_.first = lent_.next = id;
  lent_.attempt = attempt;
}

// What has been lent is sent from where it lies, or copied to its neighbours.
void ResultsWriter::settle() {
  if (lent_.follows == nullptr) return;
  const char* const end = std::exchange(lent_.follows, nullptr) - between_size_;
  const ByteView bytes(lent_.begin, static_cast<std::size_t>(end - lent_.begin));
  const auto count = static_cast<std::uint32_t>(lent_.next - lent_.first);
  const ByteView sizes = lent_.sizes.view();
  auto owner = std::exchange(lent_.owner, nullptr);
  if (bytes.size() >= own_frame_from) {
    close_neighbours();
    char* at = put_array(writer_.room(neighbours_header + numbers_header, sizes), neighbours_arity);
    at = put_big_endian(at, nil);
    const std::size_t between = count > 1 ? between_size_ : 0;
    writer_.wrote(put_numbers(at, count, lent_.first, lent_.attempt, between), sizes);
    append_neighbours(ids_, {lent_.first, lent_.next - 1});
    ++entries_;
    if (!owner) owner = *owner_;
    own_frames_.push_back({std::move(owner), bytes});
  } else {
    if (neighbours_ == 0 || lent_.first != next_ || lent_.attempt != attempt_) {
      open_neighbours(lent_.first, lent_.attempt);
    }
    char* const at = copy_small(writer_.room(between_size_, bytes), bytes);
    std::memcpy(at, between_.data(), between_size_);
    writer_.wrote(at + between_size_);
    sizes_.wrote(sizes_.room(0, sizes), sizes);
    next_ += count;
    neighbours_ += count;
  }
  lent_.sizes.begin(0);
}

void ResultsWriter::close_neighbours() {
  if (neighbours_ == 0) return;
  assert(count_ <= max_batch && next_ - 1 <= max_task_id);
  writer_.take_away(between_size_);
  writer_.fill_in(size_at_, static_cast<std::uint32_t>(writer_.size() - size_at_ - sizeof(std::uint32_t)));
  char* const at = writer_.room(numbers_header, sizes_.view());
  const std::size_t between = neighbours_ > 1 ? between_size_ : 0;
  writer_.wrote(put_numbers(at, neighbours_, first_, attempt_, between), sizes_.view());
  sizes_.begin(0);
  append_neighbours(ids_, {first_, next_ - 1});
  neighbours_ = 0;
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

Bytes ResultsWriter::take(std::vector<IdRange>* ids) {
  assert(count_ > 0);
  settle();
  close_neighbours();
  if (ids != nullptr) {
    put_in_order(ids_);
    *ids = std::move(ids_);
  }
  writer_.close_array(entries_at_, entries_);
  count_ = 0;
  expected_ = expected_after(writer_.size());
  return writer_.take();
}

Decoded<TasksHeader> decode_tasks(ByteView frame, TaskBatch& tasks, std::span<const ByteView> more) {
  tasks.clear();
  Reader reader(frame);
  expect(reader, read_opening(reader), Type::tasks, tasks_arity);
  TasksHeader header;
  header.run = RunId{reader.number()};
  header.token = LaneToken{reader.number()};
  const std::uint32_t entries = read_entry_count(reader);
  const char* at = reader.position();
  const char* const end = at + reader.left();
  for (std::uint32_t i = 0; i < entries && !reader.flaw(); ++i) {
    if (is_neighbours(at, end)) {
      Neighbours neighbours = read_neighbours(reader, at, &more);
      if (tasks.size() + neighbours.count > max_batch) reader.fail(Flaw::out_of_range);
      if (reader.flaw()) break;
      const char* const base = neighbours.at;
      Cut* cut = tasks.add_neighbours(neighbours.id, neighbours.attempt, base, neighbours.count);
      read_payloads(reader, at, end, neighbours, neighbours.count, [&](ByteView payload) {
        *cut++ = {static_cast<std::uint32_t>(payload.data() - base),
                  static_cast<std::uint32_t>(payload.size())};
      });
    } else {
      TaskView task;
      read_entry(reader, at, end, task);
      if (tasks.size() == max_batch) reader.fail(Flaw::out_of_range);
      if (!reader.flaw()) tasks.add(task);
    }
  }
  reader.seek(at);
  reader.end();
  if (!more.empty()) reader.fail(Flaw::trailing);
  if (!reader.flaw()) return header;
  tasks.clear();
  return *reader.flaw();
}

Decoded<ResultsHeader> decode_results(ByteView frame, std::vector<ResultView>& results,
                                      std::span<const ByteView> more) {
  results.clear();
  ResultsReader reader;
  const auto header = reader.open(frame, more);
  for (auto piece = reader.next(); !piece.empty(); piece = reader.next()) {
    results.insert(results.end(), piece.begin(), piece.end());
  }
  return header;
}

Decoded<ResultsHeader> ResultsReader::open(ByteView frame, std::span<const ByteView> more,
                                           ByteView delimiter) {
  more_ = more;
  left_ = 0;
  neighbours_ = {};
  entries_.clear();
  next_entry_ = 0;
  Reader reader(frame);
  expect(reader, read_opening(reader), Type::results, results_arity);
  ResultsHeader header;
  header.run = RunId{reader.number()};
  header.token = LaneToken{reader.number()};
  header.worker = reader.text(max_name);
  header.records = reader.boolean();
  const std::uint32_t entries = read_entry_count(reader);
  rest_ = {reader.position(), reader.left()};
  const char* at = rest_.data();
  const char* const end = at + rest_.size();
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < entries && !reader.flaw(); ++i) {
    if (is_neighbours(at, end)) {
      Neighbours neighbours = read_neighbours(reader, at, &more);
      count += neighbours.count;
      if (!reader.flaw()) {
        const bool is_divided =
            check_payloads(reader, at, end, neighbours, header.records ? delimiter : ByteView());
        entries_.push_back({at, is_divided});
      }
    } else {
      read_entry(reader, at, end, piece_[0]);
      ++count;
    }
    if (count > max_batch) reader.fail(Flaw::out_of_range);
  }
  reader.seek(at);
  reader.end();
  if (!more.empty()) reader.fail(Flaw::trailing);
  if (reader.flaw()) return *reader.flaw();
  left_ = static_cast<std::uint32_t>(count);
  return header;
}

std::span<const ResultView> ResultsReader::next() {
  const std::size_t count = std::min<std::size_t>(left_, piece_.size());
  Reader reader(rest_);
  const char* at = rest_.data();
  const char* const end = at + rest_.size();
  ResultView* result = piece_.data();
  ResultView* const last = result + count;
  while (result != last) {
    if (neighbours_.count == 0 && is_neighbours(at, end)) {
      neighbours_ = read_neighbours(reader, at, &more_);
      ++next_entry_;
    }
    if (neighbours_.count == 0) {
      read_entry(reader, at, end, *result++);
      continue;
    }
    const auto some = std::min<std::ptrdiff_t>(neighbours_.count, last - result);
    read_payloads(reader, at, end, neighbours_, static_cast<std::uint32_t>(some), [&](ByteView output) {
      result->id = neighbours_.id++;
      result->attempt = neighbours_.attempt;
      result->outcome = Outcome::ok;
      result->output = output;
      result->detail.reset();
      ++result;
    });
  }
  assert(!reader.flaw());
  rest_.remove_prefix(static_cast<std::size_t>(at - rest_.data()));
  left_ -= static_cast<std::uint32_t>(count);
  return {piece_.data(), count};
}

std::optional<OutputBlock> ResultsReader::next_block() {
  const char* at = rest_.data();
  const char* const end = at + rest_.size();
  if (left_ == 0 || neighbours_.count > 0 || !is_neighbours(at, end)) return std::nullopt;
  Reader reader(rest_);
  auto more = more_;
  const Neighbours neighbours = read_neighbours(reader, at, &more);
  return OutputBlock(neighbours, entries_[next_entry_].is_divided);
}

void ResultsReader::skip_block() {
  const char* at = rest_.data();
  Reader reader(rest_);
  left_ -= read_neighbours(reader, at, &more_).count;
  rest_.remove_prefix(static_cast<std::size_t>(entries_[next_entry_++].end - rest_.data()));
}

}  // namespace fanmill::wire
