// How input is cut into items, and a co-process's output into answers: the same in whatever pieces it comes.

#include <memory>
#include <string>
#include <vector>

#include "fuzz_target.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/input/blocks.hpp>
#include <fanmill/input/length_prefixed.hpp>
#include <fanmill/input/lines.hpp>
#include <fanmill/input/msgpack_values.hpp>
#include <fanmill/work/answers.hpp>

using namespace fanmill;
using namespace fanmill::input;
using fanmill::fuzz::require;

namespace {

struct Collected : Receiver {
  std::vector<std::string> items;
  std::string error;
  void item(ByteView payload) override { items.emplace_back(payload); }
  void neighbours(std::span<const ByteView> payloads, const Bytes&) override {
    for (const ByteView payload : payloads) item(payload);
  }
  friend bool operator==(const Collected& one, const Collected& other) {
    return one.items == other.items && one.error == other.error;
  }
};

std::unique_ptr<Framing> framing_of(unsigned choice, unsigned size) {
  switch (choice % 6) {
    case 0:
      return std::make_unique<Lines>('\n', size % 4 + 1);
    case 1:
      return std::make_unique<Lines>('\0', size % 4 + 1);
    case 2:
      return std::make_unique<Blocks>('\n', size + 1);
    case 3:
      return std::make_unique<Blocks>('\0', size + 1);
    case 4:
      return std::make_unique<MsgpackValues>();
    default:
      return std::make_unique<LengthPrefixed>();
  }
}

// As Records does it: what is left comes again, with `piece` bytes more behind it.
Collected cut(Framing& framing, ByteView stream, std::size_t piece, std::size_t max_item) {
  Collected collected;
  const Bytes no_block;  // nobody shares it
  std::uint64_t handed = 0;
  std::size_t done = 0;
  try {
    for (std::size_t have = 0; have < stream.size();) {
      have = std::min(have + piece, stream.size());
      Items items(collected, no_block, "'input'", handed, max_item, done);
      const std::size_t taken = framing.cut(stream.substr(done, have - done), items);
      items.hand_over();
      require(taken <= have - done, "no more is taken than was given");
      done += taken;
    }
    Items items(collected, no_block, "'input'", handed, max_item, done);
    framing.end(stream.substr(done), items);
    items.hand_over();
  } catch (const Error& error) {
    collected.error = error.what();
  }
  for (const std::string& item : collected.items) {
    require(item.size() <= max_item, "no item is longer than one may be");
  }
  return collected;
}

void items_of(unsigned choice, unsigned size, std::size_t piece, ByteView stream) {
  constexpr std::size_t max_item = 100;
  const Collected whole = cut(*framing_of(choice, size), stream, stream.size() + 1, max_item);
  const Collected pieces = cut(*framing_of(choice, size), stream, piece, max_item);
  require(whole == pieces, "items are the same in whatever pieces the input comes");
}

std::vector<std::string> answers_in(work::Framing framing, std::size_t piece, ByteView stream) {
  constexpr std::size_t limit = 100;
  work::Answers answers(framing, limit);
  std::vector<std::string> found;
  while (!stream.empty()) {
    answers.append(stream.substr(0, piece));
    stream.remove_prefix(std::min(piece, stream.size()));
    while (const auto place = answers.next()) {
      require(place->size <= limit, "no answer is longer than one may be");
      found.emplace_back(answers.text(*place));
    }
    if (answers.too_long()) break;
    answers.forget();
  }
  found.emplace_back(answers.too_long() ? "too long" : "");
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Bytes bytes(data, size);
  const unsigned choice = bytes.number();
  const unsigned parameter = bytes.number();
  const std::size_t piece = bytes.number() + 1;
  items_of(choice, parameter, piece, bytes.rest());
  const auto framing = static_cast<work::Framing>(choice % 3);
  require(answers_in(framing, piece, bytes.rest()) == answers_in(framing, size + 1, bytes.rest()),
          "answers are the same in whatever pieces they come");
  return 0;
}
