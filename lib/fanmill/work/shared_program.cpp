#include <cassert>
#include <cerrno>
#include <cstring>

#include <sys/mman.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/shared_program.hpp>

namespace fanmill::work {

namespace {

// execve(2) takes three quarters of 8 MiB at most, whatever the limits.
constexpr std::size_t capacity = std::size_t{8} << 20;

// At the beginning; its pointers lead into what follows.
struct Head {
  char* file;
  char** argv;
  char** environment;
};

// Puts one thing behind the other.
class Copier {
 public:
  explicit Copier(char* memory) : begin_(memory), at_(sizeof(Head)) {}

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
    fits_ = fits_ && size <= capacity - at_;
    if (!fits_) return nullptr;
    at_ += size;
    return begin_ + at_ - size;
  }

  char* begin_;
  std::size_t at_;
  bool fits_ = true;
};

}  // namespace

SharedProgram::SharedProgram() {
  void* const memory =
      ::mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw Error(ErrorCode::unavailable, "start", "commands", reason_of(errno));
  memory_ = static_cast<char*>(memory);
}

SharedProgram::~SharedProgram() {
  ::munmap(memory_, capacity);
}

bool SharedProgram::put(const Program& program) {
  Copier copier(memory_);
  const Head head{copier.text(program.file), copier.texts(program.argv), copier.texts(program.environment)};
  std::memcpy(memory_, &head, sizeof head);
  return copier.fits();
}

Program SharedProgram::get() const {
  Head head{};
  std::memcpy(&head, memory_, sizeof head);
  Program program;
  program.file = head.file;
  program.argv = head.argv;
  program.environment = head.environment;
  return program;
}

}  // namespace fanmill::work
