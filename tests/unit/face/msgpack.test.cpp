#include <map>
#include <optional>
#include <random>
#include <tuple>

#include <catch2/catch.hpp>

#include <fanmill/fanmill.hpp>
#include <fanmill/msgpack.hpp>

using namespace fanmill;
using Catch::Contains;

namespace {

struct Point {
  int x = 0;
  int y = 0;
  MSGPACK_DEFINE(x, y)
  friend bool operator==(const Point&, const Point&) = default;
};

struct Page {
  std::string url;
  std::vector<Point> points;
  std::map<std::string, std::vector<int>> words;
  std::optional<double> weight;
  MSGPACK_DEFINE(url, points, words, weight)
  friend bool operator==(const Page&, const Page&) = default;
};

Page page() {
  return {"http://x/", {{1, -2}, {300, 70000}}, {{"a", {1, 2, 3}}, {"b", {}}}, 1.5};
}

template <class Value>
std::string written(const Value& value) {
  std::string bytes;
  Codec<Value>::write(value, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("msgpack: any type that it can carry is read as it was written") {
  CHECK(Codec<Page>::read(written(page())) == page());
  CHECK(Codec<Page>::read(written(Page{})) == Page{});
  const std::vector<Point> points = {{1, 2}, {3, 4}};
  CHECK(written(points) == "\x92\x92\1\2\x92\3\4");
  CHECK(Codec<std::vector<Point>>::read(written(points)) == points);
  const std::tuple<int, std::string> pair{1, "x"};
  CHECK(Codec<std::tuple<int, std::string>>::read(written(pair)) == pair);
  CHECK(written(1) == std::string("\1\0\0\0", 4));  // what was built in has stayed as it was
}

TEST_CASE("msgpack: each end that is missing, and each byte too many, is refused") {
  const std::string bytes = written(page());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(Codec<Page>::read(bytes.substr(0, size)), std::invalid_argument);
  }
  CHECK_THROWS_WITH(Codec<Page>::read(bytes.substr(0, 5)), "it ends within its msgpack value");
  CHECK_THROWS_WITH(Codec<Page>::read(bytes + '\0'), "there are bytes behind its msgpack value");
  CHECK_THROWS_WITH(Codec<Page>::read("\xc1"), "it is no msgpack");
}

TEST_CASE("msgpack: what has another type or another number of items is refused") {
  for (const char* bytes : {"\x91\1", "\x93\1\2\3", "\x90"}) {
    CHECK_THROWS_WITH(Codec<Point>::read(bytes), Contains("more or fewer items"));
  }
  // One too many here, one too few there.
  CHECK_THROWS_WITH(Codec<std::vector<Point>>::read("\x92\x93\1\2\3\x91\4"), Contains("more or fewer items"));
  CHECK_THROWS_WITH(Codec<Point>::read("\x92\1\xa1x"), Contains("no value of the type"));
  CHECK_THROWS_WITH(Codec<Point>::read("\xa2xy"), Contains("no value of the type"));
  CHECK_THROWS_WITH(Codec<Point>::read("\x92\1\xce\xff\xff\xff\xff"), Contains("no value of the type"));
  using Pair = std::tuple<int, int>;
  CHECK_THROWS_AS(Codec<Pair>::read("\x93\1\2\3"), std::invalid_argument);
  CHECK_THROWS_AS(Codec<Pair>::read("\x91\1"), std::invalid_argument);
  // Another order of a map, and of sizes, is the same map.
  const std::map<std::string, std::vector<int>> words = {{"a", {1, 2}}, {"b", {3}}};
  CHECK(Codec<std::map<std::string, std::vector<int>>>::read("\x82\xa1"
                                                             "b\x91\3\xa1"
                                                             "a\x92\1\2") == words);
}

TEST_CASE("msgpack: headers that promise much, and deep nests, take no memory and no stack") {
  CHECK_THROWS_AS(Codec<std::vector<Point>>::read("\xdd\xff\xff\xff\xff\x92\1\2"), std::invalid_argument);
  CHECK_THROWS_AS(Codec<Page>::read("\xdf\xff\xff\xff\xff\1\2"), std::invalid_argument);
  CHECK_THROWS_AS(Codec<Page>::read("\xc6\xff\xff\xff\xff"), std::invalid_argument);
  CHECK_THROWS_WITH(Codec<Page>::read(std::string(1'000'000, '\x91')), Contains("more than 64 deep"));
}

TEST_CASE("msgpack: bytes of chance are a value or refused, and nothing else happens") {
  const auto seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string good = written(page());
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    try {
      static_cast<void>(Codec<Page>::read(bytes));
    } catch (const std::invalid_argument&) {
      ++refused;
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("msgpack: a pipeline of such types, and hostile payloads that fail alone") {
  std::size_t points = 0;
  std::vector<std::string> reasons;
  Pipeline pipeline([](const Page& one) { return one.points; },
                    [&](const Result& result) {
                      if (result.ok()) {
                        points += result.as<std::vector<Point>>().size();
                        CHECK_THROWS_AS(result.as<Page>(), Error);
                      } else {
                        reasons.emplace_back(result.reason);
                      }
                    },
                    {.workers = 2});
  for (int i = 0; i < 10; ++i) pipeline.submit(page());
  pipeline.submit("\xc1");
  CHECK(pipeline.close().ok == 10);
  CHECK(points == 20);
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0] == "cannot read the payload: it is no msgpack");
}
