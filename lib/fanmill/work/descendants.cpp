#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/descendants.hpp>

namespace fanmill::work {

namespace {

// As many as Linux can have (PID_MAX_LIMIT); only what is used of it takes memory.
constexpr std::size_t most = std::size_t{4} << 20;

class Family {
 public:
  Family() {
    void* const memory = ::mmap(nullptr, most * sizeof(pid_t), PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory != MAP_FAILED) pids_ = static_cast<pid_t*>(memory);
  }
  ~Family() {
    if (pids_ != nullptr) ::munmap(pids_, most * sizeof(pid_t));
  }
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  // The generations below `root`, one after the other.
  void find(pid_t root) {
    add_children(root);
    for (std::size_t i = 0; i < count_; ++i) add_children(pids_[i]);
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] pid_t operator[](std::size_t index) const { return pids_[index]; }

 private:
  // linux_dirent64, whose name follows (getdents64(2)).
  static constexpr std::size_t record_length_at = 16;
  static constexpr std::size_t name_at = 19;

  // What a thread has started is its own child, as far as /proc is concerned.
  void add_children(pid_t pid) {
    std::array<char, 64> path{};
    char* at = append(path.data(), "/proc/");
    at = append(std::to_chars(at, path.data() + path.size(), pid).ptr, "/task");
    const Descriptor folder(::open(path.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return;
    alignas(8) std::array<char, 4096> entries;
    for (;;) {
      const long size = ::syscall(SYS_getdents64, folder.fd(), entries.data(), entries.size());
      if (size <= 0) return;
      for (long offset = 0; offset < size;) {
        const char* const entry = entries.data() + offset;
        std::uint16_t length = 0;
        std::memcpy(&length, entry + record_length_at, sizeof length);
        offset += length;
        if (entry[name_at] != '.') add_children_of_thread(folder.fd(), entry + name_at);
      }
    }
  }

  void add_children_of_thread(int folder, const char* tid) {
    std::array<char, 64> path{};
    append(append(path.data(), tid), "/children");
    const Descriptor file(::openat(folder, path.data(), O_RDONLY | O_CLOEXEC));
    if (!file) return;
    std::array<char, 4096> text;
    pid_t number = 0;
    for (;;) {
      const ssize_t size = ::read(file.fd(), text.data(), text.size());
      if (size <= 0) return;
      for (const char byte : std::string_view(text.data(), static_cast<std::size_t>(size))) {
        if (byte >= '0' && byte <= '9') {
          number = number * 10 + (byte - '0');
        } else if (number > 0) {  // each number is followed by a space
          if (pids_ != nullptr && count_ < most) pids_[count_++] = number;
          number = 0;
        }
      }
    }
  }

  static char* append(char* to, const char* text) { return ::stpcpy(to, text); }

  pid_t* pids_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace

std::size_t signal_descendants(int signal) {
  Family family;
  family.find(::getpid());
  std::size_t signalled = 0;
  for (std::size_t i = family.count(); i-- > 0;) {
    // Its number cannot be another's by now: numbers go round, and that takes longer.
    if (::kill(family[i], signal) == 0) ++signalled;
  }
  return signalled;
}

}  // namespace fanmill::work
