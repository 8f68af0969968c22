#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>
#include <sys/resource.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/transport/context.hpp>

namespace fanmill::transport {

namespace {

// Lowers the limit of this process for a test.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit lowered = before_;
    lowered.rlim_cur = limit;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &lowered) == 0);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

std::vector<Descriptor> open_until_none_is_left() {
  std::vector<Descriptor> opened;
  while (Descriptor next{::dup(0)}) opened.push_back(std::move(next));
  return opened;
}

}  // namespace

TEST_CASE("context: the descriptor limit is raised to the hard one") {
  const DescriptorLimit lowered(256);
  rlimit limit{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  REQUIRE(limit.rlim_max > 256);
  CHECK(raise_descriptor_limit() == limit.rlim_max);
  REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(limit.rlim_cur == limit.rlim_max);
}

TEST_CASE("context: more sockets than libzmq's default of 1,023") {
  if (raise_descriptor_limit() < 2000) {
    WARN("skipped: the hard limit on descriptors is below 2000");
    return;
  }
  Context context;
  std::vector<zmq::socket_t> sockets;
  for (int i = 0; i < 1100; ++i) {
    CHECK_NOTHROW(sockets.emplace_back(context.handle(), zmq::socket_type::push));
  }
  CHECK(sockets.size() == 1100);
}

TEST_CASE("context: there is room until the process comes near its limit") {
  const DescriptorLimit limit(256);  // of which 32 are kept back
  CHECK(Context::has_room_for(3));
  CHECK(Context::has_room_for(100));
  CHECK_FALSE(Context::has_room_for(256));

  auto opened = open_until_none_is_left();
  // Judged when there are descriptors again: a sanitizer needs some for itself.
  const std::size_t count = opened.size();
  const bool room_for_one = Context::has_room_for(1);
  const bool room_for_none = Context::has_room_for(0);
  opened.resize(count - std::min<std::size_t>(count, 32 + 3));
  REQUIRE(count > 100);
  CHECK_FALSE(room_for_one);
  CHECK_FALSE(room_for_none);
  CHECK(Context::has_room_for(3));
  CHECK_FALSE(Context::has_room_for(4));
}

TEST_CASE("context: room is where descriptors are free, not where the highest number is") {
  const DescriptorLimit limit(256);
  auto opened = open_until_none_is_left();
  const bool room_for_one = Context::has_room_for(1);
  for (std::size_t i = 0; i < 32 + 5; ++i) opened[i].reset();  // the lowest numbers; the highest stay open
  CHECK_FALSE(room_for_one);
  CHECK(Context::has_room_for(5));
  CHECK_FALSE(Context::has_room_for(6));
}

}  // namespace fanmill::transport
