#include <chrono>
#include <limits>
#include <string>

#include <catch2/catch.hpp>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>

using namespace fanmill;
using namespace std::chrono_literals;
using Catch::Matchers::Equals;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();

// What the usage error says; empty where there is none.
template <class Parse>
[[nodiscard]] std::string complaint(Parse parse) {
  try {
    static_cast<void>(parse());
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::usage);
    return error.what();
  }
  return {};
}

[[nodiscard]] std::string duration_complaint(std::string_view text) {
  return complaint([text] { return parse_duration("--timeout", text); });
}

[[nodiscard]] std::string size_complaint(std::string_view text) {
  return complaint([text] { return parse_size("--block", text); });
}

[[nodiscard]] std::string count_complaint(std::string_view text, std::uint64_t low, std::uint64_t high) {
  return complaint([=] { return parse_count("--jobs", text, low, high); });
}

}  // namespace

TEST_CASE("duration: takes ms, s, m and h, with decimals") {
  CHECK(parse_duration("--timeout", "500ms") == 500ms);
  CHECK(parse_duration("--timeout", "2s") == 2s);
  CHECK(parse_duration("--timeout", "1.5m") == 90s);
  CHECK(parse_duration("--timeout", "1h") == 1h);
  CHECK(parse_duration("--timeout", "0.1s") == 100ms);
  CHECK(parse_duration("--timeout", ".5s") == 500ms);
  CHECK(parse_duration("--timeout", "0.0005ms") == 500ns);
  CHECK(parse_duration("--timeout", "876000h") == 876000h);
}

TEST_CASE("duration: only zero may go without a unit") {
  CHECK(parse_duration("--timeout", "0") == 0s);
  CHECK(parse_duration("--timeout", "0s") == 0s);
  CHECK_THAT(duration_complaint("5"),
             Equals("--timeout: '5' has no unit; it takes a time with its unit: 500ms, 2s, 5m or 1h"));
}

TEST_CASE("duration: what is not a time is refused by name") {
  for (const char* text :
       {"",    " ",    "s",   "-1s",  "+1s",  " 1s", "1s ", "1 s",  "1.s", ".s",   "1.2.3s", "1e3s", "0x1s",
        "nan", "nans", "inf", "infs", "1,5s", "1d",  "1S",  "1sec", "1hh", "1mss", "0x",     "."}) {
    CAPTURE(text);
    CHECK_THAT(duration_complaint(text), StartsWith("--timeout: '" + std::string(text) + "' "));
  }
  CHECK_THAT(duration_complaint(std::string_view("1s\0", 3)), StartsWith("--timeout: "));
}

TEST_CASE("duration: more than a hundred years is too long, however it is written") {
  for (const std::string& text :
       {std::string("876001h"), std::string("99999999999999999999s"), std::string(400, '9') + "ms"}) {
    CAPTURE(text);
    CHECK_THAT(duration_complaint(text),
               Equals("--timeout: '" + text + "' is too long; the longest is a hundred years"));
  }
}

TEST_CASE("duration: the longest added to now is still a point in time") {
  const Time deadline = Clock::now() + parse_duration("--timeout", "876000h");
  CHECK(deadline > Clock::now());
  CHECK(deadline < never);
}

TEST_CASE("size: takes bytes and powers of 1024") {
  CHECK(parse_size("--block", "0") == 0);
  CHECK(parse_size("--block", "4096") == 4096);
  CHECK(parse_size("--block", "64K") == 65536);
  CHECK(parse_size("--block", "64KiB") == 65536);
  CHECK(parse_size("--block", "64KB") == 65536);
  CHECK(parse_size("--block", "64k") == 65536);
  CHECK(parse_size("--block", "1M") == 1048576);
  CHECK(parse_size("--block", "2G") == 2147483648);
  CHECK(parse_size("--block", "18446744073709551615") == most);
  CHECK(parse_size("--block", "17179869183G") == most - ((std::uint64_t{1} << 30) - 1));
}

