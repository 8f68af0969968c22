#include <deque>

#include <catch2/catch.hpp>

#include <fanmill/store/waiting_keys.hpp>

namespace fanmill::store {

TEST_CASE("waiting keys: a key comes out once, whatever the order") {
  WaitingKeys keys;
  for (TaskId id = 100; id < 1100; ++id) keys.add(id, {id, id + 1});
  std::size_t wrong = 0;
  for (TaskId id = 1099; id >= 100; id -= 3) {
    if (keys.take(id) != Key{id, id + 1}) ++wrong;
    if (keys.take(id)) ++wrong;
  }
  for (TaskId id = 100; id < 1100; ++id) {
    const bool was_taken = (1099 - id) % 3 == 0;
    if (keys.take(id).has_value() == was_taken) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("waiting keys: what was never added is not there") {
  WaitingKeys keys;
  CHECK_FALSE(keys.take(0));
  keys.add(5, {1, 1});
  CHECK_FALSE(keys.take(4));
  CHECK_FALSE(keys.take(5000));
  CHECK(keys.take(5));
}

TEST_CASE("waiting keys: a page that is used again has nothing of before") {
  WaitingKeys keys;
  for (TaskId id = 0; id < 256; ++id) keys.add(id, {id, 0});
  for (TaskId id = 0; id < 256; ++id) REQUIRE(keys.take(id));
  keys.add(512, {9, 9});
  CHECK_FALSE(keys.take(513));
  CHECK(keys.take(512) == Key{9, 9});
  keys.add(512, {8, 8});
  keys.clear();
  CHECK_FALSE(keys.take(512));
}

TEST_CASE("waiting keys: a window that moves on for long, with one task that stays behind") {
  WaitingKeys keys;
  keys.add(0, {1, 2});
  std::deque<TaskId> window;
  std::size_t wrong = 0;
  for (TaskId id = 1; id < 200000; ++id) {
    keys.add(id, {id, id});
    window.push_back(id);
    if (window.size() < 1000) continue;
    if (keys.take(window.front()) != Key{window.front(), window.front()}) ++wrong;
    window.pop_front();
  }
  CHECK(wrong == 0);
  CHECK(keys.take(0) == Key{1, 2});
}

}  // namespace fanmill::store
