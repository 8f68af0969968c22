#include <algorithm>
#include <array>
#include <cerrno>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/resource.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/context.hpp>

namespace fanmill::transport {

namespace {

// A socket has at least one descriptor, so counting descriptors up to here counts sockets too.
constexpr std::size_t most_sockets = 65535;

std::size_t descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// How many of the descriptor numbers low … high − 1 are not open.
std::size_t count_free(std::size_t low, std::size_t high, std::array<pollfd, 1024>& probes) {
  for (std::size_t number = low; number < high; ++number) {
    probes[number - low] = {static_cast<int>(number), 0, 0};
  }
  while (poll(probes.data(), high - low, 0) < 0) {
    if (errno != EINTR) return 0;
  }
  return static_cast<std::size_t>(
      std::count_if(probes.begin(), probes.begin() + static_cast<std::ptrdiff_t>(high - low),
                    [](const pollfd& probe) { return (probe.revents & POLLNVAL) != 0; }));
}

// libzmq's two, and those of a sink and a worker in the same process.
constexpr int least_threads = 4;

// The errno value where so many at once cannot be had.
int try_threads(int count) {
  std::latch all_tried(1);
  std::vector<std::thread> threads;
  int error = 0;
  try {
    for (int i = 0; i < count; ++i) threads.emplace_back([&] { all_tried.wait(); });
  } catch (const std::system_error& refused) {
    error = refused.code().value();
  }
  all_tried.count_down();
  for (std::thread& thread : threads) thread.join();
  return error;
}

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return descriptor_limit();
}

Context::Context() {
  // Where libzmq gets no thread or no descriptor it ends the process.
  if (const int error = try_threads(least_threads)) {
    throw Error(ErrorCode::unavailable, "start", "threads", reason_of(error), "raise the limit (ulimit -u)");
  }
  constexpr std::size_t least = 48;  // for a small pipeline with all that it has
  if (!has_room_for(least)) {
    throw Error(ErrorCode::unavailable, "start", "ZeroMQ", "too few file descriptors are left",
                "raise the limit (ulimit -n)");
  }
  context_.set(zmq::ctxopt::max_sockets, static_cast<int>(std::min(descriptor_limit(), most_sockets)));
  // With the first socket libzmq starts its threads: now, before others take their place.
  const zmq::socket_t first(context_, zmq::socket_type::pair);
}

// The kernel gives out the lowest free number, so the numbers below the limit are free unless the process has
// been up there before. Looking from the top finds room at once where there is plenty, and is right where
// there are holes.
bool Context::has_room_for(std::size_t descriptors) {
  const std::size_t limit = std::min(descriptor_limit(), most_sockets);
  const std::size_t wanted = descriptors + std::min<std::size_t>(64, limit / 8);
  std::array<pollfd, 1024> probes;
  std::size_t found = 0;
  std::size_t high = limit;
  std::size_t step = std::min(wanted, probes.size());
  while (found < wanted && high > 0) {
    const std::size_t low = high - std::min(step, high);
    found += count_free(low, high, probes);
    high = low;
    step = std::min(limit, probes.size());
  }
  return found >= wanted;
}

}  // namespace fanmill::transport
