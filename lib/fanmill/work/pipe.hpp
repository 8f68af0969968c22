#pragma once
// A pipe between us and a child.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/ids.hpp>

namespace fanmill::work {

struct Pipe {
  Descriptor ours;    // does not block
  Descriptor theirs;  // does
};

enum class WeDo : std::uint8_t { read, write };

// Both ends lie above the standard descriptors, so that none of them is closed by mistake in a child.
// Nothing, and errno, where the system gives none.
[[nodiscard]] std::optional<Pipe> open_pipe(WeDo we);

// What is read of one pipe before others have their turn.
inline constexpr int reads_in_a_row = 16;

// take(bytes) gets what is there, up to so many times `room`, which is for the bytes on their way. False at
// its end.
template <class Take>
[[nodiscard]] bool read_pipe(const Descriptor& pipe, std::span<char> room, Take take) {
  for (int i = 0; i < reads_in_a_row && pipe; ++i) {
    const ssize_t count = ::read(pipe.fd(), room.data(), room.size());
    if (count == 0) return false;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return true;
    take(ByteView(room.data(), static_cast<std::size_t>(count)));
    if (static_cast<std::size_t>(count) < room.size()) return true;
  }
  return true;
}

}  // namespace fanmill::work
