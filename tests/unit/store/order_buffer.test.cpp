#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "places.hpp"
#include <fanmill/store/order_buffer.hpp>

namespace fanmill::store {

namespace {

std::string output_of(TaskId id, std::size_t size) {
  std::string bytes = std::to_string(id) + ":";
  bytes.resize(std::max(bytes.size(), size), static_cast<char>('a' + id % 26));
  return bytes;
}

void add(OrderBuffer& buffer, TaskId id, ByteView output, ByteView stderr_text = {}) {
  buffer.begin(id).append(output);
  buffer.end(stderr_text);
}

// Another directory for temporary files, for as long as it lives.
class TmpdirIs {
 public:
  explicit TmpdirIs(const std::string& path) {
    if (const char* before = std::getenv("TMPDIR")) before_ = before;
    ::setenv("TMPDIR", path.c_str(), 1);
  }
  ~TmpdirIs() {
    if (before_) {
      ::setenv("TMPDIR", before_->c_str(), 1);
    } else {
      ::unsetenv("TMPDIR");
    }
  }
  TmpdirIs(const TmpdirIs&) = delete;
  TmpdirIs& operator=(const TmpdirIs&) = delete;

 private:
  std::optional<std::string> before_;
};

// Takes all that is there, and says at which id it was not what it should be.
std::vector<TaskId> wrong_ones(OrderBuffer& buffer, std::size_t size, std::uint64_t count) {
  std::vector<TaskId> wrong;
  for (TaskId id = 0; id < count; ++id) {
    std::string output;
    std::string stderr_text;
    if (buffer.first() != id) {
      wrong.push_back(id);
      continue;
    }
    buffer.take_first(output, stderr_text);
    if (output != output_of(id, size) || stderr_text != "e" + std::to_string(id)) wrong.push_back(id);
  }
  return wrong;
}

}  // namespace

TEST_CASE("order buffer: empty has no first") {
  const OrderBuffer buffer(1000);
  CHECK_FALSE(buffer.first());
  CHECK(buffer.bytes() == 0);
}

TEST_CASE("order buffer: any order comes out in order, in memory and through the file") {
  const std::size_t memory = GENERATE(0, 3 << 20, 1 << 30);
  const std::size_t size = GENERATE(10, 300, 70000);
  const std::uint64_t count = size == 70000 ? 200 : 30000;
  std::vector<TaskId> ids(count);
  std::iota(ids.begin(), ids.end(), TaskId{0});
  const bool shuffled = GENERATE(false, true);
  if (shuffled) std::shuffle(ids.begin(), ids.end(), std::mt19937(7));

  OrderBuffer buffer(memory);
  for (const TaskId id : ids) {
    add(buffer, id, output_of(id, size), "e" + std::to_string(id));
    buffer.spill();
    REQUIRE(buffer.bytes_in_memory() <= memory);
  }
  CHECK((buffer.bytes_in_file() > 0) == (memory == 0 || (memory == 3 << 20 && size > 10)));
  CHECK(wrong_ones(buffer, size, count).empty());
  CHECK_FALSE(buffer.first());
  CHECK(buffer.bytes() == 0);
  CHECK(buffer.bytes_in_memory() == 0);
  CHECK(buffer.bytes_in_file() == 0);
}

TEST_CASE("order buffer: taking in between changes nothing, and room in the file is used again") {
  OrderBuffer buffer(1 << 20);
  std::mt19937 random(3);
  const std::size_t size = 500;
  for (int round = 0; round < 3; ++round) {
    // Neighbours of 2,000 in any order, and one taken for each that is added from the middle on.
    std::vector<TaskId> ids(20000);
    std::iota(ids.begin(), ids.end(), TaskId{0});
    for (std::size_t from = 0; from < ids.size(); from += 2000) {
      const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(from);
      std::shuffle(begin, begin + 2000, random);
    }
    TaskId next = 0;
    std::string output;
    std::string stderr_text;
    for (std::size_t at = 0; at < ids.size(); ++at) {
      add(buffer, ids[at], output_of(ids[at], size));
      buffer.spill();
      if (at < ids.size() / 2 || buffer.first() != next) continue;
      output.clear();
      buffer.take_first(output, stderr_text);
      REQUIRE(output == output_of(next, size));
      ++next;
    }
    CHECK(buffer.bytes_in_file() > 0);
    for (; next < ids.size(); ++next) {
      REQUIRE(buffer.first() == next);
      output.clear();
      buffer.take_first(output, stderr_text);
      REQUIRE(output == output_of(next, size));
    }
    CHECK(buffer.bytes_in_file() == 0);
  }
}

TEST_CASE("order buffer: outputs of no bytes are spilled as well") {
  OrderBuffer buffer(0);
  for (TaskId id = 1; id <= 200000; ++id) {
    add(buffer, id, "");
    buffer.spill();
  }
  CHECK(buffer.bytes_in_file() > 0);
  std::string nothing;
  for (TaskId id = 1; id <= 200000; ++id) {
    REQUIRE(buffer.first() == id);
    buffer.take_first(nothing, nothing);
  }
  CHECK(nothing.empty());
}

TEST_CASE("order buffer: a directory that takes no file is named with the variable that chooses it") {
  const TempDirectory directory;
  const std::string missing = directory.path("none");
  const TmpdirIs guard(missing);
  OrderBuffer buffer(0);
  add(buffer, 1, std::string(2 << 20, 'x'));
  const std::string text = error_of([&] { buffer.spill(); });
  CHECK(text == "cannot keep results for their turn in '" + missing +
                    "': no such file or directory; TMPDIR names another directory");
}

TEST_CASE("order buffer: the file has no name that could be left behind") {
  const TempDirectory directory;
  const TmpdirIs guard(directory.path());
  OrderBuffer buffer(0);
  add(buffer, 1, std::string(2 << 20, 'x'));
  buffer.spill();
  CHECK(buffer.bytes_in_file() > 0);
  CHECK(std::filesystem::is_empty(directory.path()));
}

}  // namespace fanmill::store
