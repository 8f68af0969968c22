// fanmill-worker whose function counts how often each task was run: FANMILL_TEST_COUNTS is a file of 32-bit
// counters, which outlive the process, and an item begins with the eight digits of its own. The output is the
// item. The last word of the file is no counter but the order to die: who finds `anybody` there when a task
// begins for the first time puts its process id in its place and kills itself. (One that has run may be a
// suspect that runs alone; were it hit again, it would be dead, and rightly so.)

#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <worker/worker_program.hpp>

#include <fanmill/app/run_main.hpp>
#include <fanmill/base/error.hpp>

namespace {

using namespace fanmill;
using Counter = std::uint32_t;

constexpr Counter anybody = ~Counter{0};

std::span<Counter> map_counters(const char* path) {
  const int file = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  struct stat about {};
  if (file < 0 || ::fstat(file, &about) != 0) throw usage_error("FANMILL_TEST_COUNTS", "is no file");
  const auto size = static_cast<std::size_t>(about.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED || size < sizeof(Counter))
    throw usage_error("FANMILL_TEST_COUNTS", "cannot be mapped");
  return {static_cast<Counter*>(memory), size / sizeof(Counter)};
}

void obey(Counter& word) {
  const std::atomic_ref order(word);
  Counter found = anybody;
  // A load alone as long as there is no order: an exchange would have the workers fight for its cache line.
  if (order.load(std::memory_order_relaxed) != anybody) return;
  if (order.compare_exchange_strong(found, static_cast<Counter>(::getpid()))) ::kill(::getpid(), SIGKILL);
}

int run(app::Process& process) {
  process.become(app::Program::worker);
  const std::span<Counter> words = map_counters(std::getenv("FANMILL_TEST_COUNTS"));
  const std::span<Counter> counters = words.first(words.size() - 1);
  return app::run_worker_with(process, [counters, words](ByteView item, work::FunctionCall&) {
    constexpr std::size_t digits = 8;
    std::size_t number = counters.size();
    if (item.size() >= digits) std::from_chars(item.data(), item.data() + digits, number);
    if (number >= counters.size()) throw std::runtime_error("an item without a counter");
    if (std::atomic_ref(counters[number]).fetch_add(1, std::memory_order_relaxed) == 0) obey(words.back());
    return item;
  });
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main(argc, argv, "counting_worker", run);
}
