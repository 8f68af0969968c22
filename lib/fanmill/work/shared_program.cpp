#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

#include <sys/mman.h>
#include <sys/resource.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/shared_program.hpp>

namespace fanmill::work {

namespace {

// What execve(2) takes: a quarter of the stack's limit, three quarters of 8 MiB at most and 128 KiB at least;
// and a little for what is ours.
std::size_t most_of_execve() {
  constexpr std::size_t most = std::size_t{6} << 20;
  constexpr std::size_t least = std::size_t{128} << 10;
  constexpr std::size_t ours = std::size_t{64} << 10;
  rlimit stack{};
  ::getrlimit(RLIMIT_STACK, &stack);
  return std::clamp(static_cast<std::size_t>(std::min<rlim_t>(stack.rlim_cur / 4, most)), least, most) + ours;
}

// At the beginning; its pointers lead into what follows.
struct Head {
  char* file = nullptr;
  char** argv = nullptr;
  char** environment = nullptr;
  std::atomic<bool> is_begun{false};
  SharedProgram::Beginning beginning;  // valid then
};

Head& head_of(char* memory) {
  return *std::launder(reinterpret_cast<Head*>(memory));
}

// Puts one thing behind the other.
class Copier {
 public:
  Copier(char* memory, std::size_t capacity) : begin_(memory), capacity_(capacity) {}

  char* text(const char* text) {
    const std::size_t size = std::strlen(text) + 1;
    char* const place = room(size);
    if (place != nullptr) std::memcpy(place, text, size);
    return place;
  }

  // With a free place before the first pointer.
  char** texts(char* const* texts) {
    std::size_t count = 0;
    while (texts[count] != nullptr) ++count;
    at_ = (at_ + alignof(char*) - 1) / alignof(char*) * alignof(char*);
    char** const place = reinterpret_cast<char**>(room((count + 2) * sizeof(char*)));
    if (place == nullptr) return nullptr;
    place[0] = nullptr;
    for (std::size_t i = 0; i < count; ++i) place[i + 1] = text(texts[i]);
    place[count + 1] = nullptr;
    return place + 1;
  }

  [[nodiscard]] bool fits() const { return fits_; }

 private:
  char* room(std::size_t size) {
    fits_ = fits_ && size <= capacity_ - at_;
    if (!fits_) return nullptr;
    at_ += size;
    return begin_ + at_ - size;
  }

  char* begin_;
  std::size_t capacity_;
  std::size_t at_ = sizeof(Head);
  bool fits_ = true;
};

}  // namespace

SharedProgram::SharedProgram() : capacity_(most_of_execve()) {
  void* const memory =
      ::mmap(nullptr, capacity_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw Error(ErrorCode::unavailable, "start", "commands", reason_of(errno));
  memory_ = static_cast<char*>(memory);
  new (memory_) Head;
}

SharedProgram::SharedProgram(SharedProgram&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), capacity_(other.capacity_) {}

SharedProgram::~SharedProgram() {
  if (memory_ != nullptr) ::munmap(memory_, capacity_);
}

bool SharedProgram::put(const Program& program) {
  Copier copier(memory_, capacity_);
  Head& head = head_of(memory_);
  head.file = copier.text(program.file);
  head.argv = copier.texts(program.argv);
  head.environment = copier.texts(program.environment);
  head.is_begun.store(false, std::memory_order_relaxed);
  return copier.fits();
}

Program SharedProgram::get() const {
  const Head& head = head_of(memory_);
  Program program;
  program.file = head.file;
  program.argv = head.argv;
  program.environment = head.environment;
  return program;
}

void SharedProgram::begin() const {
  using std::chrono::microseconds;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  const auto at = std::chrono::duration_cast<microseconds>(since_1970).count();
  Head& head = head_of(memory_);
  head.beginning = {Clock::now(), static_cast<std::uint64_t>(at)};
  head.is_begun.store(true, std::memory_order_release);
}

void SharedProgram::fail_to_begin() const {
  head_of(memory_).is_begun.store(false, std::memory_order_release);
}

std::optional<SharedProgram::Beginning> SharedProgram::begun() const {
  const Head& head = head_of(memory_);
  if (!head.is_begun.load(std::memory_order_acquire)) return std::nullopt;
  return head.beginning;
}

}  // namespace fanmill::work
