#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <thread>
#include <utility>

#include <fanmill/delivered.hpp>
#include <fanmill/feed.hpp>
#include <fanmill/handler_slots.hpp>
#include <fanmill/pipeline.hpp>
#include <fanmill/roles/pipeline.hpp>
#include <fanmill/stage_options.hpp>
#include <fanmill/store/delivery.hpp>

namespace fanmill {

namespace {

constexpr std::size_t most_window_bytes = std::size_t{32} << 20;
constexpr std::size_t least_window_bytes = std::size_t{2} << 20;
constexpr std::size_t window_bytes_per_worker = std::size_t{1} << 20;
constexpr std::size_t large_payloads_per_worker = 2;

input::Submissions::Window window_of(const PipelineOptions& options) {
  input::Submissions::Window window;
  window.tasks = options.window_tasks;
  window.bytes = options.window_bytes.value_or(most_window_bytes);
  // How many workers come from elsewhere is not known.
  if (options.window_bytes || !options.listen.empty()) return window;
  window.enough_tasks = large_payloads_per_worker * options.workers;
  window.enough_bytes = std::max(least_window_bytes, window_bytes_per_worker * options.workers);
  return window;
}

roles::PipelineSettings settings_of(const PipelineOptions& options) {
  const detail::StageOptions check("PipelineOptions");
  check.require_slots("workers", options.workers, !options.listen.empty());
  check.require_retries(options.retries, options.retry_delay);
  check.require_window(options.window_tasks, options.window_bytes.value_or(most_window_bytes));
  static_cast<void>(check.limit("timeout", options.timeout));
  check.require_name(options.name);
  check.require(options.keys.key.empty() || !options.listen.empty(), "keys", "nobody comes from elsewhere",
                "give listen too");

  roles::PipelineSettings settings;
  settings.ventilator.bind = check.endpoints("listen", options.listen, options.keys, options.insecure);
  settings.ventilator.window_tasks = options.window_tasks;
  settings.ventilator.window_bytes = options.window_bytes.value_or(most_window_bytes);
  settings.ventilator.lane_bytes_inproc = window_bytes_per_worker;
  settings.ventilator.retries = options.retries;
  settings.ventilator.retry_delay = options.retry_delay;
  roles::WorkerSettings worker;
  worker.name = options.name;
  check.use(options.keys, options.insecure, detail::StageOptions::Wants::allow, settings.ventilator);
  settings.ventilator.notice = options.notice;
  for (roles::CommonSettings* const stage :
       std::initializer_list<roles::CommonSettings*>{&settings.sink, &worker}) {
    *stage = static_cast<const roles::CommonSettings&>(settings.ventilator);
  }
  if (options.workers > 0) settings.worker.emplace(std::move(worker), work::WorkSettings());
  return settings;
}

}  // namespace

// All that the pipeline's threads look at; it lives as long as the last of them.
class Pipeline::Run {
 public:
  Run(const Handler& handler, OnResult on_result, const PipelineOptions& options);

  void run(input::Submissions& submissions, roles::StopRequest& stop);
  Counts close();
  void cancel();
  // Whether this is a thread that a handler or the callback is being run on.
  [[nodiscard]] bool is_own_thread() const {
    return detail::Presence::is_here(callback_thread_) || slots_.is_own_thread();
  }
  [[nodiscard]] detail::Feed& feed() { return feed_; }

 private:
  void receive(const wire::ResultsHeader& header, std::span<const wire::ResultView> results);

  roles::PipelineSettings settings_;
  OnResult on_result_;
  detail::HandlerSlots slots_;
  detail::Feed feed_;
  std::atomic<bool> cancelled_{false};
  std::atomic<std::thread::id> callback_thread_{};  // while it runs
  Counts counts_;                                   // the sink's, until it has ended
};

Pipeline::Run::Run(const Handler& handler, OnResult on_result, const PipelineOptions& options)
    : settings_(settings_of(options)),
      on_result_(std::move(on_result)),
      slots_(handler, options.workers),
      feed_(window_of(options)) {
  detail::StageOptions("PipelineOptions")
      .require(static_cast<bool>(on_result_), "on_result", "there is none",
               "it takes a function of a Result");
  if (!settings_.worker) return;
  std::optional<Duration> timeout;
  const Duration limit = detail::StageOptions("PipelineOptions").limit("timeout", options.timeout);
  if (limit != Duration::max()) timeout = limit;
  settings_.worker->second = slots_.work(timeout);
}

void Pipeline::Run::run(input::Submissions& submissions, roles::StopRequest& stop) {
  // A worker of somebody else may say that it has done what nobody has submitted yet: that is no result.
  store::Delivery delivery([this](const wire::ResultsHeader& header,
                                  std::span<const wire::ResultView> results) { receive(header, results); },
                           [this] { return feed_.read_to(); });
  static_cast<void>(roles::run_pipeline(settings_, submissions, delivery, stop));
}

void Pipeline::Run::receive(const wire::ResultsHeader& header, std::span<const wire::ResultView> results) {
  while (!results.empty()) {
    const std::size_t known = feed_.delivered({results.front().id, results.back().id});
    for (const wire::ResultView& result : results.first(known)) {
      // On its way when the pipeline was cancelled: it counts with what is left.
      if (cancelled_) return;
      try {
        const detail::Presence presence(callback_thread_);
        detail::deliver(header, result, on_result_);
      } catch (...) {
        cancel();
        throw;
      }
      detail::count(counts_, result.outcome);
    }
    results = results.subspan(std::max<std::size_t>(known, 1));
  }
}

Pipeline::Counts Pipeline::Run::close() {
  if (is_own_thread()) {
    throw usage_error("close", "a handler or the callback of the pipeline waits for its own end",
                      "use cancel there");
  }
  feed_.close();
  feed_.wait();
  // Not into counts_: several threads may wait here.
  Counts counts = counts_;
  counts.submitted = feed_.submitted();
  return counts;
}

void Pipeline::Run::cancel() {
  cancelled_ = true;
  feed_.cancel();
  slots_.stop();
}

Pipeline::Pipeline(Handler handler, OnResult on_result, PipelineOptions options)
    : run_(std::make_shared<Run>(handler, std::move(on_result), options)) {
  run_->feed().start([run = run_](input::Submissions& submissions, roles::StopRequest& stop) {
    run->run(submissions, stop);
  });
}

Pipeline::~Pipeline() {
  if (!run_->feed().is_here()) {
    run_->feed().detach();  // the parent's
    return;
  }
  run_->cancel();
  if (run_->is_own_thread()) {
    // The thread waits for this one; what it looks at is its own.
    run_->feed().detach();
  } else {
    run_->feed().join();
  }
}

std::uint64_t Pipeline::submit(std::string_view payload) {
  return run_->feed().submit(payload, [this] { return !run_->is_own_thread(); });
}

std::optional<std::uint64_t> Pipeline::try_submit(std::string_view payload) {
  return run_->feed().try_submit(payload);
}

Pipeline::Counts Pipeline::close() {
  return run_->close();
}

void Pipeline::cancel() {
  run_->cancel();
}

}  // namespace fanmill
