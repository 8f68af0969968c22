#include <algorithm>
#include <exception>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/roles/keys.hpp>
#include <fanmill/roles/pipeline.hpp>
#include <fanmill/roles/sink.hpp>
#include <fanmill/roles/ventilator.hpp>
#include <fanmill/roles/worker.hpp>
#include <fanmill/transport/context.hpp>
#include <fanmill/transport/random.hpp>

namespace fanmill::roles {

namespace {

// How a stage ended: its report, or what it threw.
struct Ending {
  RunReport report;
  std::exception_ptr failure;
  bool by_peer = false;
};

Ending ending_of(const std::function<RunReport()>& body) {
  Ending ending;
  try {
    ending.report = body();
  } catch (const RunFailed& failed) {
    ending.failure = std::current_exception();
    ending.by_peer = failed.by_peer();
    ending.report = failed.report();
  } catch (...) {
    ending.failure = std::current_exception();
  }
  return ending;
}

// Where the sink takes results: one way for each by which workers may come.
std::vector<Endpoint> results_for(const std::vector<Endpoint>& control) {
  std::vector<Endpoint> results;
  for (Endpoint endpoint : control) {
    switch (endpoint.scheme) {
      case Scheme::inproc:
        endpoint.path += "-results";
        break;
      case Scheme::ipc:
        endpoint.path =
            endpoint.path.substr(0, endpoint.path.rfind('/')) + "/results-" + transport::random_name(8);
        break;
      case Scheme::tcp:
        endpoint.port = 0;
        break;
    }
    results.push_back(std::move(endpoint));
  }
  return results;
}

// The ventilator's own first; the sink's where it alone counts.
RunReport together(const RunReport& ventilator, const RunReport& sink) {
  RunReport report = ventilator;
  report.digest = sink.digest;
  report.losses.insert(report.losses.end(), sink.losses.begin(), sink.losses.end());
  for (const auto& [name, value] : sink.counters) {
    const bool known = std::any_of(report.counters.begin(), report.counters.end(),
                                   [&name = name](const auto& counter) { return counter.first == name; });
    if (!known) report.counters.emplace_back(name, value);
  }
  return report;
}

// What is no Error is no failure of the run either, and has no report: a reader that has gone, or what a
// handler threw.
[[noreturn]] void throw_with(const std::exception_ptr& failure, RunReport so_far) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    throw RunFailed(error, std::move(so_far));
  }
}

}  // namespace

RunReport run_pipeline(const PipelineSettings& settings, input::Input& input, store::Store& store,
                       StopRequest& stop) {
  VentilatorSettings ventilator = settings.ventilator;
  auto own = std::find_if(ventilator.bind.begin(), ventilator.bind.end(),
                          [](const Endpoint& e) { return e.scheme == Scheme::inproc; });
  if (own == ventilator.bind.end()) {
    Endpoint inproc;
    inproc.scheme = Scheme::inproc;
    inproc.path = "fanmill-" + transport::random_name(8);
    ventilator.bind.push_back(std::move(inproc));
    own = std::prev(ventilator.bind.end());
  }
  SinkSettings sink = settings.sink;
  sink.connect = *own;
  if (sink.bind.empty()) sink.bind = results_for(ventilator.bind);

  transport::Context context;
  const auto gate = open_gate(context, ventilator);
  StopRequest own_stop;  // signals are the ventilator's business; the others hear of it by the protocol
  const auto ended_badly = [&](const Ending& ending) {
    if (!ending.failure || ending.by_peer) return;
    stop.raise(0);
    stop.raise(0);
  };
  Ending sink_ending;
  Ending worker_ending;
  std::thread sink_thread;
  const auto start = [&](auto body) {
    try {
      return std::thread(body);
    } catch (const std::system_error& refused) {
      own_stop.raise(0);
      own_stop.raise(0);
      if (sink_thread.joinable()) sink_thread.join();
      throw Error(ErrorCode::unavailable, "start", "threads", reason_of(refused.code().value()),
                  "raise the limit (ulimit -u)");
    }
  };
  sink_thread = start([&] {
    sink_ending = ending_of([&] { return run_sink(context, sink, store, own_stop); });
    ended_badly(sink_ending);
  });
  std::thread worker_thread;
  if (settings.worker) {
    worker_thread = start([&] {
      WorkerSettings worker = settings.worker->first;
      worker.connect = *own;
      worker_ending =
          ending_of([&] { return run_worker(context, worker, settings.worker->second, own_stop); });
      ended_badly(worker_ending);
    });
  }
  if (settings.worker_process) {
    worker_thread = start([&] {
      worker_ending = ending_of([&] { return run_supervised(*settings.worker_process, own_stop); });
      ended_badly(worker_ending);
    });
  }
  const Ending ventilator_ending =
      ending_of([&] { return run_ventilator(context, ventilator, input, stop); });
  // It may have ended before the others could hear of it.
  own_stop.raise(0);
  if (ventilator_ending.failure || stop.level() == 2) own_stop.raise(0);
  if (worker_thread.joinable()) worker_thread.join();
  sink_thread.join();

  RunReport report = together(ventilator_ending.report, sink_ending.report);
  const Ending* const endings[] = {&sink_ending, &worker_ending, &ventilator_ending};
  for (const Ending* ending : endings) {
    if (ending->failure && !ending->by_peer) throw_with(ending->failure, std::move(report));
  }
  // What the others say of the ventilator's end is no news where it ended as it was told to.
  if (ventilator_ending.failure) throw_with(ventilator_ending.failure, std::move(report));
  return report;
}

}  // namespace fanmill::roles
