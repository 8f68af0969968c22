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

[[nodiscard]] std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  std::unique_lock lock(mutex, std::defer_lock);
  for (int i = 0; i < tries; ++i) {
    if (lock.try_lock()) return lock;
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
  }
  lock.lock();
  return lock;
}
}  // namespace

Submissions::Submissions(const Window& window)
    : window_(window), wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) throw Error(ErrorCode::unavailable, "start", "a pipeline", reason_of(errno));
}

void Submissions::require_open() const {
  if (ended_) throw Error(ErrorCode::unavailable, "submit", "a task", *ended_);
  if (closed_) throw Error(ErrorCode::unavailable, "submit", "a task", "the pipeline is closed");
}

bool Submissions::has_room(std::size_t size) const {
  if (tasks_ == 0) return true;
  const auto has_bytes = [&](std::size_t all) { return bytes_ < all && size <= all - bytes_; };
  return tasks_ < window_.tasks && has_bytes(window_.bytes) &&
         (tasks_ < window_.enough_tasks || has_bytes(window_.enough_bytes));
}

bool Submissions::has_much_room() const {
  const std::size_t all = std::min(window_.bytes, window_.enough_bytes);
  return tasks_ < window_.tasks - window_.tasks / window_parts &&
         (tasks_ < window_.enough_tasks || bytes_ <= all - std::min(all / 8, much_room));
}

void Submissions::put(ByteView payload) {
  if (queue_.empty() || queue_.back().sizes.size() == tasks_per_block ||
      queue_.back().bytes.room() - queue_.back().bytes.size() < payload.size() || queue_.back().large) {
    // Where the reader keeps up, a block will not get much.
    const std::size_t room = queue_.empty() ? first_block_bytes : block_bytes;
    Block block;
    block.sizes.reserve(tasks_per_block);
    block.bytes = Bytes(std::max(payload.size(), room));
    queue_.push_back(std::move(block));
  }
  queue_.back().sizes.push_back(payload.size());
  queue_.back().bytes.append(payload);
}

TaskId Submissions::take(ByteView payload, std::optional<LargePayload> large) {
  sizes_.push_back(payload.size());
  try {
    if (large) {
      queue_.push_back({{}, {}, std::move(large)});
    } else {
      put(payload);
    }
  } catch (...) {
    sizes_.pop_back();
    throw;
  }
  ++tasks_;
  bytes_ += payload.size();
  wake();
  return first_ + sizes_.size() - 1;
}

std::optional<TaskId> Submissions::try_add(ByteView payload) {
  auto lock = lock_soon(mutex_);
  require_open();
  if (!has_room(payload.size())) return std::nullopt;
  if (payload.size() < LargePayload::least) return take(payload);
  // Copied while others may add and take.
  lock.unlock();
  LargePayload large(payload);
  lock.lock();
  require_open();
  if (!has_room(payload.size())) return std::nullopt;
  return take(payload, std::move(large));
}

TaskId Submissions::add(ByteView payload) {
  std::optional<LargePayload> large;
  if (payload.size() >= LargePayload::least) large.emplace(payload);
  auto lock = lock_soon(mutex_);
  while (!ended_ && !closed_ && !has_room(payload.size())) {
    told_ = false;
    room_.wait(lock);
  }
  require_open();
  return take(payload, std::move(large));
}

void Submissions::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    wake();
  }
  room_.notify_all();
}

void Submissions::end(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    ended_ = why;
  }
  room_.notify_all();
}

std::size_t Submissions::delivered(IdRange ids) {
  std::size_t count = 0;
  bool told = false;
  {
    const auto lock = lock_soon(mutex_);
    const std::size_t at = ids.first - first_;  // huge, for one before the first
    if (at >= sizes_.size()) return 0;
    const std::size_t most =
        std::min({ids.count(), sizes_.size() - at, std::max<std::size_t>(window_.tasks / window_parts, 1)});
    for (; count < most && sizes_[at + count] != gone; ++count) {
      --tasks_;
      bytes_ -= std::exchange(sizes_[at + count], gone);
    }
    if (count == 0) return 0;
    while (!sizes_.empty() && sizes_.front() == gone) {
      sizes_.pop_front();
      ++first_;
    }
    told = !has_much_room() || std::exchange(told_, true);
  }
  // Who waits is woken where there is room for many tasks; and once, until one of them has looked: each call
  // for a thread that sleeps is a system call.
  if (!told) room_.notify_all();
  return count;
}

std::uint64_t Submissions::added() const {
  const std::lock_guard lock(mutex_);
  return first_ + sizes_.size();
}

void Submissions::wake() {
  if (!std::exchange(signalled_, true)) ::eventfd_write(wake_.fd(), 1);
}

bool Submissions::read(Receiver& receiver) {
  std::vector<Block> taken;
  {
    const auto lock = lock_soon(mutex_);
    if (closed_ && queue_.empty()) return false;
    std::size_t tasks = 0;
    std::size_t bytes = 0;
    for (; !queue_.empty() && tasks < tasks_per_read && bytes < bytes_per_read; queue_.pop_front()) {
      tasks += queue_.front().tasks();
      bytes += queue_.front().size();
      taken.push_back(std::move(queue_.front()));
    }
    // Stays readable where there is more, or the end to be told.
    if (!closed_ && queue_.empty() && std::exchange(signalled_, false)) {
      eventfd_t value = 0;
      ::eventfd_read(wake_.fd(), &value);
    }
  }
  std::vector<ByteView> payloads;
  for (Block& block : taken) {
    if (block.large) receiver.large_item(*std::move(block.large));
    ByteView rest = block.bytes.view();
    payloads.clear();
    for (const std::size_t size : block.sizes) {
      payloads.push_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    if (!payloads.empty()) receiver.neighbours(payloads);
  }
  return true;
}

}  // namespace fanmill::input
