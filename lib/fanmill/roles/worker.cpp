#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <fanmill/base/error.hpp>
#include <fanmill/core/station.hpp>
#include <fanmill/roles/control_link.hpp>
#include <fanmill/roles/identity.hpp>
#include <fanmill/roles/keys.hpp>
#include <fanmill/roles/worker.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/work/runner.hpp>

namespace fanmill::roles {

namespace {

using core::Station;

// A message from the lane and the tasks in it: what a runner keeps for as long as it looks at them.
struct LaneMessage {
  transport::Message first;
  std::vector<transport::Message> more;  // frames
  wire::TaskBatch tasks;
};

// Messages whose tasks have all been run are read into again: what a large one notes of its tasks is an
// eighth of a mebibyte, which a malloc that gives it back to the kernel each time pays for with a page fault
// for every 4 KiB. They come back on whatever thread has had them last.
class LaneMessages {
 public:
  [[nodiscard]] std::shared_ptr<LaneMessage> take() {
    std::unique_ptr<LaneMessage> message = take_spare();
    if (!message) message = std::make_unique<LaneMessage>();
    return {message.release(),
            [to = spare_](LaneMessage* used) { to->put(std::unique_ptr<LaneMessage>(used)); }};
  }

 private:
  static constexpr std::size_t most_spare = 16;
  struct Spare {
    std::mutex mutex;
    std::vector<std::unique_ptr<LaneMessage>> messages;
    Spare() { messages.reserve(most_spare); }
    void put(std::unique_ptr<LaneMessage> message) noexcept {
      message->first = {};
      message->more.clear();
      const std::lock_guard lock(mutex);
      if (messages.size() < most_spare) messages.push_back(std::move(message));
    }
  };

  [[nodiscard]] std::unique_ptr<LaneMessage> take_spare() {
    const std::lock_guard lock(spare_->mutex);
    if (spare_->messages.empty()) return nullptr;
    std::unique_ptr<LaneMessage> message = std::move(spare_->messages.back());
    spare_->messages.pop_back();
    return message;
  }

  std::shared_ptr<Spare> spare_ = std::make_shared<Spare>();
};

// A connected socket and what its monitor says. Over inproc a connection is there at once and is never lost.
struct Connection {
  Connection(transport::Context& context, transport::Kind kind, const transport::SocketSettings& settings)
      : socket(context, kind, settings), monitor(context, socket) {}
  transport::Socket socket;
  transport::Monitor monitor;
  Endpoint to{};
  int fd = -1;  // of the connection that was opened last
};

// Whether results are answered is looked at so often, and this is how long they may not be: what heartbeats
// find on other links.
constexpr std::chrono::seconds look_period{1};
constexpr std::chrono::seconds longest_silence{3};

// Joins a station to sockets and a runner. One thread.
class WorkerLoop {
 public:
  WorkerLoop(transport::Context& context, const WorkerSettings& settings, const work::WorkSettings& work,
             core::Tenure& tenure, StopRequest& stop)
      : context_(context),
        settings_(settings),
        tenure_(tenure),
        stop_(stop),
        runner_(work::make_runner(work)),
        control_(context, settings.connect, settings),
        hello_(hello(settings, *runner_)),
        station_(hello_, settings.wait_timeout, transport::random_id, settings.keep) {}

  ~WorkerLoop() {
    runner_->abandon();
    if (runner_->is_stuck()) static_cast<void>(runner_.release());
  }
  WorkerLoop(const WorkerLoop&) = delete;
  WorkerLoop& operator=(const WorkerLoop&) = delete;

  RunReport run();
  // It has ended because the run has.
  [[nodiscard]] bool was_stopped() const { return station_.stopped(); }

 private:
  static wire::Hello hello(const WorkerSettings& settings, const work::Runner& runner);

