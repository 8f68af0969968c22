// Outputs that lie in memory which somebody keeps: what becomes a frame of its own, what is copied, and who
// keeps what for how long.

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/results_reader.hpp>

using namespace fanmill;
using namespace fanmill::wire;

namespace {

constexpr ResultsHeader sender{.run = RunId{5}, .token = LaneToken{6}, .worker = "node7", .records = true};

using Memory = std::shared_ptr<const std::string>;

[[nodiscard]] Memory lines_of(std::size_t count, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += std::string(size, static_cast<char>('a' + i % 26)) + '\n';
  return std::make_shared<const std::string>(std::move(text));
}
[[nodiscard]] ByteView line_of(const Memory& lines, std::size_t number, std::size_t size) {
  return ByteView(*lines).substr(number * (size + 1), size);
}

// A message and what keeps it.
struct Written {
  Bytes first;
  std::vector<ResultsWriter::OwnFrame> more;
  std::vector<IdRange> ids;
};
[[nodiscard]] Written taken(ResultsWriter& writer) {
  Written written;
  written.first = writer.take(&written.ids);
  written.more = std::move(writer.own_frames());
  return written;
}
[[nodiscard]] std::vector<ByteView> views_of(const Written& written) {
  std::vector<ByteView> views;
  for (const auto& frame : written.more) views.push_back(frame.bytes);
  return views;
}
[[nodiscard]] std::vector<ResultView> read(const Written& written) {
  std::vector<ResultView> results;
  REQUIRE(decode_results(written.first, results, views_of(written)));
  return results;
}

}  // namespace

TEST_CASE("lent results: many bytes are sent from where they lie, and kept until they are sent") {
  constexpr std::size_t size = 99;
  constexpr std::size_t count = 200;
  ResultsWriter writer;
  writer.begin(sender, "\n");
  std::weak_ptr<const std::string> kept;
  Written written;
  {
    const std::shared_ptr<const void> owner = [&] {
      const Memory lines = lines_of(count, size);
      kept = lines;
      return lines;
    }();
    const auto lines = kept.lock();
    writer.lend_from(owner, lines->data());
    for (TaskId id = 0; id < count; ++id) writer.lend(id, 0, line_of(lines, id, size));
    CHECK(writer.count() == count);
    CHECK(writer.bytes() >= count * size);
    written = taken(writer);
    REQUIRE(written.more.size() == 1);
    CHECK(written.more[0].bytes.data() == lines->data());
    CHECK(written.more[0].bytes.size() == lines->size() - 1);
  }
  CHECK(written.first.size() < 300);
  CHECK(written.ids == std::vector{IdRange{0, count - 1}});
  CHECK_FALSE(kept.expired());
  const std::vector<ResultView> results = read(written);
  REQUIRE(results.size() == count);
  for (TaskId id = 0; id < count; ++id) {
    CHECK(results[id].id == id);
    CHECK(results[id].output.data() == written.more[0].bytes.data() + id * (size + 1));
    CHECK(results[id].output.size() == size);
  }
  ResultsReader reader;
  const std::vector<ByteView> more = views_of(written);
  REQUIRE(reader.open(written.first, more, "\n"));
  const auto block = reader.next_block();
  REQUIRE(block);
  CHECK(block->is_divided());
  CHECK(block->bytes().data() == more[0].data());
  written.more.clear();
  CHECK(kept.expired());
}

TEST_CASE("lent results: few bytes are copied, and keep nothing") {
  constexpr std::size_t size = 9;
  Memory lines = lines_of(10, size);
  std::shared_ptr<const void> owner = lines;
  ResultsWriter writer;
  writer.begin(sender, "\n");
  writer.lend_from(owner, lines->data());
  for (TaskId id = 0; id < 10; ++id) writer.lend(id, 0, line_of(lines, id, size));
  writer.hold();
  const std::weak_ptr<const std::string> kept = lines;
  const std::string text = *lines;
  lines.reset();
  owner.reset();
  CHECK_FALSE(kept.expired());  // until it is known that they are few
  const Written written = taken(writer);
  CHECK(written.more.empty());
  CHECK(kept.expired());
  const std::vector<ResultView> results = read(written);
  REQUIRE(results.size() == 10);
  for (TaskId id = 0; id < 10; ++id) CHECK(results[id].output == ByteView(text).substr(id * 10, size));
}

