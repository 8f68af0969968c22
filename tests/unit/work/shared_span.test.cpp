#include <atomic>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/work/shared_span.hpp>

using namespace fanmill::work;

TEST_CASE("shared span: its owner takes from the front, others the second half") {
  SharedSpan span;
  CHECK_FALSE(span.next());
  span.set({10, 15});
  CHECK(span.next() == 10U);
  const TaskSpan piece = span.split();
  CHECK(piece.first == 13);
  CHECK(piece.last == 15);
  CHECK(span.next() == 11U);
  const TaskSpan last = span.split();
  CHECK(last.first == 12);
  CHECK(last.count() == 1);
  CHECK_FALSE(span.has_more());
  CHECK_FALSE(span.next());
  CHECK(span.split().count() == 0);
}

TEST_CASE("shared span: each index goes to one thread, however many take") {
  constexpr std::uint32_t size = 200'000;
  SharedSpan span;
  std::vector<std::atomic<int>> taken(size);
  span.set({0, size});
  std::thread thief([&] {
    while (span.has_more()) {
      const TaskSpan piece = span.split();
      for (std::uint32_t i = piece.first; i < piece.last; ++i) ++taken[i];
    }
  });
  while (const auto index = span.next()) ++taken[*index];
  thief.join();
  for (const auto& count : taken) REQUIRE(count == 1);
}
