#include <chrono>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/store/key_index.hpp>

namespace fanmill::store {

using Use = KeyIndex::Use;

TEST_CASE("key index: a row is found by key and use, and taken once") {
  KeyIndex index;
  index.add({1, 2}, Use::bind, {10, Outcome::ok});
  index.add({1, 3}, Use::bind, {11, Outcome::dead});
  index.add({1, 2}, Use::replace, {12, Outcome::failed});
  index.seal();

  CHECK_FALSE(index.take({1, 4}, Use::bind));
  CHECK_FALSE(index.take({2, 2}, Use::bind));
  CHECK_FALSE(index.take({1, 3}, Use::replace));
  const auto bound = index.take({1, 2}, Use::bind);
  REQUIRE(bound);
  CHECK(bound->row == 10);
  CHECK(bound->outcome == Outcome::ok);
  CHECK_FALSE(index.take({1, 2}, Use::bind));
  const auto replaced = index.take({1, 2}, Use::replace);
  REQUIRE(replaced);
  CHECK(replaced->row == 12);
  CHECK(replaced->outcome == Outcome::failed);
  CHECK_FALSE(index.take({1, 2}, Use::replace));
  CHECK(index.take({1, 3}, Use::bind)->outcome == Outcome::dead);
}

TEST_CASE("key index: rows of one key come out in their order, with their outcomes") {
  KeyIndex index;
  for (const std::uint64_t row : {10, 20, 30}) {
    index.add({7, 7}, Use::bind, {row, row == 20 ? Outcome::failed : Outcome::ok});
  }
  index.seal();
  CHECK(index.take({7, 7}, Use::bind)->row == 10);
  const auto second = index.take({7, 7}, Use::bind);
  CHECK(second->row == 20);
  CHECK(second->outcome == Outcome::failed);
  CHECK(index.take({7, 7}, Use::bind)->row == 30);
  CHECK_FALSE(index.take({7, 7}, Use::bind));
}

TEST_CASE(
    "key index: for another run all can be taken again, what has come since too, but what was replaced") {
  KeyIndex index;
  for (const std::uint64_t row : {1, 2, 3}) index.add({7, 7}, Use::bind, {row, Outcome::ok});
  for (const std::uint64_t row : {4, 5}) index.add({7, 7}, Use::replace, {row, Outcome::failed});
  index.seal();
  CHECK(index.take({7, 7}, Use::bind)->row == 1);
  CHECK(index.take({7, 7}, Use::bind)->row == 2);
  CHECK(index.take({7, 7}, Use::replace)->row == 4);

  index.release();
  index.add({1, 1}, Use::bind, {6, Outcome::ok});
  index.add({9, 9}, Use::bind, {7, Outcome::ok});
  index.add({7, 7}, Use::bind, {8, Outcome::dead});
  index.seal();
  for (const std::uint64_t row : {1, 2, 3, 8}) CHECK(index.take({7, 7}, Use::bind)->row == row);
  CHECK_FALSE(index.take({7, 7}, Use::bind));
  CHECK(index.take({7, 7}, Use::replace)->row == 5);
  CHECK_FALSE(index.take({7, 7}, Use::replace));
  CHECK(index.take({1, 1}, Use::bind)->row == 6);
  CHECK(index.take({9, 9}, Use::bind)->row == 7);
}

TEST_CASE("key index: what was added is found once it is sealed, also if others were released meanwhile") {
  KeyIndex index;
  index.add({5, 5}, Use::bind, {1, Outcome::ok});
  index.add({6, 6}, Use::replace, {2, Outcome::failed});
  CHECK_FALSE(index.take({5, 5}, Use::bind));
  index.seal();
  CHECK(index.take({6, 6}, Use::replace)->row == 2);
  index.add({5, 5}, Use::bind, {3, Outcome::ok});
  index.add({6, 6}, Use::bind, {4, Outcome::ok});
  CHECK(index.not_sealed() == 2);
  CHECK(index.take({5, 5}, Use::bind)->row == 1);
  CHECK_FALSE(index.take({5, 5}, Use::bind));

  index.release();
  index.seal();
  CHECK(index.not_sealed() == 0);
  CHECK_FALSE(index.take({6, 6}, Use::replace));
  CHECK(index.take({6, 6}, Use::bind)->row == 4);
  CHECK(index.take({5, 5}, Use::bind)->row == 1);
  CHECK(index.take({5, 5}, Use::bind)->row == 3);
  CHECK_FALSE(index.take({5, 5}, Use::bind));
}

TEST_CASE("key index: of rows that share a key the one that follows is taken, then the oldest, each once") {
  const auto row_of = [](KeyIndex& index, std::uint64_t key) {
    const auto found = index.take({key, key}, Use::bind);
    return found ? found->row : 0;
  };
  KeyIndex index;
  const std::vector<std::uint64_t> keys{1, 2, 3, 1, 2, 4, 1};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    index.add({keys[i], keys[i]}, Use::bind, {i + 1, Outcome::ok});
  }
  index.seal();
  for (int run = 0; run < 2; ++run) {
    CHECK(row_of(index, 3) == 3);
    CHECK(row_of(index, 1) == 4);
    CHECK(row_of(index, 4) == 6);
    CHECK(row_of(index, 2) == 2);
    CHECK(row_of(index, 1) == 1);
    CHECK(row_of(index, 1) == 7);
    CHECK(row_of(index, 1) == 0);
    CHECK(row_of(index, 2) == 5);
    CHECK(row_of(index, 2) == 0);
    CHECK(row_of(index, 5) == 0);
    index.release();
    index.seal();
  }
}

TEST_CASE("key index: of nothing, nothing is found") {
  KeyIndex unsealed;
  CHECK_FALSE(unsealed.take({1, 1}, Use::bind));
  KeyIndex index;
  index.seal();
  CHECK_FALSE(index.take({~std::uint64_t{0}, 1}, Use::bind));
}

TEST_CASE("key index: each of many random keys is found, also at both ends") {
  std::mt19937_64 random(5);
  std::vector<Key> keys{{0, 0}, {~std::uint64_t{0}, ~std::uint64_t{0}}};
  while (keys.size() < 100000) keys.push_back({random(), random()});
  KeyIndex index;
  index.expect(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) index.add(keys[i], Use::bind, {i + 1, Outcome::ok});
  index.seal();
  std::size_t wrong = 0;
  for (std::size_t i = keys.size(); i-- > 0;) {
    const auto found = index.take(keys[i], Use::bind);
    if (!found || found->row != i + 1) ++wrong;
    if (index.take(keys[i], Use::bind)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("key index: that all rows have the same key makes it no slower") {
  constexpr std::uint64_t count = 200000;
  KeyIndex index;
  for (std::uint64_t row = 1; row <= count; ++row) index.add({3, 4}, Use::bind, {row, Outcome::ok});
  index.seal();
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t in_order = 0;
  for (std::uint64_t row = 1; row <= count; ++row) {
    if (index.take({3, 4}, Use::bind)->row == row) ++in_order;
  }
  CHECK(in_order == count);
  // Looking at each of them each time would take minutes.
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(5));
}

}  // namespace fanmill::store
