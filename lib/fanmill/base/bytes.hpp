#pragma once
// Memory for what is large and soon gone: frames, payloads, blocks of input. It is not zeroed, and it is used
// again: malloc(3) gives what is large back to the system at once, and each of its pages costs a fault when
// it is wanted next. Up to 16 MiB are kept for the whole process.
//
// An object is for one thread at a time; memory may be given back on any, and shared between any.

#include <cassert>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include <fanmill/base/ids.hpp>

namespace fanmill {

// Sanitizers see a use of what was given back only where that is not used again.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool bytes_are_used_again = false;
#elif defined(__has_feature)
inline constexpr bool bytes_are_used_again = !__has_feature(address_sanitizer);
#else
inline constexpr bool bytes_are_used_again = true;
#endif

// Copies what is mostly small without a call for it; returns where it ended.
[[nodiscard]] inline char* copy_small(char* to, ByteView from) {
  const char* const source = from.data();
  const std::size_t size = from.size();
  const auto both_ends = [&]<std::size_t part>(std::integral_constant<std::size_t, part>) {
    char first[part];
    char last[part];
    std::memcpy(first, source, part);
    std::memcpy(last, source + size - part, part);
    std::memcpy(to, first, part);
    std::memcpy(to + size - part, last, part);
  };
  if (size > 64) {
    std::memcpy(to, source, size);
  } else if (size >= 32) {
    both_ends(std::integral_constant<std::size_t, 32>());
  } else if (size >= 16) {
    both_ends(std::integral_constant<std::size_t, 16>());
  } else if (size >= 8) {
    both_ends(std::integral_constant<std::size_t, 8>());
  } else if (size >= 4) {
    both_ends(std::integral_constant<std::size_t, 4>());
  } else {
    for (std::size_t i = 0; i < size; ++i) to[i] = source[i];
  }
  return to + size;
}

class Bytes {
 public:
  // Pieces of a power of two of bytes, less this, waste nothing.
  static constexpr std::size_t overhead = 2 * sizeof(std::size_t);

  Bytes() = default;
  // Empty, with room for at least so many. Throws std::bad_alloc.
  explicit Bytes(std::size_t room);
  Bytes(Bytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        room_(std::exchange(other.room_, 0)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
    return *this;
  }
  ~Bytes() {
    if (data_ != nullptr) give_back(data_);
  }

  [[nodiscard]] char* data() { return data_; }
  [[nodiscard]] const char* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t room() const { return room_; }
  [[nodiscard]] ByteView view() const { return {data_, size_}; }
  operator ByteView() const { return view(); }  // NOLINT(google-explicit-constructor): as std::string's

  // What is gained says anything; `size` ≤ room().
  void resize(std::size_t size) {
    assert(size <= room_);
    size_ = size;
  }
  // Room for at least so many; what is there stays.
  void reserve(std::size_t room);
  // There has to be room.
  void append(ByteView more) {
    assert(more.size() <= room_ - size_);
    if (!more.empty()) std::memcpy(data_ + size_, more.data(), more.size());
    size_ += more.size();
  }

  // The same memory in another hand; the last one gives it back. What one reads the other may not change.
  [[nodiscard]] Bytes share() const;
  // Whether another has it. False: all that others did with it is over.
  [[nodiscard]] bool is_shared() const;

  // For libraries that want to be told how to free it: the memory, to be given back by give_back(), on any
  // thread. Empty afterwards.
  [[nodiscard]] char* release() {
    size_ = room_ = 0;
    return std::exchange(data_, nullptr);
  }
  static void give_back(char* data) noexcept;

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

}  // namespace fanmill
