#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fanmill/app/progress_text.hpp>
#include <fanmill/app/status_text.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/core/progress.hpp>
#include <fanmill/core/waits.hpp>
#include <fanmill/store/printable.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::app {

namespace {

using core::Wait;
using Json = nlohmann::ordered_json;

constexpr std::size_t widest_name = 40;

Duration time_of(std::uint64_t microseconds) {
  constexpr std::uint64_t century = 3'155'760'000'000'000;
  return std::chrono::microseconds(std::min(microseconds, century));
}

double per_second(std::uint64_t thousandths) {
  return static_cast<double>(thousandths) / 1000;
}

double seconds(std::uint64_t microseconds) {
  return static_cast<double>(microseconds) / 1e6;
}

std::string name_of(const std::string& text) {
  return text.empty() ? "-" : store::printable(text, widest_name);
}

std::string_view stage_name(wire::WorkerStage stage) {
  constexpr std::array names{"joining", "working", "alone", "leaving", "gone"};
  return names.at(static_cast<std::size_t>(stage));
}

core::Progress progress_of(const wire::RunStatus& run) {
  core::Progress progress;
  progress.done = run.ok + run.failed + run.dead;
  progress.failed = run.failed + run.dead;
  if (run.input_ended) progress.total = run.added;
  progress.rate = per_second(run.rate);
  progress.elapsed = time_of(run.elapsed);
  return progress;
}

struct Reason {
  std::string_view code;
  std::string text;
};

Reason reason_for(Wait wait, const wire::Status& status) {
  const wire::RunStatus& run = status.run;
  const wire::SinkStatus& sink = status.sink;
  switch (wait) {
    case Wait::no_sink:
      if (sink.lost) {
        return {"no_sink", fmt::format("the connection to the sink {} is lost", name_of(sink.name))};
      }
      return {"no_sink", fmt::format("there is no sink: fanmill-sink --connect {}", run.address)};
    case Wait::no_worker:
      return {"no_worker",
              fmt::format("there is no worker: fanmill-worker --connect {} COMMAND", run.address)};
    case Wait::few_workers:
      return {"few_workers", fmt::format("fewer workers are here than the {} of --min-workers", run.needed)};
    case Wait::unreachable: {
      const auto troubled =
          std::find_if(status.workers.begin(), status.workers.end(), [](const wire::WorkerStatus& worker) {
            return worker.stage != wire::WorkerStage::gone && !worker.trouble.empty();
          });
      return {"unreachable", troubled == status.workers.end()
                                 ? "a worker cannot join"
                                 : fmt::format("worker {} {}", name_of(troubled->name),
                                               store::printable(troubled->trouble, wire::max_name))};
    }
    case Wait::question:
      return {"question", "the sink is looking which of the tasks it has already"};
    case Wait::retry_delay:
      return {"retry_delay", "what is left has failed, and waits for --retry-delay"};
    case Wait::suspects:
      return {"suspects", fmt::format("{} tasks that were with workers which died wait for a worker that has "
                                      "nothing else",
                                      run.suspects)};
    case Wait::input:
      return {"input", "the input is slower than the workers"};
    case Wait::sink:
      return {"sink",
              sink.queue > 0
                  ? fmt::format("the sink is slow: {} results are with it and not safe yet; a commit "
                                "takes {}",
                                sink.queue, format_duration(time_of(sink.took)))
                  : fmt::format("the sink is slow: a commit takes {}", format_duration(time_of(sink.took)))};
    case Wait::window:
      return {"window", fmt::format("the window is full: nothing more is read before one of the {} tasks in "
                                    "it is done",
                                    run.pending + run.out)};
    case Wait::end:
      return {"end", "all tasks have their outcome; the sink is finishing its output"};
  }
  return {"", ""};
}

// Columns as wide as what is in them, two spaces between; numbers stand to the right.
class Table {
 public:
  explicit Table(std::vector<std::string_view> heads, std::vector<bool> right) : right_(std::move(right)) {
    rows_.emplace_back(heads.begin(), heads.end());
  }
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] std::string text(std::string_view margin) const {
    std::vector<std::size_t> widths(right_.size());
    for (const auto& row : rows_) {
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line(margin);
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (i > 0) line += "  ";
        line +=
            right_[i] ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

std::string workers_text(const wire::Status& status) {
  Table table({"NAME", "HOST", "SLOTS", "HELD", "DONE", "RATE", "BUSY", "SEEN", "LOST", "STATE"},
              {false, false, true, true, true, true, true, true, true, false});
  std::size_t shown = 0;
  for (const wire::WorkerStatus& worker : status.workers) {
    const bool gone = worker.stage == wire::WorkerStage::gone;
    if (!gone) ++shown;
    table.row({name_of(worker.name), name_of(worker.host), fmt::format("{}", worker.slots),
               gone ? "-" : fmt::format("{}", worker.held), fmt::format("{}", worker.done),
               gone ? "-" : rate_text(per_second(worker.rate)),
               gone ? "-" : fmt::format("{} %", (worker.busy + 5) / 10),
               format_duration(time_of(worker.seen)), fmt::format("{}", worker.lost),
               std::string(stage_name(worker.stage))});
  }
  std::string text = status.workers.empty() ? std::string() : table.text("    ");
  if (status.worker_count > shown) text += fmt::format("    and {} more\n", status.worker_count - shown);
  return text;
}

Json sink_json(const wire::SinkStatus& sink) {
  if (!sink.present) return nullptr;
  Json json;
  json["name"] = sink.name;
  json["host"] = sink.host;
  json["pid"] = sink.pid;
  json["epoch"] = fmt::format("{:016x}", static_cast<std::uint64_t>(sink.epoch));
  json["lost"] = sink.lost;
  json["has_store"] = sink.has_store;
  json["queue"] = sink.queue;
  json["commit_seconds"] = seconds(sink.took);
  json["seen_seconds"] = seconds(sink.seen);
  return json;
}

Json worker_json(const wire::WorkerStatus& worker) {
  Json json;
  json["name"] = worker.name;
  json["host"] = worker.host;
  json["pid"] = worker.pid;
  json["state"] = stage_name(worker.stage);
  json["slots"] = worker.slots;
  json["held"] = worker.held;
  json["credit"] = worker.credit;
  json["done"] = worker.done;
  json["rate"] = per_second(worker.rate);
  json["busy"] = static_cast<double>(worker.busy) / 1000;
  json["seen_seconds"] = seconds(worker.seen);
  json["lost"] = worker.lost;
  if (!worker.trouble.empty()) json["trouble"] = worker.trouble;
  return json;
}

Json run_json(const wire::Status& status) {
  const wire::RunStatus& run = status.run;
  const auto left = progress_of(run).left();
  Json json;
  json["run"] = fmt::format("{:016x}", static_cast<std::uint64_t>(run.run));
  json["host"] = run.host;
  json["pid"] = run.pid;
  json["endpoint"] = run.address;
  json["seconds"] = seconds(run.elapsed);
  Json tasks;
  tasks["read"] = run.added;
  tasks["total"] = run.input_ended ? Json(run.added) : Json(nullptr);
  tasks["pending"] = run.pending;
  tasks["unchecked"] = run.unchecked;
  tasks["delayed"] = run.delayed;
  tasks["suspects"] = run.suspects;
  tasks["out"] = run.out;
  tasks["ok"] = run.ok;
  tasks["failed"] = run.failed;
  tasks["dead"] = run.dead;
  tasks["restored"] = run.restored;
  tasks["redelivered"] = run.redelivered;
  json["tasks"] = std::move(tasks);
  json["rate"] = per_second(run.rate);
  json["left_seconds"] = left ? Json(std::chrono::duration<double>(*left).count()) : Json(nullptr);
  json["stopped"] = run.stopped;
  json["window"] = {{"tasks", run.pending + run.out},
                    {"most_tasks", run.window_tasks},
                    {"bytes", run.bytes},
                    {"most_bytes", run.window_bytes}};
  json["sink"] = sink_json(status.sink);
  json["worker_count"] = status.worker_count;
  json["workers"] = Json::array();
  for (const wire::WorkerStatus& worker : status.workers) json["workers"].push_back(worker_json(worker));
  json["waits"] = Json::array();
  for (const Wait wait : core::why_it_waits(status)) {
    const Reason reason = reason_for(wait, status);
    json["waits"].push_back({{"code", reason.code}, {"text", reason.text}});
  }
  return json;
}

}  // namespace

std::string status_table(const wire::Status& status) {
  const wire::RunStatus& run = status.run;
  const wire::SinkStatus& sink = status.sink;
  const core::Progress progress = progress_of(run);

  std::string text = fmt::format(
      "run {:016x}  {}, pid {}, {}  for {}\n", static_cast<std::uint64_t>(run.run), name_of(run.host),
      run.pid, store::printable(run.address, wire::max_endpoint), format_duration(progress.elapsed));
  text += fmt::format("  tasks    {}\n", progress_sentence(progress));
  text += fmt::format("           {} ok, {} failed, {} dead", run.ok, run.failed, run.dead);
  if (run.restored > 0) text += fmt::format("; {} were done before", run.restored);
  if (run.redelivered > 0) text += fmt::format("; {} attempts lost", run.redelivered);
  text += fmt::format("\n  window   {} out and {} pending of {}, {} of {}\n", run.out, run.pending,
                      run.window_tasks, format_size(run.bytes), format_size(run.window_bytes));
  if (sink.present) {
    text += fmt::format("  sink     {} on {}, epoch {:016x}, {} results not safe yet, commits take {}{}\n",
                        name_of(sink.name), name_of(sink.host), static_cast<std::uint64_t>(sink.epoch),
                        sink.queue, sink.took < 1000 ? "under 1 ms" : format_duration(time_of(sink.took)),
                        sink.has_store ? "" : ", no file");
  } else {
    text += "  sink     none\n";
  }
  text += fmt::format("  workers  {}\n", status.worker_count);
  text += workers_text(status);
  const std::vector<Wait> waits = core::why_it_waits(status);
  for (std::size_t i = 0; i < waits.size(); ++i) {
    text += fmt::format("  {:<9}{}\n", i == 0 ? "waits" : "", reason_for(waits[i], status).text);
  }
  return text;
}

std::string status_json(std::span<const wire::Status> runs) {
  Json json;
  json["runs"] = Json::array();
  for (const wire::Status& run : runs) json["runs"].push_back(run_json(run));
  // Names are bytes of strangers: what is not UTF-8 in them is replaced.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace fanmill::app
