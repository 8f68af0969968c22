#include <string>
#include <vector>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <fanmill/work/board.hpp>

using namespace fanmill;
using namespace fanmill::work;

TEST_CASE("board: what is in hand is what has begun and not ended") {
  Board board(3);
  CHECK(board.in_hand().empty());
  board.begin(1, 10);
  board.begin(3, 30);
  CHECK(board.in_hand() == std::vector<TaskId>{10, 30});
  board.end(1);
  board.begin(1, 11);
  CHECK(board.in_hand() == std::vector<TaskId>{11, 30});
  CHECK(board.begun() == 3);
  CHECK(board.done() == 1);

  SECTION("of the one who is to blame, if it is known") {
    board.blame(3);
    board.blame(1);
    CHECK(board.in_hand() == std::vector<TaskId>{30});
  }
}

TEST_CASE("board: both sides see the same") {
  Board ours(2);
  auto theirs = Board::open(Descriptor(::fcntl(ours.fd(), F_DUPFD_CLOEXEC, 3)));
  REQUIRE(theirs);
  CHECK(ours.ending() == Board::Ending::unexpected);
  theirs->begin(2, 7);
  theirs->say(Board::Ending::with_error, "no luck");
  CHECK(ours.in_hand() == std::vector<TaskId>{7});
  CHECK(ours.ending() == Board::Ending::with_error);
  CHECK(ours.text() == "no luck");
  theirs->say(Board::Ending::with_error, std::string(100'000, 'x'));
  CHECK(ours.text().size() == 4096);
}

TEST_CASE("board: what is no board is told from one") {
  CHECK_FALSE(Board::open(Descriptor()));
  CHECK_FALSE(Board::open(Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC))));
  CHECK_FALSE(Board::open(Descriptor(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC))));
  Board board(2);
  Descriptor copy(::fcntl(board.fd(), F_DUPFD_CLOEXEC, 3));
  REQUIRE(::ftruncate(copy.fd(), 10'000) == 0);
  CHECK_FALSE(Board::open(std::move(copy)));
}
