#include <cerrno>

#include <sys/random.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/random.hpp>

namespace fanmill::transport {

namespace {

void fill(void* bytes, std::size_t size) {
  auto* next = static_cast<unsigned char*>(bytes);
  while (size > 0) {
    const ssize_t got = getrandom(next, size, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      throw Error(ErrorCode::unavailable, "draw", "random bytes", reason_of(errno));
    }
    next += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

std::string random_name(std::size_t bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string drawn(bytes, '\0');
  fill(drawn.data(), drawn.size());
  std::string name;
  name.reserve(2 * bytes);
  for (const char byte : drawn) {
    name.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    name.push_back(digits[byte & 15]);
  }
  return name;
}

std::uint64_t random_id() {
  std::uint64_t id = 0;
  while (id == 0) fill(&id, sizeof id);
  return id;
}

}  // namespace fanmill::transport
