// What must hold of every message, whatever is done to its frame.

#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "allocated.hpp"
#include "flaw_text.hpp"
#include "foreign.hpp"
#include "samples.hpp"

using namespace fanmill;
using namespace fanmill::wire;
using namespace fanmill::wire::test;

namespace {

[[nodiscard]] std::optional<Flaw> flaw_of(const Sample& sample, ByteView frame) {
  const Decoded<std::string> rewritten = sample.rewrite(frame);
  if (rewritten) return std::nullopt;
  return rewritten.flaw();
}

// What a decoder may ask for by a frame that says much and holds little.
constexpr std::size_t pittance = 4096;

}  // namespace

TEST_CASE("every message: is one value to msgpack-c, in the shortest form, and comes back the same") {
  for (const Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    const msgpack::object_handle value = unpack(sample.frame);
    const Decoded<std::string> rewritten = sample.rewrite(sample.frame);
    REQUIRE(rewritten);
    CHECK(*rewritten == sample.frame);
    // Their list has a length of two bytes always, and the bytes of neighbours one of four.
    if (!sample.name.starts_with("control")) continue;
    CHECK(pack(value.get()) == sample.frame);
  }
}

TEST_CASE("every message: is understood in every form that msgpack allows") {
  for (const Sample& sample : all_samples()) {
    const msgpack::object_handle value = unpack(sample.frame);
    for (const Form form : all_forms) {
      CAPTURE(sample.name, static_cast<int>(form));
      const std::string frame = pack_as(value.get(), form);
      const Decoded<std::string> rewritten = sample.rewrite(frame);
      REQUIRE(rewritten);
      CHECK(*rewritten == sample.frame);
    }
  }
}

TEST_CASE("every message: every truncation is a flaw") {
  for (const Sample& sample : all_samples()) {
    for (std::size_t size = 0; size < sample.frame.size(); ++size) {
      CAPTURE(sample.name, size);
      // A copy of its own, so that a sanitizer sees a read past its end.
      const std::vector<char> shorter(sample.frame.begin(), sample.frame.begin() + static_cast<long>(size));
      REQUIRE(flaw_of(sample, {shorter.data(), shorter.size()}) == Flaw::truncated);
    }
  }
}

TEST_CASE("every message: a byte after it is a flaw") {
  for (const Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    CHECK(flaw_of(sample, sample.frame + '\0') == Flaw::trailing);
    CHECK(flaw_of(sample, sample.frame + '\xc1') == Flaw::trailing);
    CHECK(flaw_of(sample, sample.frame + sample.frame) == Flaw::trailing);
  }
}

TEST_CASE("every message: an element of another type is a flaw, wherever it stands") {
  msgpack::zone zone;
  const std::vector<msgpack::object> strangers{msgpack::object(msgpack::type::nil_t()),
                                               msgpack::object(true),
                                               msgpack::object(std::uint64_t{1}),
                                               msgpack::object(1.5),
                                               msgpack::object("text", zone),
                                               msgpack::object(bin("bytes"), zone),
                                               msgpack::object(std::vector<int>(), zone),
                                               msgpack::object(std::map<int, int>(), zone)};
  for (const Sample& sample : all_samples()) {
    const msgpack::object_handle handle = unpack(sample.frame);
    msgpack::object root = handle.get();
    std::size_t index = 0;
    for (msgpack::object* const element : elements(root)) {
      const msgpack::object original = *element;
      for (const msgpack::object& stranger : strangers) {
        if (stranger.type == original.type) continue;
        if (original.type == msgpack::type::BIN && stranger.type == msgpack::type::STR) continue;
        *element = stranger;
        CAPTURE(sample.name, index, static_cast<int>(stranger.type));
        CHECK(flaw_of(sample, pack(root)) == Flaw::wrong_type);
      }
      *element = original;
      ++index;
    }
  }
}

TEST_CASE("every message: a negative number is out of range, wherever it stands") {
  for (const Sample& sample : all_samples()) {
    const msgpack::object_handle handle = unpack(sample.frame);
    msgpack::object root = handle.get();
    for (msgpack::object* const element : elements(root)) {
      if (element->type != msgpack::type::POSITIVE_INTEGER) continue;
      const msgpack::object original = *element;
      for (const std::int64_t negative : {-1LL, -33LL, -200LL, -40'000LL, -3'000'000'000LL}) {
        *element = msgpack::object(negative);
        CAPTURE(sample.name, negative);
        CHECK(flaw_of(sample, pack(root)) == Flaw::out_of_range);
      }
      *element = original;
    }
  }
}

