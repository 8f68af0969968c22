#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include <sys/eventfd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/input/submissions.hpp>

namespace fanmill::input {

namespace {
constexpr std::size_t gone = std::numeric_limits<std::size_t>::max();
// What one read() hands over at most, or one block more: its caller has other things to do, and what has
// been copied twice does not stay in the cache.
constexpr std::size_t tasks_per_read = 4096;
constexpr std::size_t bytes_per_read = std::size_t{256} << 10;
// Bytes for whose sake it is worth waking who waits, where the window has many.
constexpr std::size_t much_room = std::size_t{256} << 10;
// What is many tasks, and what may be on its way and not be counted, is one of so many parts of the window.
constexpr std::size_t window_parts = 64;
constexpr std::size_t tasks_per_block = 1024;
// Whoever has the mutex gives it back soon, and to wait for it in the kernel costs both of them more than
// what it is held for: so it is tried so often first.
constexpr int tries = 100;
constexpr std::size_t first_block_bytes = std::size_t{1} << 10;
constexpr std::size_t block_bytes = (std::size_t{64} << 10) - Bytes::overhead;
// A payload that has a block to itself.
constexpr std::size_t large = block_bytes + 1;

[[nodiscard]] Bytes copy_of(ByteView payload) {
  Bytes copy(payload.size());
  copy.append(payload);
  return copy;
}

[[nodiscard]] inline std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  std::unique_lock lock(mutex, std::try_to_lock);
  for (int i = 0; !lock.owns_lock() && i < tries; ++i) {
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
    static_cast<void>(lock.try_lock());
  }
  if (!lock.owns_lock()) lock.lock();
  return lock;
}
}  // namespace

Submissions::Submissions(const Window& window)
    : window_(window), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw Error(ErrorCode::unavailable, "start", "a pipeline", reason_of(errno));
}

inline void Submissions::require_open() const {
  if (ended_) throw Error(ErrorCode::unavailable, "submit", "a task", *ended_);
  if (closed_)
    throw Error(ErrorCode::unavailable, "submit", "a task", "it is closed: no more can be handed in");
}

// Tasks are written after their bytes and read before them: of each that is seen the bytes are, too.
Submissions::Amount Submissions::delivered_now() const {
  Amount amount;
  amount.tasks = delivered_.load();
  amount.bytes = delivered_bytes_.load(std::memory_order_acquire);
  return amount;
}

inline Submissions::Amount Submissions::in_window_after(const Amount& delivered) const {
  return {added_.load(std::memory_order_relaxed) - delivered.tasks,
          added_bytes_.load(std::memory_order_relaxed) - delivered.bytes};
}

inline bool Submissions::has_room_after(const Amount& delivered, std::size_t size) const {
  const Amount in_window = in_window_after(delivered);
  if (in_window.tasks == 0) return true;
  const auto has_bytes = [&](std::size_t all) {
    return in_window.bytes < all && size <= all - in_window.bytes;
  };
  return in_window.tasks < window_.tasks && has_bytes(window_.bytes) &&
         (in_window.tasks < window_.enough_tasks || has_bytes(window_.enough_bytes));
}

// What the sink writes is looked at only where what was seen of it last is not enough.
inline bool Submissions::has_room(std::size_t size) {
  if (has_room_after(seen_, size)) return true;
  seen_ = delivered_now();
  return has_room_after(seen_, size);
}

bool Submissions::has_much_room() const {
  const Amount in_window = in_window_after(delivered_now());
  const std::size_t all = std::min(window_.bytes, window_.enough_bytes);
  return in_window.tasks < window_.tasks - window_.tasks / window_parts &&
         (in_window.tasks < window_.enough_tasks || in_window.bytes <= all - std::min(all / 8, much_room));
}

inline void Submissions::put(ByteView payload) {
  Block* block = queue_.empty() ? nullptr : &queue_.back();
  if (block == nullptr || block->sizes.size() == tasks_per_block ||
      block->bytes.room() - block->bytes.size() < payload.size()) {
    // Where the reader keeps up, a block will not get much.
    const std::size_t room = queue_.empty() ? first_block_bytes : block_bytes;
    Block another;
    another.sizes.reserve(tasks_per_block);
    another.bytes = Bytes(std::max(payload.size(), room));
    queue_.push_back(std::move(another));
    block = &queue_.back();
  }
  block->sizes.push_back(payload.size());
  char* const end = copy_small(block->bytes.data() + block->bytes.size(), payload);
  block->bytes.resize(static_cast<std::size_t>(end - block->bytes.data()));
}