  void obey_stop(Time now);
  void obey_tenure(Time now);
  void obey_wear(Time now);
  void leave(const std::string& why, Time now, std::span<const TaskId> unstarted = {});
  [[nodiscard]] std::vector<TaskId> take_back_all();
  void perform(Time now);
  void perform(const core::Say& action, Time) { control_.say(action.message); }
  void perform(const core::Tell& action, Time) { settings_.notice(action.severity, action.text); }
  void perform(const core::Finish& action, Time) { finish_ = action; }
  void perform(const Station::OpenLane& action, Time now);
  void perform(const Station::CloseLane&, Time) { lane_.reset(); }
  void perform(const Station::OpenResults& action, Time now);
  void perform(const Station::SendMark& action, Time now);
  void perform(const Station::TakeBack& action, Time now) {
    const std::vector<TaskId> ids = runner_->take_back(action.most);
    tenure_.taken_back(ids.size());
    station_.on_taken_back(action.given, ids, now);
  }
  bool connect(std::unique_ptr<Connection>& connection, transport::Kind kind,
               transport::SocketSettings settings, const std::string& told,
               const std::optional<transport::PublicKey>& server);
  [[nodiscard]] std::optional<transport::PublicKey> key_of_sink(const Station::OpenResults& told) const;
  void start_tasks(Time now);
  void send_results(Time now);
  void collect_results(Time now);
  void wait(Time now);
  void read(Time now);
  void read_lane(Time now);
  void read_monitors(Time now);
  void look_at_results(Time now);
  RunReport report();

