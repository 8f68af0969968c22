#include <algorithm>
#include <cassert>
#include <utility>

#include <fanmill/base/key_bytes.hpp>
#include <fanmill/wire/control.hpp>
#include <fanmill/wire/reader.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

namespace {

constexpr std::uint64_t max_count = max_task_id + 1;
constexpr std::size_t typical_frame = 512;

template <class Id>
void write_id(Writer& writer, Id id) {
  writer.number(static_cast<std::uint64_t>(id));
}

void write_text(Writer& writer, ByteView text, [[maybe_unused]] std::size_t most) {
  assert(text.size() <= most);
  writer.text(text);
}

// What is for people and may hold anything, such as a reason with a path in it: cut where it would be too
// long.
void write_cut(Writer& writer, ByteView text) {
  writer.text(text.substr(0, max_text));
}

void write_ranges(Writer& writer, const std::vector<IdRange>& ranges) {
  assert(ranges.size() <= max_ranges);
  writer.array(2 * ranges.size());
  for (const IdRange& range : ranges) {
    writer.number(range.first);
    writer.number(range.last);
  }
}

[[nodiscard]] std::vector<IdRange> read_ranges(Reader& reader, std::size_t fewest) {
  const std::uint32_t numbers = reader.array();
  if (numbers % 2 != 0) reader.fail(Flaw::wrong_arity);
  const std::size_t count = numbers / 2;
  if (count < fewest || count > max_ranges) reader.fail(Flaw::out_of_range);
  if (numbers > reader.left()) reader.fail(Flaw::truncated);
  std::vector<IdRange> ranges;
  if (reader.flaw()) return ranges;
  ranges.reserve(count);
  TaskId lowest = 0;
  for (std::size_t i = 0; i < count && !reader.flaw(); ++i) {
    IdRange range;
    range.first = reader.number(lowest, max_task_id);
    range.last = reader.number(range.first, max_task_id);
    lowest = range.last + 1;
    ranges.push_back(range);
  }
  return ranges;
}

void write_place(Writer& writer, const SinkPlace& place) {
  writer.array(5);
  write_text(writer, place.endpoint, max_endpoint);
  write_text(writer, place.key, max_key);
  write_id(writer, place.epoch);
  writer.boolean(place.wants_item);
  writer.boolean(place.wants_detail);
}

[[nodiscard]] SinkPlace read_place(Reader& reader) {
  SinkPlace place;
  reader.array_of(5);
  place.endpoint = reader.text(max_endpoint);
  place.key = reader.text(max_key);
  place.epoch = Incarnation{reader.number()};
  place.wants_item = reader.boolean();
  place.wants_detail = reader.boolean();
  return place;
}

// One layout per message: its type, its arity (version and type included), what it writes and how it is read.
// Reading and writing stand side by side because they are one fact.
template <class Message>
struct Layout;

template <>
struct Layout<Hello> {
  static constexpr Type type = Type::hello;
  static constexpr std::uint32_t arity = 17;
  static void write(Writer& writer, const Hello& hello) {
    assert(hello.slots >= 1 && hello.slots <= max_slots);
    assert(hello.max_batch >= 1 && hello.max_batch <= max_batch && hello.results.size() <= max_endpoints);
    write_id(writer, hello.role);
    write_id(writer, hello.incarnation);
    write_text(writer, hello.reached, max_endpoint);
    write_text(writer, hello.host, max_name);
    writer.number(hello.pid);
    write_text(writer, hello.name, max_name);
    writer.number(hello.slots);
    writer.number(hello.max_batch);
    writer.number(hello.max_message);
    writer.boolean(hello.marks);
    writer.array(hello.results.size());
    for (const std::string& endpoint : hello.results) write_text(writer, endpoint, max_endpoint);
    write_text(writer, hello.results_key, max_key);
    writer.boolean(hello.has_store);
    writer.boolean(hello.wants_item);
    writer.boolean(hello.wants_detail);
  }
  static Hello read(Reader& reader) {
    Hello hello;
    hello.role = reader.one_of(Role::worker, Role::sink);
    hello.incarnation = Incarnation{reader.number()};
    hello.reached = reader.text(max_endpoint);
    hello.host = reader.text(max_name);
    hello.pid = reader.number();
    hello.name = reader.text(max_name);
    hello.slots = reader.number32(1, max_slots);
    hello.max_batch = reader.number32(1, max_batch);
    hello.max_message = reader.number();
    hello.marks = reader.boolean();
    const std::uint32_t endpoints = reader.array();
    if (endpoints > max_endpoints) reader.fail(Flaw::out_of_range);
    for (std::uint32_t i = 0; i < endpoints && !reader.flaw(); ++i) {
      hello.results.emplace_back(reader.text(max_endpoint));
    }
    hello.results_key = reader.text(max_key);
    hello.has_store = reader.boolean();
    hello.wants_item = reader.boolean();
    hello.wants_detail = reader.boolean();
    return hello;
  }
};

template <>
struct Layout<Welcome> {
  static constexpr Type type = Type::welcome;
  static constexpr std::uint32_t arity = 9;
  static void write(Writer& writer, const Welcome& welcome) {
    assert(welcome.delimiter.size() <= max_delimiter && welcome.separator.size() <= max_separator);
    write_id(writer, welcome.run);
    writer.bytes(welcome.delimiter);
    writer.bytes(welcome.separator);
    write_text(writer, welcome.lane, max_endpoint);
    write_id(writer, welcome.token);
    write_place(writer, welcome.sink);
    writer.number(welcome.acknowledged);
  }
  static Welcome read(Reader& reader) {
    Welcome welcome;
    welcome.run = RunId{reader.number()};
    welcome.delimiter = reader.bytes(max_delimiter);
    welcome.separator = reader.bytes(max_separator);
    welcome.lane = reader.text(max_endpoint);
    welcome.token = LaneToken{reader.number()};
    welcome.sink = read_place(reader);
    welcome.acknowledged = reader.number();
    return welcome;
  }
};

template <>
struct Layout<Refused> {
  static constexpr Type type = Type::refused;
  static constexpr std::uint32_t arity = 3;
  static void write(Writer& writer, const Refused& refused) { write_cut(writer, refused.reason); }
  static Refused read(Reader& reader) { return {.reason = std::string(reader.text(max_text))}; }
};

template <>
struct Layout<Ready> {
  static constexpr Type type = Type::ready;
  static constexpr std::uint32_t arity = 3;
  static void write(Writer& writer, const Ready& ready) { write_id(writer, ready.token); }
  static Ready read(Reader& reader) { return {.token = LaneToken{reader.number()}}; }
};

// What says all that it says by its type.
template <class Message, Type its_type>
struct BareLayout {
  static constexpr Type type = its_type;
  static constexpr std::uint32_t arity = 2;
  static void write(Writer&, const Message&) {}
  static Message read(Reader&) { return {}; }
};

template <>
struct Layout<Who> : BareLayout<Who, Type::who> {};
template <>
struct Layout<Bye> : BareLayout<Bye, Type::bye> {};
template <>
struct Layout<Ask> : BareLayout<Ask, Type::ask> {};
template <>
struct Layout<Stop> : BareLayout<Stop, Type::stop> {};

template <>
struct Layout<SinkAt> {
  static constexpr Type type = Type::sink_at;
  static constexpr std::uint32_t arity = 3;
  static void write(Writer& writer, const SinkAt& at) { write_place(writer, at.sink); }
  static SinkAt read(Reader& reader) { return {.sink = read_place(reader)}; }
};

template <>
struct Layout<Trouble> {
  static constexpr Type type = Type::trouble;
  static constexpr std::uint32_t arity = 3;
  static void write(Writer& writer, const Trouble& trouble) { write_cut(writer, trouble.text); }
  static Trouble read(Reader& reader) { return {.text = std::string(reader.text(max_text))}; }
};

template <>
struct Layout<Leaving> {
  static constexpr Type type = Type::leaving;
  static constexpr std::uint32_t arity = 5;
  static void write(Writer& writer, const Leaving& leaving) {
    write_id(writer, leaving.token);
    write_ranges(writer, leaving.unstarted);
    write_cut(writer, leaving.reason);
  }
  static Leaving read(Reader& reader) {
    Leaving leaving;
    leaving.token = LaneToken{reader.number()};
    leaving.unstarted = read_ranges(reader, 0);
    leaving.reason = reader.text(max_text);
    return leaving;
  }
};

template <>
struct Layout<Ack> {
  static constexpr Type type = Type::ack;
  static constexpr std::uint32_t arity = 6;
  static void write(Writer& writer, const Ack& ack) {
    assert(!ack.ids.empty());
    write_id(writer, ack.run);
    write_id(writer, ack.outcome);
    write_ranges(writer, ack.ids);
    writer.number(ack.took);
  }
  static Ack read(Reader& reader) {
    Ack ack;
    ack.run = RunId{reader.number()};
    ack.outcome = reader.one_of(Outcome::ok, Outcome::dead);
    ack.ids = read_ranges(reader, 1);
    ack.took = reader.number();
    return ack;
  }
};

template <>
struct Layout<End> {
  static constexpr Type type = Type::end;
  static constexpr std::uint32_t arity = 6;
  static void write(Writer& writer, const End& end) {
    assert(end.count <= max_count);
    write_id(writer, end.run);
    writer.number(end.count);
    writer.boolean(end.stopped);
    writer.boolean(end.partial);
  }
  static End read(Reader& reader) {
    End end;
    end.run = RunId{reader.number()};
    end.count = reader.number(0, max_count);
    end.stopped = reader.boolean();
    end.partial = reader.boolean();
    return end;
  }
};

template <>
struct Layout<Ended> {
  static constexpr Type type = Type::ended;
  static constexpr std::uint32_t arity = 7;
  static void write(Writer& writer, const Ended& ended) {
    assert(std::max({ended.ok, ended.failed, ended.dead}) <= max_count);
    write_id(writer, ended.run);
    writer.number(ended.ok);
    writer.number(ended.failed);
    writer.number(ended.dead);
    writer.number(ended.duplicates);
  }
  static Ended read(Reader& reader) {
    Ended ended;
    ended.run = RunId{reader.number()};
    ended.ok = reader.number(0, max_count);
    ended.failed = reader.number(0, max_count);
    ended.dead = reader.number(0, max_count);
    ended.duplicates = reader.number();
    return ended;
  }
};

template <>
struct Layout<Check> {
  static constexpr Type type = Type::check;
  static constexpr std::uint32_t arity = 5;
  static void write(Writer& writer, const Check& check) {
    assert(check.keys.size() <= max_keys);
    write_id(writer, check.run);
    writer.number(check.first);
    std::string keys(key_bytes * check.keys.size(), '\0');
    char* at = keys.data();
    for (const Key& key : check.keys) at = put_key(at, key);
    writer.bytes(keys);
  }
  static Check read(Reader& reader) {
    Check check;
    check.run = RunId{reader.number()};
    check.first = reader.number(0, max_task_id);
    const ByteView keys = reader.bytes(max_keys * key_bytes);
    if (keys.size() % key_bytes != 0) reader.fail(Flaw::out_of_range);
    if (check.first + keys.size() / key_bytes > max_task_id + 1) reader.fail(Flaw::out_of_range);
    if (reader.flaw()) return check;
    check.keys.reserve(keys.size() / key_bytes);
    for (std::size_t at = 0; at < keys.size(); at += key_bytes) {
      check.keys.push_back(get_key(keys.data() + at));
    }
    return check;
  }
};

template <>
struct Layout<Fresh> {
  static constexpr Type type = Type::fresh;
  static constexpr std::uint32_t arity = 4;
  static void write(Writer& writer, const Fresh& fresh) {
    write_id(writer, fresh.run);
    write_ranges(writer, fresh.ids);
  }
  static Fresh read(Reader& reader) {
    Fresh fresh;
    fresh.run = RunId{reader.number()};
    fresh.ids = read_ranges(reader, 1);
    return fresh;
  }
};

// FAILED, RETRY and KEEP: a list of attempts each.
template <class Message, Type its_type>
struct AttemptsLayout {
  static constexpr Type type = its_type;
  static constexpr std::uint32_t arity = 4;
  static void write(Writer& writer, const Message& message) {
    assert(!message.attempts.empty() && message.attempts.size() <= max_attempts);
    write_id(writer, message.run);
    writer.array(2 * message.attempts.size());
    for (const AttemptId& attempt : message.attempts) {
      writer.number(attempt.id);
      writer.number(attempt.attempt);
    }
  }
  static Message read(Reader& reader) {
    Message message;
    message.run = RunId{reader.number()};
    const std::uint32_t numbers = reader.array();
    if (numbers % 2 != 0) reader.fail(Flaw::wrong_arity);
    if (numbers == 0 || numbers / 2 > max_attempts) reader.fail(Flaw::out_of_range);
    if (numbers > reader.left()) reader.fail(Flaw::truncated);
    for (std::uint32_t i = 0; i < numbers && !reader.flaw(); i += 2) {
      AttemptId attempt;
      attempt.id = reader.number(0, max_task_id);
      attempt.attempt = reader.number32(0, max_attempt);
      message.attempts.push_back(attempt);
    }
    return message;
  }
};

template <>
struct Layout<Failed> : AttemptsLayout<Failed, Type::failed> {};
template <>
struct Layout<Retry> : AttemptsLayout<Retry, Type::retry> {};
template <>
struct Layout<Keep> : AttemptsLayout<Keep, Type::keep> {};

template <>
struct Layout<Dead> {
  static constexpr Type type = Type::dead;
  static constexpr std::uint32_t arity = 7;
  static void write(Writer& writer, const Dead& dead) {
    write_id(writer, dead.run);
    writer.number(dead.attempt.id);
    writer.number(dead.attempt.attempt);
    write_cut(writer, dead.history);
    assert(dead.item.size() <= max_item_sample);
    writer.bytes(dead.item);
  }
  static Dead read(Reader& reader) {
    Dead dead;
    dead.run = RunId{reader.number()};
    dead.attempt.id = reader.number(0, max_task_id);
    dead.attempt.attempt = reader.number32(0, max_attempt);
    dead.history = reader.text(max_text);
    dead.item = reader.bytes(max_item_sample);
    return dead;
  }
};

// MARK and MARKED: whose mark, and which.
template <class Message, Type its_type>
struct MarkLayout {
  static constexpr Type type = its_type;
  static constexpr std::uint32_t arity = 5;
  static void write(Writer& writer, const Message& message) {
    write_id(writer, message.run);
    write_id(writer, message.token);
    writer.number(message.mark);
  }
  static Message read(Reader& reader) {
    Message message;
    message.run = RunId{reader.number()};
    message.token = LaneToken{reader.number()};
    message.mark = reader.number();
    return message;
  }
};

template <>
struct Layout<Mark> : MarkLayout<Mark, Type::mark> {};
template <>
struct Layout<Marked> : MarkLayout<Marked, Type::marked> {};

template <>
struct Layout<Recall> {
  static constexpr Type type = Type::recall;
  static constexpr std::uint32_t arity = 5;
  static void write(Writer& writer, const Recall& recall) {
    write_id(writer, recall.token);
    writer.number(recall.number);
    writer.number(recall.most);
  }
  static Recall read(Reader& reader) {
    Recall recall;
    recall.token = LaneToken{reader.number()};
    recall.number = reader.number();
    recall.most = reader.number();
    return recall;
  }
};

template <>
struct Layout<Given> {
  static constexpr Type type = Type::given;
  static constexpr std::uint32_t arity = 5;
  static void write(Writer& writer, const Given& given) {
    write_id(writer, given.token);
    writer.number(given.number);
    write_ranges(writer, given.ids);
  }
  static Given read(Reader& reader) {
    Given given;
    given.token = LaneToken{reader.number()};
    given.number = reader.number();
    given.ids = read_ranges(reader, 0);
    return given;
  }
};

template <>
struct Layout<Held> {
  static constexpr Type type = Type::held;
  static constexpr std::uint32_t arity = 6;
  static void write(Writer& writer, const Held& held) {
    write_id(writer, held.token);
    writer.number(held.mark);
    writer.number(held.received);
    write_ranges(writer, held.ids);
  }
  static Held read(Reader& reader) {
    Held held;
    held.token = LaneToken{reader.number()};
    held.mark = reader.number();
    held.received = reader.number();
    held.ids = read_ranges(reader, 0);
    return held;
  }
};

template <>
struct Layout<Backlog> {
  static constexpr Type type = Type::backlog;
  static constexpr std::uint32_t arity = 4;
  static void write(Writer& writer, const Backlog& backlog) {
    write_id(writer, backlog.run);
    writer.number(backlog.results);
  }
  static Backlog read(Reader& reader) {
    Backlog backlog;
    backlog.run = RunId{reader.number()};
    backlog.results = reader.number();
    return backlog;
  }
};

template <>
struct Layout<Status> {
  static constexpr Type type = Type::status;
  static constexpr std::uint32_t arity = 2 + status_fields;
  static void write(Writer& writer, const Status& status) { write_status(writer, status); }
  static Status read(Reader& reader) { return read_status(reader); }
};

template <class Message>
[[nodiscard]] Decoded<Control> decode_as(Reader& reader, const Opening& opening) {
  if (opening.arity != Layout<Message>::arity) return Flaw::wrong_arity;
  Message message = Layout<Message>::read(reader);
  reader.end();
  if (reader.flaw()) return *reader.flaw();
  return Control{std::move(message)};
}

[[nodiscard]] bool is_one_of(ByteView frame, Type one, Type other) {
  Reader reader(frame);
  const std::uint32_t arity = reader.array();
  static_cast<void>(reader.number());  // of any version
  const std::uint64_t type = reader.number();
  return !reader.flaw() && arity >= 2 &&
         (type == static_cast<std::uint64_t>(one) || type == static_cast<std::uint64_t>(other));
}

}  // namespace