TEST_CASE("size: what is not a size is refused by name") {
  for (const char* text : {"", " ", "K", "-1", "+1", "-1K", " 1", "1 ", "1 K", "1.5M", "1e3", "0x10", "nan",
                           "inf", "1KK", "1Kib", "1X", "1iB", "1GiBs"}) {
    CAPTURE(text);
    CHECK_THAT(size_complaint(text), StartsWith("--block: '" + std::string(text) + "' "));
  }
  CHECK_THAT(size_complaint("1x"),
             Equals("--block: '1x' has an unknown unit, 'x'; it takes a size in bytes: 4096, 64K, 1M or 1G"));
}

TEST_CASE("size: what does not fit 64 bits is too large, and never wraps") {
  for (const char* text : {"18446744073709551616", "17179869184G", "18014398509481984K",
                           "99999999999999999999999999999999999999", "99999999999999999999999K"}) {
    CAPTURE(text);
    CHECK_THAT(size_complaint(text), Equals("--block: '" + std::string(text) +
                                            "' is too large; it takes a size in bytes: 4096, 64K, 1M or 1G"));
  }
}

TEST_CASE("count: takes whole numbers within its bounds, both included") {
  CHECK(parse_count("--jobs", "1", 1, 64) == 1);
  CHECK(parse_count("--jobs", "64", 1, 64) == 64);
  CHECK(parse_count("--jobs", "18446744073709551615", 0, most) == most);
}

TEST_CASE("count: all else is refused, with the bounds") {
  for (const char* text : {"", " ", "two", "-1", "+1", " 1", "1 ", "1.0", "1e1", "0x1", "nan", "inf", "1K"}) {
    CAPTURE(text);
    CHECK_THAT(count_complaint(text, 1, 64),
               Equals("--jobs: '" + std::string(text) +
                      "' is not a whole number; it takes a whole number from 1 to 64"));
  }
  CHECK_THAT(count_complaint("0", 1, 64),
             Equals("--jobs: '0' is too small; it takes a whole number from 1 to 64"));
  CHECK_THAT(count_complaint("65", 1, 64),
             Equals("--jobs: '65' is too large; it takes a whole number from 1 to 64"));
  CHECK_THAT(count_complaint("18446744073709551616", 3, most),
             Equals("--jobs: '18446744073709551616' is too large; it takes a whole number from 3"));
}

TEST_CASE("duration: reads well, and rounds before it chooses a unit") {
  CHECK(format_duration(0s) == "0 s");
  CHECK(format_duration(350ms) == "350 ms");
  CHECK(format_duration(999400us) == "999 ms");
  CHECK(format_duration(999600us) == "1 s");
  CHECK(format_duration(4200ms) == "4.2 s");
  CHECK(format_duration(59940ms) == "59.9 s");
  CHECK(format_duration(59960ms) == "1 min 00 s");
  CHECK(format_duration(303s) == "5 min 03 s");
  CHECK(format_duration(3599600ms) == "1 h 00 min");
  CHECK(format_duration(65min) == "1 h 05 min");
  CHECK(format_duration(100h) == "100 h 00 min");
  CHECK(format_duration(-4200ms) == "-4.2 s");
}

TEST_CASE("size: reads well, and rounds before it chooses a unit") {
  CHECK(format_size(0) == "0 B");
  CHECK(format_size(1023) == "1023 B");
  CHECK(format_size(65536) == "64 KiB");
  CHECK(format_size(1572864) == "1.5 MiB");
  CHECK(format_size(1048575) == "1 MiB");
  CHECK(format_size(std::uint64_t{3} << 40) == "3 TiB");
  CHECK(format_size(most) == "16 EiB");
}

TEST_CASE("count: one is one, and nothing is many") {
  CHECK(format_count(0, "task") == "0 tasks");
  CHECK(format_count(1, "task") == "1 task");
  CHECK(format_count(2, "task") == "2 tasks");
}
