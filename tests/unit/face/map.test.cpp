#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <catch2/catch.hpp>

#include <fanmill/fanmill.hpp>

using fanmill::map;
using fanmill::try_map;

namespace {

const fanmill::MapOptions two{.workers = 2, .retries = 0};

std::vector<int> numbers(std::size_t count) {
  std::vector<int> all(count);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

TEST_CASE("map: results are in the order of the range, each item done once") {
  for (const std::size_t workers : {1, 2, 5}) {
    std::vector<std::atomic<int>> calls(100'000);
    const auto results = map(numbers(calls.size()),
                             [&](int i) {
                               ++calls[static_cast<std::size_t>(i)];
                               return i * 2L;
                             },
                             {.workers = workers});
    static_assert(std::is_same_v<decltype(results), const std::vector<long>>);
    REQUIRE(results.size() == calls.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      REQUIRE(results[i] == 2 * static_cast<long>(i));
      REQUIRE(calls[i] == 1);
    }
  }
}

TEST_CASE("map: an empty range has no results, and the function is not called") {
  const auto never = [](int) -> int { throw std::logic_error("called"); };
  CHECK(map(std::vector<int>(), never).empty());
  CHECK(map(std::list<int>(), never).empty());
  CHECK(try_map(std::vector<int>(), never).empty());
}

TEST_CASE("map: a function without a result gives none") {
  std::atomic<int> sum{0};
  static_assert(std::is_void_v<decltype(map(numbers(1), [&](int i) { sum += i; }))>);
  map(
      numbers(1000), [&](int i) { sum += i; }, two);
  CHECK(sum == 499'500);
}

TEST_CASE("map: runs on as many threads as there are workers, at the same time") {
  std::mutex mutex;
  std::condition_variable all_here;
  std::set<std::thread::id> threads;
  map(numbers(100),
      [&](int) {
        std::unique_lock lock(mutex);
        threads.insert(std::this_thread::get_id());
        all_here.notify_all();
        const bool met =
            all_here.wait_for(lock, std::chrono::seconds(50), [&] { return threads.size() == 3; });
        if (!met) throw std::runtime_error("alone");
      },
      {.workers = 3});
  CHECK(threads.size() == 3);
  CHECK(threads.count(std::this_thread::get_id()) == 0);
}

TEST_CASE("map: items that are not const are changed where they stand, in any kind of range") {
  const auto twice = [](int& i) { i *= 2; };
  std::vector<int> vector{1, 2, 3};
  std::list<int> list{1, 2, 3};
  int array[] = {1, 2, 3};
  map(vector, twice, two);
  map(list, twice, two);
  map(array, twice, two);
  CHECK(vector == std::vector<int>{2, 4, 6});
  CHECK(list == std::list<int>{2, 4, 6});
  CHECK(std::vector<int>(std::begin(array), std::end(array)) == vector);
}

TEST_CASE("map: items are not copied, even where they cannot be") {
  std::list<std::unique_ptr<int>> list;
  for (int i = 0; i < 100; ++i) list.push_back(std::make_unique<int>(i));
  const auto addresses = map(
      list, [](const std::unique_ptr<int>& item) { return item.get(); }, two);
  CHECK(std::equal(list.begin(), list.end(), addresses.begin(), addresses.end(),
                   [](const auto& item, int* address) { return item.get() == address; }));
}

TEST_CASE("map: a range that can be read once only is gathered first") {
  std::istringstream words("one two three");
  struct Words {
    std::istringstream& stream;
    [[nodiscard]] auto begin() const { return std::istream_iterator<std::string>(stream); }
    [[nodiscard]] auto end() const { return std::istream_iterator<std::string>(); }
  };
  const auto sizes = map(
      Words{words}, [](const std::string& word) { return word.size(); }, two);
  CHECK(sizes == std::vector<std::size_t>{3, 3, 5});
}

TEST_CASE("map: bool results do not get in each other's way") {
  const auto items = numbers(200'000);
  const auto odd = map(items, [](int i) { return i % 2 == 1; }, {.workers = 4});
  static_assert(std::is_same_v<decltype(odd), const std::vector<bool>>);
  REQUIRE(odd.size() == items.size());
  for (std::size_t i = 0; i < odd.size(); ++i) REQUIRE(odd[i] == (i % 2 == 1));
  // And as items they are values, which nobody can write to.
  auto bits = odd;
  const auto inverted = map(bits, [](auto&& bit) {
    static_assert(std::is_same_v<decltype(bit), bool&&>);
    return !bit;
  });
  for (std::size_t i = 0; i < odd.size(); ++i) REQUIRE(inverted[i] != odd[i]);
}

TEST_CASE("map: results may be move-only, without a default, or references, which are copied") {
  struct NoDefault {
    explicit NoDefault(int n) : number(n) {}
    NoDefault(NoDefault&&) = default;
    NoDefault& operator=(NoDefault&&) = delete;
    int number;
  };
  const auto items = numbers(1000);
  const auto pointers = map(
      items, [](int i) { return std::make_unique<int>(i); }, two);
  const auto others = map(
      items, [](int i) { return NoDefault(i); }, two);
  const auto copies = map(
      items, [](const int& i) -> const int& { return i; }, two);
  static_assert(std::is_same_v<decltype(copies), const std::vector<int>>);
  for (std::size_t i = 0; i < items.size(); ++i) {
    REQUIRE(*pointers[i] == items[i]);
    REQUIRE(others[i].number == items[i]);
    REQUIRE(&copies[i] != &items[i]);
    REQUIRE(copies[i] == items[i]);
  }
}

TEST_CASE("map: an exception is thrown as it is, and nothing more is begun") {
  std::atomic<std::size_t> calls{0};
  const auto fails = [&](int i) {
    ++calls;
    if (i == 5000) throw std::out_of_range("too far");
    return i;
  };
  CHECK_THROWS_AS(map(numbers(10'000'000), fails, two), std::out_of_range);
  CHECK(calls < 9'000'000);
  CHECK_THROWS_AS(map(
                      numbers(10), [](int) { throw 7; }, two),
                  int);
  CHECK_THROWS_WITH(map(numbers(1), [](int) -> int { throw std::runtime_error("mine"); }), "mine");
}

TEST_CASE("map: of several exceptions the one whose item came first is thrown") {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  const auto both_fail = [&](int i) {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait_for(lock, std::chrono::seconds(50), [&] { return inside == 2; });
    throw std::runtime_error(std::to_string(i));
  };
  CHECK_THROWS_WITH(map(numbers(2), both_fail, two), "0");
}

TEST_CASE("map: an item that throws is tried again, at once") {
  std::vector<std::atomic<int>> calls(1000);
  const auto third_time = [&](int i) {
    if (++calls[static_cast<std::size_t>(i)] < 3) throw std::runtime_error("not yet");
    return i;
  };
  CHECK(map(numbers(calls.size()), third_time, {.workers = 2, .retries = 2}) == numbers(calls.size()));
  for (const auto& count : calls) REQUIRE(count == 3);
  for (auto& count : calls) count = 0;
  CHECK_THROWS_WITH(map(numbers(calls.size()), third_time, {.workers = 2, .retries = 1}), "not yet");
}

TEST_CASE("try_map: goes on, and failures are values") {
  const auto picky = [](int i) {
    if (i % 3 == 1) throw std::runtime_error("no " + std::to_string(i));
    if (i % 3 == 2) throw i;
    return std::make_unique<int>(i);
  };
  const auto results = try_map(numbers(3000), picky, {.workers = 2, .retries = 1});
  REQUIRE(results.size() == 3000);
  for (std::size_t i = 0; i < results.size(); ++i) {
    REQUIRE(results[i].ok() == (i % 3 == 0));
    if (results[i].ok()) {
      REQUIRE(*results[i].value() == static_cast<int>(i));
      continue;
    }
    const fanmill::Failure& failure = results[i].failure();
    REQUIRE(failure.index == i);
    REQUIRE(failure.attempts == 2);
    REQUIRE(failure.reason == (i % 3 == 1 ? "no " + std::to_string(i)
                                          : "the function threw something that is not an exception"));
    REQUIRE(failure.cause);
  }
}

TEST_CASE("try_map: a function without a result has failures too") {
  const auto results = try_map(
      numbers(4),
      [](int i) {
        if (i == 2) throw std::runtime_error("two");
      },
      two);
  static_assert(std::is_same_v<decltype(results), const std::vector<fanmill::MapResult<void>>>);
  CHECK(results[1].ok());
  CHECK(results[2].failure().reason == "two");
}

TEST_CASE("map: two at once in one process, and one within another's function") {
  std::vector<int> other;
  std::thread at_the_same_time([&] {
    other = map(
        numbers(10'000), [](int i) { return -i; }, two);
  });
  const auto sums = map(
      numbers(4),
      [](int i) {
        const auto inner = map(
            numbers(1000), [i](int j) { return i * j; }, two);
        return std::accumulate(inner.begin(), inner.end(), 0);
      },
      two);
  at_the_same_time.join();
  CHECK(sums == std::vector<int>{0, 499'500, 999'000, 1'498'500});
  REQUIRE(other.size() == 10'000);
  CHECK(other.back() == -9999);
}

TEST_CASE("map: options that cannot be are refused in words") {
  const auto with = [](std::size_t workers) { map(numbers(1), [](int) {}, {.workers = workers}); };
  CHECK_THROWS_WITH(with(0), "MapOptions::workers: 0 are not possible; it takes 1 to 65536");
  CHECK_THROWS_AS(with(65537), fanmill::Error);
}