// `copy`: of a payload that was copied before; else empty.
inline TaskId Submissions::take(ByteView payload, Bytes copy) {
  if (copy.size() > 0) {
    queue_.push_back({std::move(copy), {payload.size()}});
  } else {
    put(payload);
  }
  const TaskId id = added_.load(std::memory_order_relaxed);
  added_bytes_.store(added_bytes_.load(std::memory_order_relaxed) + payload.size(),
                     std::memory_order_relaxed);
  added_.store(id + 1, std::memory_order_relaxed);
  if (!signalled_) wake();
  return id;
}

std::optional<TaskId> Submissions::try_add(ByteView payload) {
  auto lock = lock_soon(add_mutex_);
  require_open();
  if (!has_room(payload.size())) return std::nullopt;
  if (payload.size() < large) return take(payload);
  // Copied while others may add and take.
  lock.unlock();
  Bytes copy = copy_of(payload);
  lock.lock();
  require_open();
  if (!has_room(payload.size())) return std::nullopt;
  return take(payload, std::move(copy));
}

TaskId Submissions::add(ByteView payload) {
  Bytes copy;
  if (payload.size() >= large) copy = copy_of(payload);
  auto lock = lock_soon(add_mutex_);
  while (!ended_ && !closed_ && !has_room(payload.size())) {
    // Either the sink sees this, or what it has delivered before is seen here.
    wanted_.store(true);
    if (!has_room(payload.size())) room_.wait(lock);
  }
  require_open();
  return take(payload, std::move(copy));
}

void Submissions::close() {
  {
    const std::lock_guard lock(add_mutex_);
    closed_ = true;
    if (!signalled_) wake();
  }
  room_.notify_all();
}

void Submissions::end(const std::string& why) {
  {
    const std::lock_guard lock(add_mutex_);
    ended_ = why;
  }
  room_.notify_all();
}

std::size_t Submissions::delivered(IdRange ids) {
  std::size_t count = 0;
  {
    const auto lock = lock_soon(read_mutex_);
    const std::size_t at = ids.first - first_;  // huge, for one before the first
    if (at >= sizes_.size()) return 0;
    const std::size_t most =
        std::min({ids.count(), sizes_.size() - at, std::max<std::size_t>(window_.tasks / window_parts, 1)});
    std::size_t bytes = 0;
    for (auto size = sizes_.begin() + static_cast<std::ptrdiff_t>(at); count < most && *size != gone;
         ++size) {
      bytes += std::exchange(*size, gone);
      ++count;
    }
    if (count == 0) return 0;
    std::size_t first = 0;
    if (at == 0) first = count;
    while (first < sizes_.size() && sizes_[first] == gone) ++first;
    sizes_.erase(sizes_.begin(), sizes_.begin() + static_cast<std::ptrdiff_t>(first));
    first_ += first;
    delivered_bytes_.store(delivered_bytes_.load(std::memory_order_relaxed) + bytes,
                           std::memory_order_release);
    delivered_.store(delivered_.load(std::memory_order_relaxed) + count);
  }
  // Who waits is woken where there is room for many tasks; and once, until one of them has looked.
  if (!wanted_.load() || !has_much_room() || !wanted_.exchange(false)) return count;
  // Whoever said so waits by now, or has seen the room.
  { const std::lock_guard lock(add_mutex_); }
  room_.notify_all();
  return count;
}

std::uint64_t Submissions::added() const {
  return added_.load(std::memory_order_acquire);
}

void Submissions::wake() {
  signalled_ = true;
  ::eventfd_write(wake_.fd(), 1);
}

bool Submissions::read(Receiver& receiver) {
  std::vector<Block> taken;
  {
    const auto lock = lock_soon(add_mutex_);
    if (closed_ && queue_.empty()) return false;
    std::size_t tasks = 0;
    std::size_t bytes = 0;
    for (; !queue_.empty() && tasks < tasks_per_read && bytes < bytes_per_read; queue_.pop_front()) {
      tasks += queue_.front().sizes.size();
      bytes += queue_.front().bytes.size();
      taken.push_back(std::move(queue_.front()));
    }
    // Stays readable where there is more, or the end to be told.
    if (!closed_ && queue_.empty() && std::exchange(signalled_, false)) {
      eventfd_t value = 0;
      ::eventfd_read(wake_.fd(), &value);
    }
  }
  {
    // Before anybody can deliver one of them.
    const auto lock = lock_soon(read_mutex_);
    for (const Block& block : taken) {
      sizes_.insert(sizes_.end(), block.sizes.begin(), block.sizes.end());
    }
    read_to_.store(first_ + sizes_.size(), std::memory_order_release);
  }
  std::vector<ByteView> payloads;
  for (const Block& block : taken) {
    ByteView rest = block.bytes.view();
    payloads.clear();
    for (const std::size_t size : block.sizes) {
      payloads.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    receiver.neighbours(payloads, block.bytes);
  }
  return true;
}

}  // namespace fanmill::input
