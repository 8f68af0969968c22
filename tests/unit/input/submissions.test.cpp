#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <poll.h>

#include "collected.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/input/submissions.hpp>

using namespace fanmill;
using namespace fanmill::input;
using namespace std::chrono_literals;

namespace {

// Whoever waits is let go at the end of the test, also of one that has failed.
struct EndAtLast {
  Submissions& tasks;
  ~EndAtLast() { tasks.end("the test is over"); }
};

// As the ventilator does, before any of them can be delivered.
void read_all(Submissions& tasks) {
  Collected taken;
  static_cast<void>(tasks.read(taken));
}

}  // namespace

TEST_CASE("submissions: tasks are counted from 0, and read in the order in which they came") {
  Submissions tasks({10, 1000});
  CHECK(tasks.add("a") == 0);
  CHECK(tasks.try_add("b") == TaskId{1});
  Collected taken;
  CHECK(tasks.read(taken));
  CHECK(taken.items == std::vector<std::string>{"a", "b"});
  CHECK(tasks.read(taken));
  CHECK(taken.items.size() == 2);
  CHECK(tasks.added() == 2);
}

TEST_CASE("submissions: the end is told when all has been read, and not before") {
  Submissions tasks({10, 1000});
  tasks.add("a");
  tasks.close();
  Collected taken;
  CHECK(tasks.read(taken));
  CHECK(taken.items.size() == 1);
  CHECK_FALSE(tasks.read(taken));
  CHECK_FALSE(tasks.read(taken));
  CHECK_THROWS_WITH(tasks.add("b"), "cannot submit a task: it is closed: no more can be handed in");
  CHECK_THROWS_AS(tasks.try_add("b"), Error);
}

TEST_CASE("submissions: a window of tasks is full until some are delivered, read or not") {
  Submissions tasks({2, 1000});
  tasks.add("a");
  tasks.add("b");
  CHECK_FALSE(tasks.try_add("c"));
  Collected taken;
  CHECK(tasks.read(taken));
  CHECK_FALSE(tasks.try_add("c"));
  tasks.delivered({1, 1});
  CHECK(tasks.try_add("c") == TaskId{2});
  CHECK_FALSE(tasks.try_add("d"));
  CHECK(tasks.delivered({2, 2}) == 0);  // nobody has read it
  CHECK(tasks.read_to() == 2);
  CHECK(tasks.read(taken));
  CHECK(tasks.read_to() == 3);
  tasks.delivered({0, 0});
  tasks.delivered({2, 2});
  CHECK(tasks.try_add("d") == TaskId{3});
}

TEST_CASE("submissions: what nobody has handed in, or has left already, changes nothing") {
  Submissions tasks({2, 1000});
  CHECK(tasks.delivered({0, 0}) == 0);
  tasks.add("a");
  tasks.add("b");
  CHECK(tasks.delivered({0, 1}) == 0);
  read_all(tasks);
  CHECK(tasks.delivered({2, 2}) == 0);
  CHECK(tasks.delivered({max_task_id, max_task_id}) == 0);
  CHECK_FALSE(tasks.try_add("c"));
  CHECK(tasks.delivered({1, 1}) == 1);
  CHECK(tasks.delivered({1, 1}) == 0);
  CHECK(tasks.delivered({0, 0}) == 1);
  CHECK(tasks.delivered({0, 0}) == 0);
  CHECK(tasks.try_add("c") == TaskId{2});
  CHECK(tasks.try_add("d") == TaskId{3});
  CHECK_FALSE(tasks.try_add("e"));
}

TEST_CASE(
    "submissions: neighbours leave together, as many as are there, and no more than a 64th of the window") {
  Submissions tasks({128, 1000});
  for (int i = 0; i < 6; ++i) tasks.add("a");
  read_all(tasks);
  CHECK(tasks.delivered({0, 5}) == 2);
  CHECK(tasks.delivered({4, 4}) == 1);
  CHECK(tasks.delivered({3, 5}) == 1);
  CHECK(tasks.delivered({4, 5}) == 0);
  CHECK(tasks.delivered({5, 9}) == 1);
  CHECK(tasks.delivered({2, 2}) == 1);
  CHECK(tasks.add("a") == 6);
  read_all(tasks);
  CHECK(tasks.delivered({6, max_task_id}) == 1);
  // All of the room is there again.
  for (int i = 0; i < 128; ++i) CHECK(tasks.try_add("a"));
  CHECK_FALSE(tasks.try_add("a"));
}

TEST_CASE("submissions: a window of bytes counts what is in it; a larger payload goes alone") {
  Submissions tasks({100, 10});
  tasks.add("123456");
  CHECK_FALSE(tasks.try_add("12345"));
  CHECK(tasks.try_add("1234"));
  CHECK_FALSE(tasks.try_add(""));
  read_all(tasks);
  tasks.delivered({1, 1});
  tasks.delivered({0, 0});
  const std::string large(100, 'x');
  CHECK(tasks.try_add(large));
  CHECK_FALSE(tasks.try_add("1"));
  read_all(tasks);
  tasks.delivered({2, 2});
  CHECK(tasks.try_add("1"));
  CHECK_FALSE(tasks.try_add(large));
}

