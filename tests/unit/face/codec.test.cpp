#include <cmath>
#include <limits>
#include <map>
#include <random>

#include <catch2/catch.hpp>

#include <fanmill/fanmill.hpp>

using namespace fanmill;

namespace {

struct Point {
  int x = 0;
  int y = 0;
};

template <class Value>
std::string written(const Value& value) {
  std::string bytes;
  Codec<Value>::write(value, bytes);
  return bytes;
}

template <class Value>
void check_round_trip(const Value& value) {
  CHECK(Codec<Value>::read(written(value)) == value);
}

}  // namespace

template <>
struct fanmill::Codec<Point> {
  static void write(const Point& point, std::string& to) {
    to += std::to_string(point.x) + "," + std::to_string(point.y);
  }
  static Point read(std::string_view bytes) {
    const std::size_t comma = bytes.find(',');
    if (comma == std::string_view::npos) throw std::runtime_error("there is no comma");
    return {std::stoi(std::string(bytes.substr(0, comma))), std::stoi(std::string(bytes.substr(comma + 1)))};
  }
};

TEST_CASE("codec: numbers are little-endian, of their size") {
  CHECK(written(std::int32_t{1}) == std::string("\1\0\0\0", 4));
  CHECK(written(std::int16_t{-2}) == "\xfe\xff");
  CHECK(written(std::uint64_t{0x0102030405060708}) == "\x08\x07\x06\x05\x04\x03\x02\x01");
  CHECK(written(1.0) == std::string("\0\0\0\0\0\0\xf0\x3f", 8));
  CHECK(written(true) == "\1");
  CHECK(written('x') == "x");
  CHECK(written(std::vector<std::int16_t>{1, 2}) == std::string("\1\0\2\0", 4));
  CHECK(written(std::vector<bool>{true, false}) == std::string("\1\0", 2));
  CHECK(written(std::vector<std::string>{"a", ""}) == std::string("\1\0\0\0a\0\0\0\0", 9));
}

