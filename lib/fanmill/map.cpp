#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>

#include <sys/eventfd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/core/chunk_size.hpp>
#include <fanmill/map.hpp>
#include <fanmill/roles/pipeline.hpp>
#include <fanmill/store/delivery.hpp>

namespace fanmill::detail {

namespace {

// Indexes of the range: what a map's task has for a payload. It never leaves the process.
struct Chunk {
  std::size_t first = 0;
  std::size_t count = 0;
};

// The range as tasks, cut while the run goes on: a chunk's size follows from those that have been done.
// read() is the ventilator's, ran() is for any thread.
class Chunks final : public input::Input {
 public:
  Chunks(std::size_t count, std::size_t workers)
      : count_(count),
        most_out_(chunks_ahead * workers),
        size_(workers),
        wake_(::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!wake_) throw Error(ErrorCode::unavailable, "start", "a map", reason_of(errno));
  }

  [[nodiscard]] int wait_fd() const override { return wake_.fd(); }

  bool read(input::Receiver& receiver) override {
    const std::lock_guard lock(mutex_);
    if (next_ == count_) return false;
    eventfd_t value = 0;
    ::eventfd_read(wake_.fd(), &value);
    for (; out_ < most_out_ && next_ < count_; ++out_) {
      const Chunk chunk{next_, size_.next(count_ - next_)};
      next_ += chunk.count;
      char bytes[sizeof chunk];
      std::memcpy(bytes, &chunk, sizeof chunk);
      receiver.item({bytes, sizeof bytes});
    }
    if (next_ == count_) wake();
    return true;
  }

  void ran(std::size_t count, Duration took) {
    const std::lock_guard lock(mutex_);
    size_.ran(count, took);
    --out_;
    if (next_ < count_) wake();
  }

  // There will be no further ones.
  void stop() {
    const std::lock_guard lock(mutex_);
    count_ = next_;
    wake();
  }

  [[nodiscard]] std::string delimiter() const override { return "\n"; }

 private:
  // Enough that a worker finds the next one at hand while the news of the last one travels.
  static constexpr std::size_t chunks_ahead = 4;

  void wake() { ::eventfd_write(wake_.fd(), 1); }

  std::mutex mutex_;
  std::size_t count_;
  std::size_t next_ = 0;
  std::size_t out_ = 0;  // chunks handed over and not done
  std::size_t most_out_;
  core::ChunkSize size_;
  Descriptor wake_;
};

}  // namespace

void run_map(std::size_t count, const MapChunk& chunk, const MapOptions& options) {
  if (options.workers < 1 || options.workers > wire::max_slots) {
    throw usage_error("MapOptions::workers", std::to_string(options.workers) + " are not possible",
                      "it takes 1 to " + std::to_string(wire::max_slots));
  }
  if (count == 0) return;
  const std::size_t workers = std::min(options.workers, count);
  Chunks chunks(count, workers);
  work::WorkSettings work;
  work.kind = work::WorkKind::function;
  work.words = {"map"};
  work.slots = workers;
  work.own = [&](ByteView payload, work::FunctionCall&) -> ByteView {
    Chunk one;
    std::memcpy(&one, payload.data(), sizeof one);
    const Time started = Clock::now();
    const bool goes_on = chunk(one.first, one.count);
    chunks.ran(one.count, Clock::now() - started);
    if (!goes_on) chunks.stop();
    return {};
  };
  roles::PipelineSettings settings;
  settings.worker.emplace(roles::WorkerSettings{}, std::move(work));
  store::Delivery nowhere([](const wire::ResultsHeader&, std::span<const wire::ResultView>) {});
  roles::StopRequest nobody_stops_it;
  static_cast<void>(roles::run_pipeline(settings, chunks, nowhere, nobody_stops_it));
}

struct FirstFailure::First {
  std::mutex mutex;
  std::size_t index = 0;
  std::exception_ptr cause;
};

FirstFailure::FirstFailure() : first_(std::make_unique<First>()) {}
FirstFailure::~FirstFailure() = default;

void FirstFailure::saw(std::size_t index, std::exception_ptr cause) {
  const std::lock_guard lock(first_->mutex);
  if (first_->cause && first_->index < index) return;
  first_->index = index;
  first_->cause = std::move(cause);
  any_ = true;
}

void FirstFailure::rethrow() const {
  if (first_->cause) std::rethrow_exception(first_->cause);
}

std::string text_of_exception() {
  try {
    throw;
  } catch (const std::exception& exception) {
    const char* const what = exception.what();
    return what != nullptr ? what : "the function threw an exception that says nothing";
  } catch (...) {
    return "the function threw something that is not an exception";
  }
}

}  // namespace fanmill::detail