TEST_CASE("submissions: beyond what is enough only so many tasks are taken") {
  Submissions tasks({.tasks = 100, .bytes = 1000, .enough_tasks = 3, .enough_bytes = 10});
  CHECK(tasks.try_add("123456"));
  CHECK(tasks.try_add(std::string(500, 'x')));
  CHECK(tasks.try_add("123456"));
  CHECK_FALSE(tasks.try_add("1"));
  read_all(tasks);
  tasks.delivered({1, 1});
  CHECK_FALSE(tasks.try_add(std::string(990, 'x')));
  CHECK(tasks.try_add(std::string(900, 'x')));
  CHECK_FALSE(tasks.try_add(""));
  read_all(tasks);
  tasks.delivered({3, 3});
  tasks.delivered({2, 2});
  CHECK(tasks.try_add("1234"));
  CHECK(tasks.try_add("1"));
  CHECK_FALSE(tasks.try_add("1"));
}

TEST_CASE("submissions: who waits is woken for one task where the window has few") {
  Submissions tasks({.tasks = 8, .bytes = 1000});
  const EndAtLast end{tasks};
  for (int i = 0; i < 8; ++i) tasks.add("1");
  for (TaskId done = 0; done < 20; ++done) {
    auto waiting = std::async(std::launch::async, [&] { return tasks.add("1"); });
    read_all(tasks);
    CHECK(tasks.delivered({done, done}) == 1);
    REQUIRE(waiting.wait_for(50s) == std::future_status::ready);
  }
}

TEST_CASE("submissions: what is handed over is kept by who shares its block, and need not be copied") {
  struct Kept final : Receiver {
    void item(ByteView) override { FAIL("without a block"); }
    void neighbours(std::span<const ByteView> payloads, const Bytes& block) override {
      blocks.push_back(block.share());
      views.insert(views.end(), payloads.begin(), payloads.end());
      for (const ByteView payload : payloads) {
        CHECK(payload.data() >= block.data());
        CHECK(payload.data() + payload.size() <= block.data() + block.size());
      }
    }
    std::vector<Bytes> blocks;
    std::vector<ByteView> views;
  };
  constexpr std::size_t large = 100'000;
  Submissions tasks({100, std::size_t{10} << 20});
  const std::vector<std::string> all{"small", std::string(large, 'a'), "", std::string(3 * large, 'c'),
                                     "small too"};
  for (const std::string& one : all) REQUIRE(tasks.try_add(one));
  tasks.close();
  Kept kept;
  while (tasks.read(kept)) {
  }
  CHECK(kept.views == std::vector<ByteView>(all.begin(), all.end()));
  // A large one begins a block.
  CHECK(kept.blocks.size() == 3);
}

TEST_CASE("submissions: a read hands over some hundreds of KiB, and the rest is read next") {
  constexpr std::size_t count = 32;
  Submissions tasks({count, std::size_t{64} << 20});
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.emplace_back(100'000, static_cast<char>('a' + i));
    tasks.add(all.back());
  }
  Collected taken;
  for (std::size_t before = 0; taken.items.size() < count; before = taken.items.size()) {
    pollfd wait{tasks.wait_fd(), POLLIN, 0};
    REQUIRE(poll(&wait, 1, 0) == 1);
    REQUIRE(tasks.read(taken));
    REQUIRE(taken.items.size() > before);
    CHECK(taken.items.size() - before <= 3);
  }
  CHECK((taken.items == all));
}

TEST_CASE("submissions: who waits for room goes on when there is some, and throws when it is over") {
  for (const std::string event : {"delivered", "closed", "ended"}) {
    Submissions tasks({1, 1000});
    tasks.add("a");
    auto waiting = std::async(std::launch::async, [&] { return tasks.add("b"); });
    const EndAtLast end{tasks};
    const auto goes_on = [&] { return waiting.wait_for(50s) == std::future_status::ready; };
    if (event == "delivered") {
      read_all(tasks);
      tasks.delivered({0, 0});
      REQUIRE(goes_on());
      CHECK(waiting.get() == 1);
    } else if (event == "closed") {
      tasks.close();
      REQUIRE(goes_on());
      CHECK_THROWS_AS(waiting.get(), Error);
    } else {
      tasks.end("it broke");
      REQUIRE(goes_on());
      CHECK_THROWS_WITH(waiting.get(), "cannot submit a task: it broke");
    }
  }
}

TEST_CASE("submissions: with a small window all of those who wait for it get through, again and again") {
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = 5000;
  Submissions tasks({.tasks = 8, .bytes = 1000});
  const EndAtLast end{tasks};
  std::vector<std::future<std::size_t>> adding;
  for (std::size_t i = 0; i < threads; ++i) {
    adding.push_back(std::async(std::launch::async, [&tasks] {
      std::size_t added = 0;
      for (; added < each; ++added) tasks.add("a task");
      return added;
    }));
  }
  std::atomic<std::size_t> read{0};
  auto reading = std::async(std::launch::async, [&] {
    Collected taken;
    while (taken.items.size() < threads * each) {
      pollfd wait{tasks.wait_fd(), POLLIN, 0};
      if (poll(&wait, 1, 50'000) != 1 || !tasks.read(taken)) break;
      read = taken.items.size();
      read.notify_one();
    }
    return taken.items.size();
  });
  std::size_t delivered = 0;
  while (delivered < threads * each) {
    read.wait(delivered);
    const std::size_t until = read;
    while (delivered < until) delivered += tasks.delivered({delivered, until - 1});
  }
  REQUIRE(reading.wait_for(50s) == std::future_status::ready);
  CHECK(reading.get() == threads * each);
  for (auto& one : adding) CHECK(one.get() == each);
  CHECK(tasks.added() == threads * each);
}
