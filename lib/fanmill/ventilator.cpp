#include <fanmill/feed.hpp>
#include <fanmill/roles/ventilator.hpp>
#include <fanmill/stage_options.hpp>
#include <fanmill/ventilator.hpp>

namespace fanmill {

namespace {

roles::VentilatorSettings settings_of(const VentilatorOptions& options) {
  const detail::StageOptions check("VentilatorOptions");
  check.require(!options.bind.empty(), "bind", "there is none", "it takes tcp://HOST:PORT or ipc://PATH");
  check.require_retries(options.retries, options.retry_delay);
  check.require_window(options.window_tasks, options.window_bytes);
  roles::VentilatorSettings settings;
  settings.bind = check.endpoints("bind", options.bind, options.keys, options.insecure);
  settings.retries = options.retries;
  settings.retry_delay = options.retry_delay;
  settings.min_workers = options.min_workers;
  settings.window_tasks = options.window_tasks;
  settings.window_bytes = options.window_bytes;
  settings.wait_timeout = check.limit("wait_timeout", options.wait_timeout);
  settings.notice = options.notice;
  check.use(options.keys, options.insecure, detail::StageOptions::Wants::allow, settings);
  return settings;
}

// What waits for the ventilator to have room: enough that its thread finds some whenever it looks.
constexpr std::size_t tasks_at_hand = 4096;
constexpr std::size_t bytes_at_hand = std::size_t{1} << 20;
constexpr std::size_t large_payloads_at_hand = 2;

// Frees the window when the ventilator takes a task: from then on it is in the ventilator's own.
class HandedIn final : public input::Input {
 public:
  explicit HandedIn(input::Submissions& submissions) : submissions_(submissions) {}
  [[nodiscard]] int wait_fd() const override { return submissions_.wait_fd(); }
  bool read(input::Receiver& receiver) override {
    Counting counting(receiver);
    const bool more = submissions_.read(counting);
    for (const TaskId end = next_ + counting.count; next_ < end;)
      next_ += submissions_.delivered({next_, end - 1});
    return more;
  }
  [[nodiscard]] std::string delimiter() const override { return submissions_.delimiter(); }

 private:
  struct Counting final : input::Receiver {
    explicit Counting(input::Receiver& to) : receiver(to) {}
    void item(ByteView payload) override {
      receiver.item(payload);
      ++count;
    }
    void neighbours(std::span<const ByteView> payloads, const Bytes& block) override {
      receiver.neighbours(payloads, block);
      count += payloads.size();
    }
    input::Receiver& receiver;
    std::size_t count = 0;
  };

  input::Submissions& submissions_;
  TaskId next_ = 0;
};

}  // namespace

class Ventilator::Run {
 public:
  explicit Run(const VentilatorOptions& options)
      : settings_(settings_of(options)),
        feed_({.tasks = std::min(options.window_tasks, tasks_at_hand),
               .bytes = options.window_bytes,
               .enough_tasks = large_payloads_at_hand,
               .enough_bytes = bytes_at_hand}) {
    feed_.start([this](input::Submissions& submissions, roles::StopRequest& stop) {
      HandedIn input(submissions);
      const roles::RunReport report = roles::run_ventilator(settings_, input, stop);
      for (const auto& [name, value] : report.counters) {
        if (name == "ok") counts_.ok = value;
        if (name == "failed") counts_.failed = value;
        if (name == "dead") counts_.dead = value;
      }
    });
  }
  ~Run() {
    if (!feed_.is_here()) {
      feed_.detach();  // the parent's
      return;
    }
    feed_.cancel();
    feed_.join();
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  [[nodiscard]] detail::Feed& feed() { return feed_; }
  Counts close() {
    feed_.close();
    feed_.wait();
    // Not into counts_: several threads may wait here.
    Counts counts = counts_;
    counts.submitted = feed_.submitted();
    return counts;
  }

 private:
  const roles::VentilatorSettings settings_;
  Counts counts_;  // the thread's, until it has ended
  detail::Feed feed_;
};

Ventilator::Ventilator(VentilatorOptions options) : run_(std::make_unique<Run>(options)) {}

Ventilator::~Ventilator() = default;

std::uint64_t Ventilator::submit(std::string_view payload) {
  return run_->feed().submit(payload, [] { return true; });
}

std::optional<std::uint64_t> Ventilator::try_submit(std::string_view payload) {
  return run_->feed().try_submit(payload);
}

Counts Ventilator::close() {
  return run_->close();
}

void Ventilator::cancel() {
  run_->feed().cancel();
}

}  // namespace fanmill
