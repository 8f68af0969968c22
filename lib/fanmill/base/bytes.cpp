#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <fanmill/base/bytes.hpp>

namespace fanmill {

namespace {

// Before each piece of memory.
struct alignas(std::max_align_t) Header {
  std::size_t room = 0;
  std::atomic<std::uint32_t> hands = 1;
};

static_assert(sizeof(Header) == Bytes::overhead);

constexpr std::size_t smallest = std::size_t{4} << 10;  // with its header; malloc keeps what is smaller
constexpr std::size_t largest = std::size_t{4} << 20;
constexpr std::size_t most_kept = std::size_t{16} << 20;

// Sizes are powers of two.
constexpr std::size_t index_of(std::size_t size) {
  return static_cast<std::size_t>(std::countr_zero(size) - std::countr_zero(smallest));
}

// What is kept of one size. Whoever takes from a place or fills it does so in one step, and nobody waits.
using Shelf = std::array<std::atomic<Header*>, 64>;

std::array<Shelf, index_of(largest) + 1> shelves;
std::atomic<std::size_t> kept_bytes = 0;

Header* take(std::size_t size) {
  for (std::atomic<Header*>& place : shelves[index_of(size)]) {
    if (place.load(std::memory_order_relaxed) == nullptr) continue;
    if (Header* const found = place.exchange(nullptr, std::memory_order_acquire)) {
      kept_bytes.fetch_sub(size, std::memory_order_relaxed);
      return found;
    }
  }
  return nullptr;
}

bool keep(Header* memory, std::size_t size) {
  if (kept_bytes.fetch_add(size, std::memory_order_relaxed) + size <= most_kept) {
    for (std::atomic<Header*>& place : shelves[index_of(size)]) {
      Header* none = nullptr;
      if (place.load(std::memory_order_relaxed) != nullptr) continue;
      if (place.compare_exchange_strong(none, memory, std::memory_order_release, std::memory_order_relaxed)) {
        return true;
      }
    }
  }
  kept_bytes.fetch_sub(size, std::memory_order_relaxed);
  return false;
}

Header* header_of(char* data) {
  return reinterpret_cast<Header*>(data) - 1;
}

bool is_kept(std::size_t size) {
  return bytes_are_used_again && size >= smallest && size <= largest;
}

}  // namespace

Bytes::Bytes(std::size_t room) {
  std::size_t size = room + sizeof(Header);
  if (size < room) throw std::bad_alloc();
  if (size > smallest / 2 && size <= largest) size = std::max(smallest, std::bit_ceil(size));
  Header* memory = is_kept(size) ? take(size) : nullptr;
  if (memory == nullptr) {
    void* const fresh = std::malloc(size);
    if (fresh == nullptr) throw std::bad_alloc();
    memory = new (fresh) Header;
    memory->room = size - sizeof(Header);
  }
  data_ = reinterpret_cast<char*>(memory + 1);
  room_ = memory->room;
}

void Bytes::reserve(std::size_t room) {
  if (room <= room_) return;
  Bytes larger(room);
  larger.append(view());
  *this = std::move(larger);
}

Bytes Bytes::share() const {
  Bytes other;
  if (data_ == nullptr) return other;
  header_of(data_)->hands.fetch_add(1, std::memory_order_relaxed);
  other.data_ = data_;
  other.size_ = size_;
  other.room_ = room_;
  return other;
}

bool Bytes::is_shared() const {
  return data_ != nullptr && header_of(data_)->hands.load(std::memory_order_acquire) > 1;
}

void Bytes::give_back(char* data) noexcept {
  Header* const memory = header_of(data);
  if (memory->hands.load(std::memory_order_acquire) > 1) {
    if (memory->hands.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    memory->hands.store(1, std::memory_order_relaxed);
  }
  const std::size_t size = memory->room + sizeof(Header);
  if (is_kept(size) && keep(memory, size)) return;
  std::free(memory);
}

}  // namespace fanmill