TEST_CASE("codec: what was written is read again") {
  check_round_trip(std::numeric_limits<int>::min());
  check_round_trip(std::numeric_limits<unsigned long long>::max());
  check_round_trip(std::numeric_limits<double>::denorm_min());
  check_round_trip(-std::numeric_limits<float>::infinity());
  CHECK(std::isnan(Codec<double>::read(written(std::nan("")))));
  check_round_trip(false);
  check_round_trip(std::byte{255});
  check_round_trip(std::string("\0\n", 2));
  check_round_trip(std::vector<double>{});
  check_round_trip(std::vector<double>{0.1, -0.0, 1e300});
  check_round_trip(std::vector<char>{'a', '\0'});
  check_round_trip(std::vector<std::byte>(1000, std::byte{7}));
  check_round_trip(std::vector<bool>{true, false, true});
  check_round_trip(std::vector<std::string>{});
  check_round_trip(std::vector<std::string>{"", std::string(100'000, 'x'), std::string("\0", 1)});
}

TEST_CASE("codec: bytes that are no such value are refused in words") {
  using Catch::Contains;
  for (const std::size_t size : {0, 1, 3, 5, 8}) {
    CHECK_THROWS_WITH(Codec<std::int32_t>::read(std::string(size, 'x')),
                      Contains(std::to_string(size) + " bytes") && Contains("4 are wanted"));
  }
  CHECK_THROWS_WITH(Codec<std::vector<double>>::read("123456789"), Contains("a multiple of 8"));
  CHECK_THROWS_WITH(Codec<bool>::read("\2"), Contains("0 or 1"));
  CHECK_THROWS_WITH(Codec<std::vector<bool>>::read("\1\2"), Contains("0 or 1"));
  const std::string strings = written(std::vector<std::string>{"abc", "de"});
  for (std::size_t size = 1; size < strings.size(); ++size) {
    if (size == 7) continue;  // just the first one
    CHECK_THROWS_WITH(Codec<std::vector<std::string>>::read(strings.substr(0, size)),
                      Contains("it ends within"));
  }
  CHECK_THROWS_WITH(Codec<std::vector<std::string>>::read(std::string("\xff\xff\xff\xff", 4)),
                    Contains("it ends within a string"));
}

TEST_CASE("codec: handlers take and return types, and results give them") {
  std::map<std::uint64_t, double> roots;
  Pipeline pipeline([](int number) { return std::sqrt(number); },
                    [&](const Result& result) { roots[result.id] = result.as<double>(); }, {.workers = 2});
  for (int number = 0; number < 100; ++number) pipeline.submit(number * number);
  CHECK(pipeline.try_submit(100 * 100) == 100);
  CHECK(pipeline.close().ok == 101);
  for (int number = 0; number <= 100; ++number) CHECK(roots.at(static_cast<std::uint64_t>(number)) == number);
}

TEST_CASE("codec: vectors, strings, functions, a task beside, no output, a codec of one's own") {
  const auto outcome = [](Handler handler, const auto& payload, auto check) {
    bool called = false;
    const auto on_result = [&](const Result& result) {
      CHECK(result.reason == "");
      check(result);
      called = true;
    };
    Pipeline pipeline(std::move(handler), on_result, {.workers = 1});
    pipeline.submit(payload);
    pipeline.close();
    CHECK(called);
  };
  outcome([](const std::vector<double>& all) { return all.size(); }, std::vector<double>{1, 2},
          [](const Result& result) { CHECK(result.as<std::size_t>() == 2); });
  outcome([](std::vector<std::string> all) { return all; }, std::vector<std::string>{"a", "b"},
          [](const Result& result) { CHECK(result.as<std::vector<std::string>>().at(1) == "b"); });
  outcome([](const std::string& text, const Task& task) { return text + std::to_string(task.attempt); },
          "text", [](const Result& result) { CHECK(result.as<std::string_view>() == "text1"); });
  outcome(
      +[](short number) noexcept { return number < 0; }, short{-1},
      [](const Result& result) { CHECK(result.as<bool>()); });
  outcome([](long) {}, 1L, [](const Result& result) { CHECK(result.output.empty()); });
  outcome(
      [](Point point) {
        return Point{point.y, point.x};
      },
      Point{1, 2}, [](const Result& result) { CHECK(result.output == "2,1"); });
  outcome([](std::string_view) { return "a literal"; }, "",
          [](const Result& result) { CHECK(result.output == "a literal"); });
  outcome(Handler::per_slot([](std::size_t slot) {
            return [sum = static_cast<int>(slot)](int more) mutable { return sum += more; };
          }),
          41, [](const Result& result) { CHECK(result.as<int>() == 42); });
}

TEST_CASE("codec: a view that a handler returns is what it was, wherever it lies") {
  const auto outputs = [](Handler handler) {
    std::map<std::uint64_t, std::string> by_id;
    Pipeline pipeline(std::move(handler),
                      [&](const Result& result) { by_id[result.id] = std::string(result.output); },
                      {.workers = 2});
    for (std::size_t i = 0; i < 3000; ++i) {
      pipeline.submit(std::string(i % 500 == 7 ? 100'000 : i % 50, static_cast<char>('a' + i % 26)) +
                      std::to_string(i));
    }
    CHECK(pipeline.close().ok == 3000);
    std::vector<std::string> in_order;
    for (auto& [id, output] : by_id) in_order.push_back(std::move(output));
    return in_order;
  };
  const auto as_strings = outputs([](std::string_view payload) { return std::string(payload); });
  const auto halves =
      outputs([](std::string_view payload) { return std::string(payload.substr(payload.size() / 2)); });
  REQUIRE(as_strings.size() == 3000);
  CHECK(outputs([](std::string_view payload) { return payload; }) == as_strings);
  CHECK(outputs([](const Task& task) { return task.payload.substr(task.payload.size() / 2); }) == halves);
  // Of what is gone, or another's, with the next call or before.
  CHECK(outputs([](const std::string& payload) { return std::string_view(payload); }) == as_strings);
  CHECK(outputs(Handler::per_slot([](std::size_t) {
          return [last = std::string()](std::string_view payload) mutable -> std::string_view {
            return last = payload;
          };
        })) == as_strings);
}

TEST_CASE("codec: a payload that is no such value makes its task fail, with the reason") {
  std::vector<std::string> reasons;
  Pipeline pipeline([](std::int64_t number) { return number; },
                    [&](const Result& result) { reasons.emplace_back(result.reason); }, {.workers = 1});
  pipeline.submit("abc");
  CHECK(pipeline.close().failed == 1);
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0] == "cannot read the payload: it has 3 bytes, and 8 are wanted");
}

TEST_CASE("codec: a result that is no such value, or has failed, says so") {
  int checked = 0;
  Pipeline pipeline(
      [](std::string_view payload) {
        if (payload == "bad") throw std::runtime_error("no good");
        return payload;
      },
      [&](const Result& result) {
        const std::string expected = result.ok() ? "cannot read the output: it has 3 bytes, and 4 are wanted"
                                                 : "cannot read the output of task 1: it has failed: no good";
        CHECK_THROWS_WITH(result.as<int>(), expected);
        ++checked;
      },
      {.workers = 1});
  pipeline.submit("abc");
  pipeline.submit("bad");
  pipeline.close();
  CHECK(checked == 2);
}
