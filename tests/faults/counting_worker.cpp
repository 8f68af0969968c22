// fanmill-worker whose function counts how often each task was run: FANMILL_TEST_COUNTS is a file of 32-bit
// counters, which outlive the process, and an item begins with the eight digits of its own. The output is the
// item.

#include <atomic>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <worker/worker_program.hpp>

#include <fanmill/app/run_main.hpp>
#include <fanmill/base/error.hpp>

namespace {

using namespace fanmill;
using Counter = std::uint32_t;

std::span<Counter> map_counters(const char* path) {
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  struct stat about {};
  if (file < 0 || ::fstat(file, &about) != 0) throw usage_error("FANMILL_TEST_COUNTS", "is no file");
  const auto size = static_cast<std::size_t>(about.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) throw usage_error("FANMILL_TEST_COUNTS", "cannot be mapped");
  return {static_cast<Counter*>(memory), size / sizeof(Counter)};
}

int run(app::Process& process) {
  process.become(app::Program::worker);
  const std::span<Counter> counters = map_counters(std::getenv("FANMILL_TEST_COUNTS"));
  return app::run_worker_with(process, [counters](ByteView item, work::FunctionCall&) {
    constexpr std::size_t digits = 8;
    std::size_t number = counters.size();
    if (item.size() >= digits) std::from_chars(item.data(), item.data() + digits, number);
    if (number >= counters.size()) throw std::runtime_error("an item without a counter");
    std::atomic_ref(counters[number]).fetch_add(1, std::memory_order_relaxed);
    return item;
  });
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main(argc, argv, "counting_worker", run);
}