std::string encode(const Control& message) {
  Writer writer;
  writer.begin(typical_frame);
  std::visit(
      [&writer]<class Message>(const Message& of_this_type) {
        write_opening(writer, Layout<Message>::type, Layout<Message>::arity);
        Layout<Message>::write(writer, of_this_type);
      },
      message);
  return std::string(writer.view());
}

Decoded<Control> decode_control(ByteView frame) {
  Reader reader(frame);
  const Opening opening = read_opening(reader);
  if (reader.flaw()) return *reader.flaw();
  switch (opening.type) {
    case Type::hello:
      return decode_as<Hello>(reader, opening);
    case Type::welcome:
      return decode_as<Welcome>(reader, opening);
    case Type::refused:
      return decode_as<Refused>(reader, opening);
    case Type::ready:
      return decode_as<Ready>(reader, opening);
    case Type::who:
      return decode_as<Who>(reader, opening);
    case Type::sink_at:
      return decode_as<SinkAt>(reader, opening);
    case Type::trouble:
      return decode_as<Trouble>(reader, opening);
    case Type::leaving:
      return decode_as<Leaving>(reader, opening);
    case Type::bye:
      return decode_as<Bye>(reader, opening);
    case Type::stop:
      return decode_as<Stop>(reader, opening);
    case Type::ack:
      return decode_as<Ack>(reader, opening);
    case Type::end:
      return decode_as<End>(reader, opening);
    case Type::ended:
      return decode_as<Ended>(reader, opening);
    case Type::check:
      return decode_as<Check>(reader, opening);
    case Type::fresh:
      return decode_as<Fresh>(reader, opening);
    case Type::failed:
      return decode_as<Failed>(reader, opening);
    case Type::retry:
      return decode_as<Retry>(reader, opening);
    case Type::keep:
      return decode_as<Keep>(reader, opening);
    case Type::dead:
      return decode_as<Dead>(reader, opening);
    case Type::mark:
      return decode_as<Mark>(reader, opening);
    case Type::held:
      return decode_as<Held>(reader, opening);
    case Type::marked:
      return decode_as<Marked>(reader, opening);
    case Type::recall:
      return decode_as<Recall>(reader, opening);
    case Type::given:
      return decode_as<Given>(reader, opening);
    case Type::backlog:
      return decode_as<Backlog>(reader, opening);
    case Type::ask:
      return decode_as<Ask>(reader, opening);
    case Type::status:
      return decode_as<Status>(reader, opening);
    case Type::tasks:
    case Type::results:
      break;
  }
  return Flaw::unknown_type;
}

bool looks_like_opening(ByteView frame) {
  return is_one_of(frame, Type::hello, Type::ask);
}

bool looks_like_answer(ByteView frame) {
  return is_one_of(frame, Type::status, Type::refused);
}

}  // namespace fanmill::wire