  transport::Context& context_;
  const WorkerSettings& settings_;
  core::Tenure& tenure_;
  StopRequest& stop_;
  std::unique_ptr<work::Runner> runner_;
  ControlLink control_;
  std::unique_ptr<Connection> lane_;
  std::unique_ptr<Connection> results_;
  Station::OpenResults told_of_results_;  // where they are
  Time look_due_ = never;                 // at them; never where nothing can cut them off
  wire::Hello hello_;
  Station station_;
  transport::Poller poller_;
  // Of what is watched, in the poller.
  struct Watched {
    std::size_t lane = transport::Poller::nothing;
    std::size_t lane_monitor = transport::Poller::nothing;
    std::size_t results_monitor = transport::Poller::nothing;
  };
  Watched watched_;
  std::shared_ptr<const work::RunContext> run_context_;
  LaneMessages messages_;
  std::vector<transport::Message> more_;  // frames of the message that is being read
  std::vector<ByteView> views_;           // of them
  // What is to be sent to the sink: results, or a mark.
  struct Outgoing {
    transport::Message message;
    std::vector<transport::Message> more;  // frames that follow
    std::vector<IdRange> ids;              // of the results
  };
  std::deque<Outgoing> outbox_;
  std::vector<work::FinishedFrame> finished_;
  std::optional<core::Finish> finish_;
  std::uint64_t malformed_ = 0;
  int stop_level_ = 0;
  bool leaving_ = false;
  std::string worn_out_;  // why, once it has been heeded
};

wire::Hello WorkerLoop::hello(const WorkerSettings& settings, const work::Runner& runner) {
  wire::Hello hello = introduce(wire::Role::worker, settings.connect);
  hello.name = settings.name;
  hello.slots = static_cast<std::uint32_t>(runner.slots());
  hello.max_batch = wire::batch_tasks;
  hello.max_message = settings.max_message;
  hello.marks = true;
  return hello;
}

RunReport WorkerLoop::run() {
  try {
    station_.start(Clock::now());
    for (;;) {
      const Time now = Clock::now();
      obey_stop(now);
      obey_tenure(now);
      station_.tick(now);
      look_at_results(now);
      perform(now);
      if (finish_) return report();
      start_tasks(now);
      collect_results(now);
      if (const std::string text = runner_->take_notice(); !text.empty()) {
        settings_.notice(Severity::warning, text);
      }
      obey_wear(now);
      wait(now);
      read(Clock::now());
    }
  } catch (const Error&) {
    // Of the system's making. Anything else may be a task's, and counts as a death.
    station_.leave("it cannot go on", Clock::now(), take_back_all());
    perform(Clock::now());
    throw;
  }
}

void WorkerLoop::obey_stop(Time now) {
  const int level = stop_.level();
  if (level == stop_level_) return;
  stop_level_ = level;
  if (level == 1) {
    // Without a signal it is the ventilator in the same process that has ended, and has said what there is to
    // say.
    if (station_.held() > 0 && stop_.signal_number() != 0) {
      settings_.notice(Severity::info, "leaving: what runs will be finished; once more to stop now");
    }
    leave("asked to end", now, take_back_all());
  } else {
    finish_ = core::Finish{128 + stop_.signal_number(), ""};
  }
}

void WorkerLoop::obey_tenure(Time now) {
  tenure_.look(station_.held() > 0, now);
  if (leaving_) return;
  const std::string why = tenure_.over(now);
  if (why.empty()) return;
  settings_.notice(Severity::info, "leaving: " + why);
  // What it may begin it has promised to do.
  leave(why, now, tenure_.left() > 0 ? take_back_all() : std::vector<TaskId>{});
}

void WorkerLoop::obey_wear(Time now) {
  if (runner_->worn_out().empty()) return;
  const bool is_new = worn_out_.empty();
  if (is_new) {
    worn_out_ = runner_->worn_out();
    settings_.notice(Severity::warning, "leaving: " + worn_out_);
  }
  // Not once: a slot that was in the middle of something kept what it had next, and may itself be given up
  // since.
  const std::vector<TaskId> unstarted = take_back_all();
  if (!is_new && unstarted.empty()) return;
  leave(worn_out_, now, unstarted);
  perform(now);
}

std::vector<TaskId> WorkerLoop::take_back_all() {
  std::vector<TaskId> ids = runner_->take_back(std::numeric_limits<std::size_t>::max());
  tenure_.taken_back(ids.size());
  return ids;
}

void WorkerLoop::leave(const std::string& why, Time now, std::span<const TaskId> unstarted) {
  leaving_ = true;
  station_.leave(why, now, unstarted);
}

void WorkerLoop::perform(Time now) {
  for (auto actions = station_.take_actions(); !actions.empty(); actions = station_.take_actions()) {
    for (const Station::Action& action : actions) {
      std::visit([this, now](const auto& one) { perform(one, now); }, action);
    }
  }
}

bool WorkerLoop::connect(std::unique_ptr<Connection>& connection, transport::Kind kind,
                         transport::SocketSettings settings, const std::string& told,
                         const std::optional<transport::PublicKey>& server) {
  connection.reset();
  Endpoint endpoint;
  if (!decode_endpoint(told, endpoint)) {
    settings_.notice(Severity::warning, "the ventilator named an address that cannot be one: " + told);
    return false;
  }
  endpoint = resolve(endpoint, settings_.connect);
  // Nothing cuts this off from a process that runs, and whether one is stopped control finds out.
  if (endpoint.scheme == Scheme::ipc) settings.heartbeat_interval = std::chrono::milliseconds(0);
  if (kind == transport::Kind::push) settings.send_much_to(endpoint);
  use_key(settings, settings_, endpoint, server);
  connection = std::make_unique<Connection>(context_, kind, settings);
  connection->to = endpoint;
  try {
    connection->socket.connect(endpoint);
  } catch (const Error& error) {
    settings_.notice(Severity::warning, error.what());
    return false;
  }
  return endpoint.scheme == Scheme::inproc;
}

void WorkerLoop::perform(const Station::OpenLane& action, Time now) {
  const std::string column = runner_->wanted_column();
  if (station_.separator().empty() && !column.empty()) {
    throw Error(ErrorCode::unavailable, "fill in", column, "the ventilator's items have no columns",
                "give it --colsep SEP");
  }
  transport::SocketSettings lane;
  lane.reconnects = false;
  // No receive limit: the ventilator's credit bounds what is in it.
  lane.max_message = settings_.max_message + wire::frame_slack;
  lane.linger = std::chrono::milliseconds(0);
  if (connect(lane_, transport::Kind::pull, lane, action.endpoint, settings_.server_key))
    station_.on_lane_up(now);
}

void WorkerLoop::perform(const Station::OpenResults& action, Time now) {
  told_of_results_ = action;
  look_due_ = never;
  transport::SocketSettings results;
  results.send_limit = 4;
  results.receive_limit = 1;  // nothing comes; and no heartbeats to the sink, which has a limit
  results.only_when_connected = true;
  results.max_message = settings_.max_message + wire::frame_slack;
  if (connect(results_, transport::Kind::push, results, action.endpoint, key_of_sink(action))) {
    station_.on_results_up(now);
  }
}

// A worker with a key says nothing in the clear, and one without could not be heard.
std::optional<transport::PublicKey> WorkerLoop::key_of_sink(const Station::OpenResults& told) const {
  Endpoint endpoint;
  if (decode_endpoint(told.endpoint, endpoint) && endpoint.scheme == Scheme::inproc) return std::nullopt;
  auto key = transport::PublicKey::of_text(told.key);
  if (key.has_value() == (settings_.key != nullptr) && key.has_value() != told.key.empty()) return key;
  throw Error(ErrorCode::refused, "send results to", "the sink at " + told.endpoint,
              settings_.key ? "it has no key" : "it has a key, and this has none",
              "give --key to all programs of a run, or to none");
}

void WorkerLoop::perform(const Station::SendMark& action, Time now) {
  outbox_.push_front({transport::Message(wire::encode(action.mark)), {}, {}});
  send_results(now);
}

void WorkerLoop::start_tasks(Time now) {
  // What cannot be sent on is not added to.
  while (outbox_.empty() && station_.has_waiting()) {
    const std::size_t room = std::min<std::uint64_t>(runner_->room(), tenure_.left());
    if (room == 0) return;
    if (!run_context_ || run_context_->token != station_.token() || run_context_->run != station_.run() ||
        run_context_->wants_item != station_.sink().wants_item ||
        run_context_->wants_detail != station_.sink().wants_detail) {
      auto context = std::make_shared<work::RunContext>();
      context->run = station_.run();
      context->token = station_.token();
      context->worker =
          settings_.name.empty() ? hello_.host + ":" + std::to_string(hello_.pid) : settings_.name;
      context->delimiter = station_.delimiter();
      context->separator = station_.separator();
      context->wants_item = station_.sink().wants_item;
      context->wants_detail = station_.sink().wants_detail;
      run_context_ = std::move(context);
    }
    Station::Holding holding = station_.take(room);
    tenure_.started(holding.tasks.size());
    runner_->start({std::move(holding.owner), run_context_, holding.tasks}, now);
  }
}

void WorkerLoop::send_results(Time now) {
  while (!outbox_.empty()) {
    Outgoing& front = outbox_.front();
    if (!station_.drop_results()) {
      if (!results_ || results_->socket.send(front.message, front.more) == transport::Sent::full) return;
    }
    const std::vector<IdRange> ids = std::move(front.ids);
    outbox_.pop_front();
    station_.on_sent(ids, now);
  }
}

void WorkerLoop::wait(Time now) {
  poller_.clear();
  control_.watch(poller_);
  poller_.watch_readable(runner_->wait_fd());
  if (stop_level_ < 2) poller_.watch_readable(stop_.fd(stop_level_ + 1));
  watched_ = {};
  if (lane_) {
    watched_.lane = poller_.watch_readable(lane_->socket);
    watched_.lane_monitor = poller_.watch_readable(lane_->monitor);
  }
  if (results_) {
    watched_.results_monitor = poller_.watch_readable(results_->monitor);
    if (!outbox_.empty()) poller_.watch_writable(results_->socket);
  }
  // What was collected since tasks were last started has made room for those that wait.
  const bool can_start = outbox_.empty() && station_.has_waiting() && runner_->room() > 0;
  const bool must_leave = !leaving_ && tenure_.left() == 0;
  const Time tenure_end = leaving_ ? never : tenure_.next();
  poller_.wait(now, can_start || must_leave
                        ? now
                        : std::min({station_.next_tick(), runner_->deadline(), tenure_end, look_due_}));
}

void WorkerLoop::collect_results(Time now) {
  runner_->collect(now, finished_);
  for (work::FinishedFrame& frame : finished_) {
    std::vector<transport::Message> more;
    for (auto& [owner, bytes] : frame.more) more.emplace_back(std::move(owner), bytes);
    outbox_.push_back({transport::Message(std::move(frame.frame)), std::move(more), std::move(frame.ids)});
  }
  finished_.clear();
  send_results(now);
}

void WorkerLoop::read(Time now) {
  // Results go out before anything that may make them worthless is heard.
  collect_results(now);
  if (poller_.readable(watched_.lane)) read_lane(now);
  if (control_.ready(poller_)) {
    control_.read(station_, now, [&] { perform(now); });
    perform(now);
  }
  if (poller_.readable(watched_.lane_monitor) || poller_.readable(watched_.results_monitor))
    read_monitors(now);
}

void WorkerLoop::read_lane(Time now) {
  if (!lane_) return;
  while (auto first = lane_->socket.receive(more_)) {
    auto message = messages_.take();
    message->first = std::move(*first);
    message->more.swap(more_);
    views_.clear();
    for (const transport::Message& frame : message->more) views_.push_back(frame.view());
    const auto header = wire::decode_tasks(message->first.view(), message->tasks, views_);
    if (!header) {
      if (++malformed_ == 1) {
        settings_.notice(Severity::warning, "a message on the lane is not understood and was dropped: " +
                                                std::string(wire::name_of(header.flaw())));
      }
      continue;
    }
    const wire::TaskList tasks = message->tasks.list();
    static_cast<void>(station_.on_tasks(*header, {std::move(message), tasks}, now));
  }
}

void WorkerLoop::read_monitors(Time now) {
  using What = transport::Monitor::What;
  while (lane_) {
    const auto event = lane_->monitor.next();
    if (!event) break;
    require_own_peer(settings_, lane_->to, *event);
    throw_if_refused(event->what, settings_, "the ventilator's lane", station_.lane());
    if (event->what == What::up) station_.on_lane_up(now);
    if (event->what == What::down || event->what == What::unreachable) {
      read_lane(now);
      station_.on_lane_down(now);
      perform(now);  // closes it
    }
  }
  while (results_) {
    const auto event = results_->monitor.next();
    if (!event) break;
    require_own_peer(settings_, results_->to, *event);
    throw_if_refused(event->what, settings_, "the sink", station_.sink().endpoint);
    if (event->what == What::opened) results_->fd = event->fd;
    if (event->what == What::up) {
      if (results_->to.scheme == Scheme::tcp) look_due_ = now + look_period;
      station_.on_results_up(now);
    }
    if (event->what == What::down) {
      look_due_ = never;
      station_.on_results_down(now);
    }
  }
}

// A connection that was cut, and does not know. What is under way on it is lost, as with any that breaks.
void WorkerLoop::look_at_results(Time now) {
  if (now < look_due_) return;
  look_due_ = now + look_period;
  if (!transport::is_unanswered(results_->fd, longest_silence)) return;
  results_->socket.drop_queued();
  station_.on_results_down(now);
  const Station::OpenResults again = told_of_results_;
  perform(again, now);
}

RunReport WorkerLoop::report() {
  runner_->abandon();
  RunReport result;
  result.exit_code = finish_->status;
  result.worn_out = worn_out_;
  result.is_stuck = runner_->is_stuck();
  return report_or_failure(*finish_, std::move(result));
}

}  // namespace

RunReport run_worker(const WorkerSettings& settings, const work::WorkSettings& work, StopRequest& stop) {
  transport::Context context;
  return run_worker(context, settings, work, stop);
}

RunReport run_worker(transport::Context& context, const WorkerSettings& settings,
                     const work::WorkSettings& work, StopRequest& stop) {
  core::Tenure tenure(settings.tenure, Clock::now());
  for (;;) {
    WorkerLoop loop(context, settings, work, tenure, stop);
    RunReport report = loop.run();
    if (report.is_stuck || !report.worn_out.empty()) return report;
    if (!settings.keep || !loop.was_stopped() || stop.level() > 0) return report;
    settings.notice(Severity::info, "the run is over; waiting for the next one");
  }
}

}  // namespace fanmill::roles
