#include <array>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/pipe_room.hpp>

using namespace fanmill;

namespace {

struct Pipe {
  Descriptor out;
  Descriptor in;
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    out.reset(ends[0]);
    in.reset(ends[1]);
  }
  [[nodiscard]] int room() const { return ::fcntl(in.fd(), F_GETPIPE_SZ); }
};

}  // namespace

TEST_CASE("pipe room: a pipe as Linux gives it holds 256 KiB, whichever end it is known by") {
  Pipe by_reader;
  REQUIRE(by_reader.room() == 64 << 10);
  make_room_in_pipe(by_reader.out.fd());
  CHECK(by_reader.room() == 256 << 10);
  Pipe by_writer;
  make_room_in_pipe(by_writer.in.fd());
  CHECK(by_writer.room() == 256 << 10);
}

TEST_CASE("pipe room: one that was made smaller or larger stays so, with what lies in it") {
  for (const int room : {4 << 10, 512 << 10}) {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.in.fd(), F_SETPIPE_SZ, room) == room);
    REQUIRE(::write(pipe.in.fd(), "abc", 3) == 3);
    make_room_in_pipe(pipe.in.fd());
    CHECK(pipe.room() == room);
    std::array<char, 4> read{};
    CHECK(::read(pipe.out.fd(), read.data(), read.size()) == 3);
  }
}

TEST_CASE("pipe room: what is no pipe, or not open, is left alone") {
  const Descriptor null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  make_room_in_pipe(null.fd());
  make_room_in_pipe(-1);
  CHECK(::write(null.fd(), "x", 1) == 1);
}
