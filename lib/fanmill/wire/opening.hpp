#pragma once
// What every message begins with: its version and its type. A frame is one msgpack array [version, type, …].

#include <cstdint>

#include <fanmill/wire/reader.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::wire {

// The second element of each message.
enum class Type : std::uint8_t {
  // joining
  hello = 1,
  welcome = 2,
  refused = 3,
  ready = 4,
  who = 5,
  sink_at = 6,
  trouble = 7,
  // leaving
  leaving = 8,
  bye = 9,
  stop = 10,
  // balance
  recall = 11,
  // data
  tasks = 16,
  results = 17,
  mark = 18,
  // accounts
  ack = 32,
  end = 33,
  ended = 34,
  check = 35,
  fresh = 36,
  failed = 37,
  retry = 38,
  keep = 39,
  dead = 40,
  held = 41,
  marked = 42,
  given = 43,
  backlog = 44,
  // looking on
  ask = 48,
  status = 49,
};

struct Opening {
  std::uint32_t arity = 0;  // of the whole frame, version and type included
  Type type{};              // any number, until it has been looked at
};

// Fails the reader with Flaw::version, whatever follows, where the version is not ours.
[[nodiscard]] Opening read_opening(Reader& reader);

// `arity` counts version and type too.
void write_opening(Writer& writer, Type type, std::size_t arity);

}  // namespace fanmill::wire
