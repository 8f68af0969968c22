#include <utility>

#include <fanmill/delivered.hpp>
#include <fanmill/roles/sink.hpp>
#include <fanmill/sink.hpp>
#include <fanmill/stage_options.hpp>
#include <fanmill/store/delivery.hpp>

namespace fanmill {

namespace {

roles::SinkSettings settings_of(const SinkOptions& options) {
  const detail::StageOptions check("SinkOptions");
  roles::SinkSettings settings;
  settings.connect = check.endpoint("connect", options.connect, options.keys, options.insecure);
  settings.bind = check.endpoints("bind", options.bind, options.keys, options.insecure);
  settings.wait_timeout = check.limit("wait_timeout", options.wait_timeout);
  settings.notice = options.notice;
  check.use(options.keys, options.insecure, detail::StageOptions::Wants::both, settings);
  return settings;
}

}  // namespace

class Sink::Run {
 public:
  Run(OnResult on_result, const SinkOptions& options)
      : settings_(settings_of(options)), on_result_(std::move(on_result)) {
    detail::StageOptions("SinkOptions")
        .require(static_cast<bool>(on_result_), "on_result", "there is none",
                 "it takes a function of a Result");
  }

  Counts run() {
    Counts counts;
    store::Delivery delivery(
        [&](const wire::ResultsHeader& header, std::span<const wire::ResultView> results) {
          for (const wire::ResultView& result : results) {
            detail::deliver(header, result, on_result_);
            detail::count(counts, result.outcome);
          }
        });
    const roles::RunReport report = roles::run_sink(settings_, delivery, stop_);
    for (const auto& [name, value] : report.counters) {
      if (name == "tasks") counts.submitted = value;
    }
    return counts;
  }
  // Once would leave it to the ventilator, as at a terminal.
  void stop() noexcept {
    stop_.raise(0);
    stop_.raise(0);
  }

 private:
  const roles::SinkSettings settings_;
  OnResult on_result_;
  roles::StopRequest stop_;
};

Sink::Sink(OnResult on_result, SinkOptions options)
    : run_(std::make_unique<Run>(std::move(on_result), options)) {}

Sink::~Sink() = default;

Counts Sink::run() {
  return run_->run();
}

void Sink::stop() noexcept {
  run_->stop();
}

}  // namespace fanmill
