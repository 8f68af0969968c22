#include <algorithm>

#include <fanmill/core/waits.hpp>

namespace fanmill::core {

namespace {
using wire::WorkerStage;
using wire::WorkerStatus;

// Microseconds. Shorter than this is the ordinary course of things.
constexpr std::uint64_t long_time = 1'000'000;

bool has_room(const WorkerStatus& worker) {
  return worker.stage == WorkerStage::working && worker.held < worker.slots;
}
}  // namespace

std::vector<Wait> why_it_waits(const wire::Status& status) {
  const wire::RunStatus& run = status.run;
  const wire::SinkStatus& sink = status.sink;
  std::vector<Wait> reasons;
  const auto holds = [&](bool condition, Wait reason) {
    if (condition) reasons.push_back(reason);
  };
  const auto open = static_cast<std::uint64_t>(
      std::count_if(status.workers.begin(), status.workers.end(), [](const WorkerStatus& worker) {
        return worker.stage == WorkerStage::working || worker.stage == WorkerStage::alone;
      }));
  const std::uint64_t owed = run.pending + run.out;
  const bool hands_out = run.pending > 0 && !run.stopped;

  holds(!sink.present || sink.lost, Wait::no_sink);
  holds(hands_out && open == 0, Wait::no_worker);
  holds(hands_out && open > 0 && open < run.needed, Wait::few_workers);
  holds(std::any_of(status.workers.begin(), status.workers.end(),
                    [](const WorkerStatus& worker) {
                      return worker.stage != WorkerStage::gone && !worker.trouble.empty();
                    }),
        Wait::unreachable);
  const bool idle = hands_out && run.out == 0;
  holds(idle && run.unchecked == run.pending, Wait::question);
  holds(idle && run.delayed == run.pending, Wait::retry_delay);
  holds(run.suspects > 0, Wait::suspects);
  holds(!run.input_ended && run.pending == 0 &&
            std::any_of(status.workers.begin(), status.workers.end(), has_room),
        Wait::input);
  holds(sink.present && (sink.took >= long_time || (sink.queue > 0 && sink.seen >= long_time) ||
                         (sink.queue > 0 && 2 * sink.queue >= run.out)),
        Wait::sink);
  holds(owed > 0 && !run.input_ended && (owed >= run.window_tasks || run.bytes >= run.window_bytes),
        Wait::window);
  holds(sink.present && run.input_ended && owed == 0, Wait::end);
  return reasons;
}

}  // namespace fanmill::core
