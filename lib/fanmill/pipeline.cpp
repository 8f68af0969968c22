#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>

#include <fanmill/base/quantity.hpp>
#include <fanmill/input/submissions.hpp>
#include <fanmill/pipeline.hpp>
#include <fanmill/roles/pipeline.hpp>
#include <fanmill/store/cause_words.hpp>
#include <fanmill/store/delivery.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill {

namespace {

// Attempts are counted from 0 on the wire, and workers that die cost some too.
constexpr std::uint32_t most_retries = 100'000;

std::string reason_for(const wire::Detail& detail) {
  switch (detail.cause) {
    case wire::Cause::exit:
      return "exit status " + std::to_string(detail.code);
    case wire::Cause::signal:
      return "signal " + std::to_string(detail.code);
    default:
      return std::string(store::words_for(detail));
  }
}

void require(bool right, std::string_view option, std::string_view reason, std::string_view next) {
  if (!right) throw usage_error("PipelineOptions::" + std::string(option), reason, next);
}

void check(const PipelineOptions& options) {
  const std::string most = std::to_string(wire::max_slots);
  require(options.workers <= wire::max_slots, "workers", std::to_string(options.workers) + " are too many",
          "the most is " + most);
  require(options.workers > 0 || !options.listen.empty(), "workers", "nothing would run with 0",
          "it takes 1 to " + most + ", and 0 where others can join (listen)");
  require(options.retries <= most_retries, "retries", std::to_string(options.retries) + " are too many",
          "the most is " + std::to_string(most_retries));
  require(options.retry_delay >= Duration::zero(), "retry_delay", "it is negative", "");
  require(options.window_tasks > 0, "window_tasks", "nothing would run with 0", "it takes 1 or more");
  require(options.window_bytes > 0, "window_bytes", "nothing would run with 0", "it takes 1 or more");
}

std::vector<Endpoint> endpoints_of(const PipelineOptions& options) {
  constexpr std::string_view option = "PipelineOptions::listen";
  std::vector<Endpoint> endpoints;
  for (const std::string& text : options.listen) {
    Endpoint endpoint = parse_endpoint(option, text);
    require(endpoint.scheme != Scheme::inproc, "listen", "'" + text + "' reaches nobody outside this process",
            "it takes tcp://HOST:PORT or ipc://PATH");
    require_loopback(option, endpoint, options.insecure);
    endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

}  // namespace

// All that the pipeline's threads look at; it lives as long as the last of them.
class Pipeline::Run {
 public:
  Run(const Handler& handler, OnResult on_result, PipelineOptions options);

  void run();
  std::uint64_t submit(std::string_view payload);
  std::optional<std::uint64_t> try_submit(std::string_view payload);
  Counts close();
  void cancel();
  // Whether this is a thread that a handler or the callback is being run on.
  [[nodiscard]] bool is_own_thread() const;

 private:
  struct Slot {
    Handler::Function function;
    Task task;
    std::string output;
    std::atomic<std::thread::id> thread{};  // while the function runs
  };

  [[nodiscard]] roles::PipelineSettings settings();
  [[nodiscard]] ByteView handle(ByteView payload, const work::FunctionCall& call);
  void receive(const wire::ResultsHeader& header, const wire::ResultView& result);

  const PipelineOptions options_;
  const std::vector<Endpoint> endpoints_;
  OnResult on_result_;
  std::stop_source cancelled_;
  std::vector<std::unique_ptr<Slot>> slots_;
  input::Submissions submissions_;
  roles::StopRequest stop_;
  std::atomic<std::thread::id> callback_thread_{};  // while it runs
  Counts counts_;                                   // the sink's, until it has ended

  std::mutex mutex_;
  std::condition_variable over_;
  bool ended_ = false;
  std::exception_ptr failure_;
};

namespace {

// Says for its lifetime that this thread is there.
class Presence {
 public:
  explicit Presence(std::atomic<std::thread::id>& where) : where_(where) {
    where_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  ~Presence() { where_.store({}, std::memory_order_relaxed); }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

 private:
  std::atomic<std::thread::id>& where_;
};

}  // namespace

Pipeline::Run::Run(const Handler& handler, OnResult on_result, PipelineOptions options)
    : options_((check(options), std::move(options))),
      endpoints_(endpoints_of(options_)),
      on_result_(std::move(on_result)),
      submissions_({options_.window_tasks, options_.window_bytes}) {
  require(static_cast<bool>(on_result_), "on_result", "there is none", "it takes a function of a Result");
  for (std::size_t slot = 1; slot <= options_.workers; ++slot) {
    auto own = std::make_unique<Slot>();
    own->function = handler.for_slot(slot);
    own->task.slot = slot;
    own->task.stop = cancelled_.get_token();
    slots_.push_back(std::move(own));
  }
}

roles::PipelineSettings Pipeline::Run::settings() {
  roles::PipelineSettings settings;
  settings.ventilator.bind = endpoints_;
  settings.ventilator.window_tasks = options_.window_tasks;
  settings.ventilator.window_bytes = options_.window_bytes;
  settings.ventilator.retries = options_.retries;
  settings.ventilator.retry_delay = options_.retry_delay;
  roles::WorkerSettings worker;
  worker.name = options_.name;
  for (roles::CommonSettings* const stage :
       std::initializer_list<roles::CommonSettings*>{&settings.ventilator, &settings.sink, &worker}) {
    stage->insecure = options_.insecure;
    stage->notice = options_.notice;
  }
  if (options_.workers == 0) return settings;
  work::WorkSettings work;
  work.kind = work::WorkKind::function;
  work.words = {"handler"};
  work.slots = options_.workers;
  work.own = [this](ByteView payload, const work::FunctionCall& call) { return handle(payload, call); };
  settings.worker.emplace(std::move(worker), std::move(work));
  return settings;
}

void Pipeline::Run::run() {
  std::exception_ptr failure;
  std::string why = "the pipeline has ended";
  try {
    store::Delivery delivery([this](const wire::ResultsHeader& header, const wire::ResultView& result) {
      receive(header, result);
    });
    static_cast<void>(roles::run_pipeline(settings(), submissions_, delivery, stop_));
  } catch (const Error& error) {
    failure = std::current_exception();
    why = std::string("the pipeline has ended: ") + error.what();
  } catch (...) {
    failure = std::current_exception();
    why = "the pipeline has ended by an exception, which close() throws";
  }
  submissions_.end(why);
  {
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
  }
  over_.notify_all();
}

ByteView Pipeline::Run::handle(ByteView payload, const work::FunctionCall& call) {
  Slot& slot = *slots_[call.slot() - 1];
  const Presence presence(slot.thread);
  // What a cancelled pipeline still held starts no more.
  if (cancelled_.stop_requested()) return {};
  slot.task.payload = payload;
  slot.task.id = call.id();
  slot.task.attempt = call.attempt() + 1;
  slot.output = slot.function(slot.task);
  if (slot.output.size() > wire::default_max_message) {
    throw Error(ErrorCode::unavailable, "send", "an output of " + format_size(slot.output.size()),
                "the most is " + format_size(wire::default_max_message));
  }
  return slot.output;
}

void Pipeline::Run::receive(const wire::ResultsHeader& header, const wire::ResultView& result) {
  // On its way when the pipeline was cancelled: it counts with what is left.
  if (cancelled_.stop_requested()) return;
  Result delivered;
  delivered.id = result.id;
  delivered.outcome = result.outcome;
  delivered.output = result.output;
  delivered.attempts = result.attempt + 1;
  delivered.worker = header.worker;
  std::string reason;
  if (result.outcome != Outcome::ok && result.detail) reason = reason_for(*result.detail);
  delivered.reason = reason;
  submissions_.delivered(result.id);
  try {
    const Presence presence(callback_thread_);
    on_result_(delivered);
  } catch (...) {
    cancel();
    throw;
  }
  ++(result.outcome == Outcome::ok       ? counts_.ok
     : result.outcome == Outcome::failed ? counts_.failed
                                         : counts_.dead);
}

bool Pipeline::Run::is_own_thread() const {
  const auto here = [](const std::atomic<std::thread::id>& where) {
    return where.load(std::memory_order_relaxed) == std::this_thread::get_id();
  };
  return here(callback_thread_) ||
         std::any_of(slots_.begin(), slots_.end(), [&](const auto& slot) { return here(slot->thread); });
}

std::optional<std::uint64_t> Pipeline::Run::try_submit(std::string_view payload) {
  if (payload.size() > wire::default_max_message) {
    throw usage_error("submit", "a payload of " + format_size(payload.size()),
                      "the most is " + format_size(wire::default_max_message));
  }
  return submissions_.try_add(payload);
}

std::uint64_t Pipeline::Run::submit(std::string_view payload) {
  if (const auto id = try_submit(payload)) return *id;
  if (is_own_thread()) {
    throw Error(ErrorCode::unavailable, "submit", "a task",
                "the window is full, and a handler or the callback cannot wait for what it is in the way of",
                "use try_submit there, or a larger window");
  }
  return submissions_.add(payload);
}

Pipeline::Counts Pipeline::Run::close() {
  if (is_own_thread()) {
    throw usage_error("close", "a handler or the callback of the pipeline waits for its own end",
                      "use cancel there");
  }
  submissions_.close();
  std::unique_lock lock(mutex_);
  over_.wait(lock, [this] { return ended_; });
  if (failure_) std::rethrow_exception(failure_);
  counts_.submitted = submissions_.added();
  return counts_;
}

void Pipeline::Run::cancel() {
  cancelled_.request_stop();
  submissions_.close();
  // In order, and then at once.
  stop_.raise(0);
  stop_.raise(0);
}

Pipeline::Pipeline(Handler handler, OnResult on_result, PipelineOptions options)
    : run_(std::make_shared<Run>(handler, std::move(on_result), std::move(options))) {
  try {
    thread_ = std::thread([run = run_] { run->run(); });
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::unavailable, "start", "a pipeline", reason_of(error.code().value()));
  }
}

Pipeline::~Pipeline() {
  run_->cancel();
  if (run_->is_own_thread()) {
    // The thread waits for this one; what it looks at is its own.
    thread_.detach();
  } else {
    thread_.join();
  }
}

std::uint64_t Pipeline::submit(std::string_view payload) {
  return run_->submit(payload);
}

std::optional<std::uint64_t> Pipeline::try_submit(std::string_view payload) {
  return run_->try_submit(payload);
}

Pipeline::Counts Pipeline::close() {
  return run_->close();
}

void Pipeline::cancel() {
  run_->cancel();
}

}  // namespace fanmill
