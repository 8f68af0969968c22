#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/board.hpp>

namespace fanmill::work {

namespace {
constexpr std::uint64_t our_mark = 0x66616e6d696c6c31;
}  // namespace

// A line of the cache for each: executors write for every task.
struct alignas(64) Board::Slot {
  std::atomic<std::uint64_t> task;
  std::atomic<std::uint64_t> begun;
  std::atomic<std::uint64_t> done;
};

struct Board::Page {
  std::uint64_t mark;
  std::uint64_t slots;
  std::atomic<std::uint32_t> blamed;  // 0: nobody
  std::atomic<Ending> ending;
  std::uint32_t text_size;
  std::array<char, 4096> text;

  [[nodiscard]] Slot* first() { return reinterpret_cast<Slot*>(reinterpret_cast<char*>(this) + room); }
  static constexpr std::size_t room = 8192;
};

Board::Board(std::size_t slots) : bytes_(Page::room + slots * sizeof(Slot)) {
  static_assert(sizeof(Page) <= Page::room && std::atomic<std::uint64_t>::is_always_lock_free);
  memory_.reset(::memfd_create("fanmill-board", MFD_CLOEXEC));
  void* const memory = memory_ && ::ftruncate(memory_.fd(), static_cast<off_t>(bytes_)) == 0
                           ? ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.fd(), 0)
                           : MAP_FAILED;
  if (memory == MAP_FAILED) throw Error(ErrorCode::unavailable, "share", "memory", reason_of(errno));
  // All else is 0 in fresh memory, and means what it should.
  page_ = static_cast<Page*>(memory);
  page_->mark = our_mark;
  page_->slots = slots;
}

std::optional<Board> Board::open(Descriptor memory) {
  struct stat status {};
  if (!memory || ::fstat(memory.fd(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  if (bytes < Page::room) return std::nullopt;
  void* const mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory.fd(), 0);
  if (mapped == MAP_FAILED) return std::nullopt;
  Board board(std::move(memory), static_cast<Page*>(mapped), bytes);
  const Page& page = *board.page_;
  if (page.mark != our_mark || page.slots != (bytes - Page::room) / sizeof(Slot)) return std::nullopt;
  return board;
}

Board::Board(Board&& other) noexcept
    : memory_(std::move(other.memory_)), page_(std::exchange(other.page_, nullptr)), bytes_(other.bytes_) {}

Board::~Board() {
  if (page_ != nullptr) ::munmap(page_, bytes_);
}

Board::Slot& Board::slot(std::uint32_t number) const {
  return page_->first()[std::min<std::uint64_t>(number, page_->slots) - 1];
}

void Board::begin(std::uint32_t number, TaskId task) {
  Slot& own = slot(number);
  own.task.store(task, std::memory_order_relaxed);
  own.begun.store(own.begun.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

void Board::end(std::uint32_t number) {
  Slot& own = slot(number);
  own.done.store(own.begun.load(std::memory_order_relaxed), std::memory_order_release);
}

void Board::blame(std::uint32_t number) {
  std::uint32_t nobody = 0;
  page_->blamed.compare_exchange_strong(nobody, number);
}

void Board::say(Ending ending, std::string_view text) {
  page_->text_size = static_cast<std::uint32_t>(text.copy(page_->text.data(), page_->text.size()));
  page_->ending.store(ending);
}

Board::Ending Board::ending() const {
  return page_->ending.load();
}

std::string Board::text() const {
  return {page_->text.data(), std::min<std::size_t>(page_->text_size, page_->text.size())};
}

std::uint64_t Board::begun() const {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < page_->slots; ++i) count += page_->first()[i].begun.load();
  return count;
}

std::uint64_t Board::done() const {
  std::uint64_t count = 0;
  for (std::uint64_t i = 0; i < page_->slots; ++i) count += page_->first()[i].done.load();
  return count;
}

std::vector<TaskId> Board::in_hand() const {
  std::vector<TaskId> tasks;
  const std::uint32_t blamed = page_->blamed.load();
  for (std::uint32_t number = 1; number <= page_->slots; ++number) {
    if (blamed != 0 && number != blamed) continue;
    const Slot& one = slot(number);
    if (one.begun.load() != one.done.load()) tasks.push_back(one.task.load());
  }
  return tasks;
}

}  // namespace fanmill::work