TEST_CASE("lent results: pieces of one memory that follow each other are one, of two they are two") {
  constexpr std::size_t size = 999;
  const Memory lines = lines_of(20, size);
  const std::shared_ptr<const void> one = lines;
  const auto pieces_with = [&](const std::shared_ptr<const void>& second, const char* memory) {
    ResultsWriter writer;
    writer.begin(sender, "\n");
    writer.lend_from(one, lines->data());
    for (TaskId id = 0; id < 10; ++id) writer.lend(id, 0, line_of(lines, id, size));
    writer.hold();
    writer.lend_from(second, memory);
    for (TaskId id = 10; id < 20; ++id) writer.lend(id, 0, line_of(lines, id, size));
    const Written written = taken(writer);
    CHECK(read(written).size() == 20);
    return written.more.size();
  };
  CHECK(pieces_with(one, lines->data()) == 1);
  // Bytes that happen to follow are not for a frame that reaches over what lies between two memories.
  CHECK(pieces_with(one, line_of(lines, 10, size).data()) == 2);
  const std::shared_ptr<const void> other = std::make_shared<const Memory>(lines);
  CHECK(pieces_with(other, lines->data()) == 2);
}

TEST_CASE("lent results: what does not lie as it is to be sent is not sent as it lies") {
  constexpr std::size_t size = 999;
  const Memory lines = lines_of(20, size);
  const std::shared_ptr<const void> owner = lines;
  const auto frames_with = [&](ByteView between, auto attempt_of, auto output_of) {
    ResultsWriter writer;
    writer.begin(sender, between);
    writer.lend_from(owner, lines->data());
    std::vector<std::string> sent;
    for (TaskId id = 0; id < 20; ++id) {
      const ByteView output = output_of(line_of(lines, id, size));
      writer.lend(id, attempt_of(id), output);
      sent.emplace_back(output);
    }
    const Written written = taken(writer);
    const std::vector<ResultView> results = read(written);
    REQUIRE(results.size() == 20);
    for (TaskId id = 0; id < 20; ++id) {
      CHECK(results[id].output == sent[id]);
      CHECK(results[id].attempt == attempt_of(id));
    }
    return written.more.size();
  };
  const auto first = [](TaskId) { return 0U; };
  const auto whole = [](ByteView line) { return line; };
  CHECK(frames_with("\n", first, whole) == 1);
  CHECK(frames_with("", first, whole) == 0);
  CHECK(frames_with(";", first, whole) == 0);
  CHECK(frames_with("\n\n", first, whole) == 0);
  CHECK(frames_with("\n", first, [](ByteView line) { return line.substr(1); }) == 0);
  CHECK(frames_with("\n", first, [](ByteView line) { return line.substr(0, 998); }) == 0);
  CHECK(frames_with(
            "\n", [](TaskId id) { return id < 10 ? 0U : 1U; }, whole) == 2);
}

TEST_CASE("lent results: whatever is lent, copied and told, and in whatever pieces, comes as it was") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto pick = [&random](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  for (int round = 0; round < 200; ++round) {
    const std::string between = std::string(pick(2), '\n');
    ResultsWriter writer;
    writer.begin(sender, between);
    std::vector<std::shared_ptr<const void>> owners;
    owners.reserve(50);
    std::vector<std::weak_ptr<const void>> all;
    std::vector<ResultView> sent;
    std::vector<std::string> texts;
    texts.reserve(5000);
    TaskId next = 0;
    for (std::size_t chunks = 1 + pick(9); chunks > 0; --chunks) {
      const std::size_t count = 1 + pick(60);
      const std::size_t size = pick(3) == 0 ? pick(2000) : pick(40);
      const Memory lines = lines_of(count, size);
      owners.push_back(lines);
      all.emplace_back(lines);
      writer.lend_from(owners.back(), lines->data());
      for (std::size_t i = 0; i < count; ++i) {
        next += pick(20) == 0 ? 2 : 1;
        ResultView result;
        result.id = next;
        result.attempt = pick(30) == 0 ? 1 : 0;
        result.output = texts.emplace_back(line_of(lines, i, size));
        switch (pick(12)) {
          case 0:
            result.output = texts.emplace_back(pick(300), 'c');
            writer.add(result.id, result.attempt, result.output);
            break;
          case 1:
            result.detail.emplace().slot = 3;
            writer.add(result);
            break;
          case 2:
            result.output = result.output.substr(result.output.size() / 2);
            writer.lend(result.id, result.attempt, line_of(lines, i, size).substr(size / 2));
            break;
          default:
            writer.lend(result.id, result.attempt, line_of(lines, i, size));
        }
        sent.push_back(result);
      }
      writer.hold();
    }
    CHECK(writer.count() == sent.size());
    owners.clear();
    Written written = taken(writer);
    CHECK(read(written) == sent);
    for (const auto& frame : written.more) CHECK(frame.bytes.size() >= own_frame_from);
    written.more.clear();
    for (const auto& owner : all) CHECK(owner.expired());
  }
}