TEST_CASE("every message: an element more or less is a flaw") {
  for (const Sample& sample : all_samples()) {
    const msgpack::object_handle handle = unpack(sample.frame);
    msgpack::object root = handle.get();
    for (msgpack::object* const element : elements(root)) {
      if (element->type != msgpack::type::ARRAY) continue;
      msgpack::object_array& array = element->via.array;
      // Lists have no arity: of tasks, results and workers, a sink's endpoints, and sizes: after one of
      // nothing there may be another.
      const bool ends_with_nothing = array.size == 4 && array.ptr[3] == msgpack::object(0);
      if (sample.name.starts_with("results") && ends_with_nothing) continue;
      const bool list = array.size == 0 || array.ptr[0].type == msgpack::type::ARRAY ||
                        array.ptr[0].type == msgpack::type::STR;
      // What begins with a text and is none: where a sink is, and how a worker is.
      const bool record =
          list && (array.size == 5 || array.size == 13) && array.ptr[0].type == msgpack::type::STR;
      if (list && !record) continue;
      CAPTURE(sample.name, array.size);
      const msgpack::object_array original = array;
      std::vector<msgpack::object> more(original.ptr, original.ptr + original.size);
      more.push_back(more.back());
      array = {.size = original.size + 1, .ptr = more.data()};
      CHECK(flaw_of(sample, pack(root)));
      array = {.size = original.size - 1, .ptr = original.ptr};
      CHECK(flaw_of(sample, pack(root)));
      array = original;
    }
  }
}

TEST_CASE("every message: another version is a flaw of its own, whatever follows") {
  for (const Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    const msgpack::object_handle handle = unpack(sample.frame);
    msgpack::object root = handle.get();
    for (const std::uint64_t version : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}}) {
      root.via.array.ptr[0] = msgpack::object(version);
      CHECK(flaw_of(sample, pack(root)) == Flaw::version);
      CHECK(flaw_of(sample, pack(root) + "and more") == Flaw::version);
    }
    CHECK(flaw_of(sample, packed(2)) == Flaw::version);
    CHECK(flaw_of(sample, packed(2, "entirely", 7.5)) == Flaw::version);
    CHECK(flaw_of(sample, "\xdd\xff\xff\xff\xff\x02") == Flaw::version);
  }
}

TEST_CASE("every decoder: refuses what is no message at all") {
  for (const Sample& sample : all_samples()) {
    CAPTURE(sample.name);
    CHECK(flaw_of(sample, "") == Flaw::truncated);
    CHECK(flaw_of(sample, "\xc1") == Flaw::not_msgpack);
    CHECK(flaw_of(sample, "hello") == Flaw::wrong_type);
    CHECK(flaw_of(sample, "\x90") == Flaw::wrong_arity);
    CHECK(flaw_of(sample, packed(1)) == Flaw::wrong_arity);
    CHECK(flaw_of(sample, packed(1, 0)) == Flaw::unknown_type);
    CHECK(flaw_of(sample, packed(1, 200)) == Flaw::unknown_type);
    CHECK(flaw_of(sample, packed(1, 256 + 5)) == Flaw::unknown_type);
    CHECK(flaw_of(sample, packed(1, ~std::uint64_t{0})) == Flaw::unknown_type);
  }
}

TEST_CASE("every decoder: does not take what another is for") {
  const std::vector<Sample> samples = all_samples();
  for (const Sample& decoder : samples) {
    for (const Sample& sample : samples) {
      if (sample.rewrite == decoder.rewrite) continue;
      CAPTURE(decoder.name, sample.name);
      CHECK(flaw_of(decoder, sample.frame) == Flaw::unknown_type);
    }
  }
}

