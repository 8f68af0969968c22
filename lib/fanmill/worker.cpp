#include <optional>
#include <utility>

#include <fanmill/handler_slots.hpp>
#include <fanmill/roles/worker.hpp>
#include <fanmill/stage_options.hpp>
#include <fanmill/worker.hpp>

namespace fanmill {

namespace {

roles::WorkerSettings settings_of(const WorkerOptions& options) {
  const detail::StageOptions check("WorkerOptions");
  check.require_slots("slots", options.slots);
  check.require_name(options.name);
  roles::WorkerSettings settings;
  settings.connect = check.endpoint("connect", options.connect, options.keys, options.insecure);
  settings.name = options.name;
  settings.tenure.idle_timeout = check.limit("idle_timeout", options.idle_timeout);
  settings.tenure.lifetime = check.limit("lifetime", options.lifetime);
  if (options.max_tasks > 0) settings.tenure.max_tasks = options.max_tasks;
  settings.wait_timeout = check.limit("wait_timeout", options.wait_timeout);
  settings.keep = options.keep;
  settings.notice = options.notice;
  check.use(options.keys, options.insecure, detail::StageOptions::Wants::server, settings);
  return settings;
}

std::optional<Duration> timeout_of(const WorkerOptions& options) {
  const Duration limit = detail::StageOptions("WorkerOptions").limit("timeout", options.timeout);
  return limit == Duration::max() ? std::nullopt : std::optional(limit);
}

}  // namespace

class Worker::Run {
 public:
  Run(const Handler& handler, const WorkerOptions& options)
      : settings_(settings_of(options)),
        slots(handler, options.slots),
        work_(slots.work(timeout_of(options))) {}

  void run() { static_cast<void>(roles::run_worker(settings_, work_, stop)); }

 private:
  const roles::WorkerSettings settings_;

 public:
  roles::StopRequest stop;
  detail::HandlerSlots slots;

 private:
  const work::WorkSettings work_;
};

Worker::Worker(Handler handler, WorkerOptions options) : run_(std::make_unique<Run>(handler, options)) {}

Worker::~Worker() = default;

void Worker::run() {
  run_->run();
}

void Worker::stop() noexcept {
  run_->stop.raise(0);
}

std::uint64_t Worker::returned() const noexcept {
  return run_->slots.returned();
}

std::uint64_t Worker::thrown() const noexcept {
  return run_->slots.thrown();
}

}  // namespace fanmill
