#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>

#include <fanmill/base/bytes.hpp>

namespace fanmill {

namespace {

// Before each piece of memory.
struct alignas(std::max_align_t) Header {
  std::size_t room = 0;
  Header* next = nullptr;  // while it is kept
};

static_assert(sizeof(Header) == Bytes::overhead);

constexpr std::size_t smallest = std::size_t{4} << 10;  // with its header; malloc keeps what is smaller
constexpr std::size_t largest = std::size_t{4} << 20;
constexpr std::size_t most_kept = std::size_t{16} << 20;

// Sizes are powers of two.
constexpr std::size_t index_of(std::size_t size) {
  return static_cast<std::size_t>(std::countr_zero(size) - std::countr_zero(smallest));
}

struct Kept {
  std::mutex mutex;
  std::array<Header*, index_of(largest) + 1> by_size{};
  std::size_t bytes = 0;
};

// Never destroyed: libzmq's threads give frames back until the very end.
Kept& kept() {
  static Kept& the_only_one = *new Kept;
  return the_only_one;
}

Header* take(std::size_t size) {
  const std::lock_guard lock(kept().mutex);
  Header*& first = kept().by_size[index_of(size)];
  Header* const found = first;
  if (found != nullptr) {
    first = found->next;
    kept().bytes -= size;
  }
  return found;
}

bool keep(Header* memory, std::size_t size) {
  const std::lock_guard lock(kept().mutex);
  if (kept().bytes + size > most_kept) return false;
  memory->next = std::exchange(kept().by_size[index_of(size)], memory);
  kept().bytes += size;
  return true;
}

bool is_kept(std::size_t size) {
  return Bytes::is_used_again && size >= smallest && size <= largest;
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

void Bytes::give_back(char* data) noexcept {
  Header* const memory = reinterpret_cast<Header*>(data) - 1;
  const std::size_t size = memory->room + sizeof(Header);
  if (is_kept(size) && keep(memory, size)) return;
  std::free(memory);
}

}  // namespace fanmill