TEST_CASE("every decoder: nested arrays cost nothing") {
  for (const Sample& sample : all_samples()) {
    const msgpack::object_handle handle = unpack(sample.frame);
    msgpack::object root = handle.get();
    const std::string bomb(60'000, '\x91');
    CAPTURE(sample.name);
    std::size_t before = allocated();
    CHECK(flaw_of(sample, bomb) == Flaw::wrong_type);
    CHECK(allocated() - before < pittance);
    // In the place of each element after version and type, the front of the frame being as it should.
    for (std::uint32_t cut = 2; cut < root.via.array.size; ++cut) {
      const msgpack::object shorter_root = root;
      std::string frame;
      {
        msgpack::sbuffer buffer;
        msgpack::packer packer(buffer);
        packer.pack_array(root.via.array.size);
        for (std::uint32_t i = 0; i < cut; ++i) packer.pack(shorter_root.via.array.ptr[i]);
        frame.assign(buffer.data(), buffer.size());
      }
      frame += bomb;
      before = allocated();
      CHECK(flaw_of(sample, frame));
      CHECK(allocated() - before < pittance);
    }
  }
}

TEST_CASE("every decoder: a size that the frame does not hold costs nothing") {
  const std::vector<std::string> boasts{
      std::string("\xdd\xff\xff\xff\xff", 5), std::string("\xdd\x00\x02\x00\x00", 5),
      std::string("\xdc\xff\xfe", 3),         std::string("\xdb\xff\xff\xff\xff", 5),
      std::string("\xc6\xff\xff\xff\xff", 5), std::string("\xdc\x40\x00", 3),
      std::string("\xdb\x00\x00\x10\x00", 5), std::string("\xdf\xff\xff\xff\xff", 5)};
  for (const Sample& sample : all_samples()) {
    const msgpack::object_handle handle = unpack(sample.frame);
    for (const std::string& boast : boasts) {
      std::size_t before = allocated();
      CHECK(flaw_of(sample, boast));
      CHECK(allocated() - before < pittance);
      for (std::uint32_t cut = 0; cut < handle.get().via.array.size; ++cut) {
        msgpack::sbuffer buffer;
        msgpack::packer packer(buffer);
        packer.pack_array(handle.get().via.array.size);
        for (std::uint32_t i = 0; i < cut; ++i) packer.pack(handle.get().via.array.ptr[i]);
        const std::string frame = std::string(buffer.data(), buffer.size()) + boast;
        CAPTURE(sample.name, cut);
        before = allocated();
        CHECK(flaw_of(sample, frame));
        CHECK(allocated() - before < pittance);
      }
    }
  }
}

TEST_CASE("every decoder: random changes are a flaw or another good message, and nothing else") {
  const std::vector<Sample> samples = all_samples();
  std::size_t taken = 0;
  std::size_t refused = 0;
  for (std::uint32_t seed = 1; seed <= 20'000; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    const auto below = [&random](std::size_t bound) { return random() % bound; };
    const Sample& sample = samples[below(samples.size())];
    CAPTURE(sample.name);
    std::string frame = sample.frame;
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
      const std::size_t at = below(frame.size());
      switch (below(6)) {
        case 0:
          frame[at] = static_cast<char>(random());
          break;
        case 1:
          frame[at] = static_cast<char>(frame[at] ^ (1 << below(8)));
          break;
        case 2:  // a marker, or a length near a limit
          frame[at] = "\xc0\xc1\xc2\xc4\xc6\xcc\xcf\xd0\xd3\xd9\xdb\xdc\xdd\xde\xff\x00"[below(16)];
          break;
        case 3:
          frame.erase(at, 1 + below(8));
          break;
        case 4:
          frame.insert(at, frame.substr(below(frame.size()), 1 + below(8)));
          break;
        default:  // in the header, where most is decided
          frame[below(std::min<std::size_t>(frame.size(), 24))] = static_cast<char>(random());
          break;
      }
      if (frame.empty()) frame = sample.frame;
    }
    const std::vector<char> bytes(frame.begin(), frame.end());
    const Decoded<std::string> rewritten = sample.rewrite({bytes.data(), bytes.size()});
    if (!rewritten) {
      ++refused;
      continue;
    }
    ++taken;
    // msgpack-c agrees that it is one whole value, and what was understood is understood again.
    REQUIRE_NOTHROW(unpack(frame));
    const Decoded<std::string> again = sample.rewrite(*rewritten);
    REQUIRE(again);
    REQUIRE(*again == *rewritten);
  }
  // Both must happen, or the changes are too coarse or too fine to test anything.
  CHECK(taken > 1000);
  CHECK(refused > 1000);
}
