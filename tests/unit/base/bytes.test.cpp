#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include <fanmill/base/bytes.hpp>

namespace fanmill {

TEST_CASE("bytes: what is appended is there, and stays when there is to be more room") {
  Bytes bytes(10);
  CHECK(bytes.size() == 0);
  CHECK(bytes.room() >= 10);
  bytes.append("0123456789");
  for (std::size_t room = 11; room < (std::size_t{16} << 20); room = room * 5 / 2) {
    bytes.reserve(room);
    CHECK(bytes.room() >= room);
    CHECK(bytes.view() == "0123456789");
  }
  bytes.resize(4);
  CHECK(bytes.view() == "0123");
}

TEST_CASE("bytes: what is copied as a small piece is all there, and nothing beside it") {
  std::string source(200, '\0');
  std::iota(source.begin(), source.end(), 'A');
  for (std::size_t size = 0; size <= source.size(); ++size) {
    CAPTURE(size);
    std::string target(size + 2, '#');
    const char* const end = copy_small(target.data() + 1, ByteView(source).substr(0, size));
    CHECK(end == target.data() + 1 + size);
    CHECK(target == "#" + source.substr(0, size) + "#");
  }
}

TEST_CASE("bytes: none are none, and a move leaves none") {
  Bytes bytes;
  CHECK(bytes.view().empty());
  bytes.append("");
  bytes.reserve(0);
  bytes = Bytes(3);
  bytes.append("abc");
  Bytes other(std::move(bytes));
  CHECK(other.view() == "abc");
  CHECK(bytes.view().empty());  // NOLINT(bugprone-use-after-move)
  CHECK(bytes.room() == 0);
}

TEST_CASE("bytes: pieces are aligned, and none is in two hands") {
  std::vector<Bytes> pieces;
  for (std::size_t room :
       {0, 1, 100, 2032, 2033, 4080, 4081, 5000, 65520, 65536, 1 << 20, 4 << 20, 5 << 20}) {
    for (int i = 0; i < 3; ++i) {
      Bytes& piece = pieces.emplace_back(room);
      REQUIRE(piece.room() >= room);
      CHECK(reinterpret_cast<std::uintptr_t>(piece.data()) % alignof(std::max_align_t) == 0);
      piece.resize(room);
      if (room > 0) std::memset(piece.data(), static_cast<int>(pieces.size()), room);
    }
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string wanted(pieces[i].size(), static_cast<char>(i + 1));
    CHECK((pieces[i].view() == wanted));
  }
}

TEST_CASE("bytes: what was given back is used again, whoever gave it back") {
  if (!bytes_are_used_again) return;
  for (const std::size_t room : {5'000, 100'000, 3'000'000}) {
    Bytes first(room);
    char* const memory = first.release();
    std::thread([memory] { Bytes::give_back(memory); }).join();
    Bytes second(room);
    CHECK(second.data() == memory);
    Bytes third(room);
    CHECK(third.data() != memory);
  }
}

TEST_CASE("bytes: what is shared is given back by the last who has it") {
  Bytes first(100'000);
  first.append("abc");
  char* const memory = first.data();
  CHECK_FALSE(first.is_shared());
  Bytes second = first.share();
  CHECK(second.view() == "abc");
  CHECK(second.data() == memory);
  CHECK(first.is_shared());
  first = Bytes();
  CHECK_FALSE(second.is_shared());
  Bytes other(100'000);
  CHECK(other.data() != memory);
  std::thread([third = second.share()] {}).join();
  CHECK_FALSE(second.is_shared());
  CHECK(second.view() == "abc");
  CHECK_FALSE(Bytes().share().is_shared());
}

TEST_CASE("bytes: several threads that take and give back get pieces of their own") {
  constexpr int rounds = 20'000;
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t who = 0; who < wrong.size(); ++who) {
    threads.emplace_back([who, &wrong] {
      const std::string mark(3000, static_cast<char>('a' + who));
      for (int round = 0; round < rounds; ++round) {
        Bytes mine(3000);
        mine.append(mark);
        if (mine.view() != mark) ++wrong[who];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(std::accumulate(wrong.begin(), wrong.end(), 0) == 0);
}

}  // namespace fanmill
