#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/core/run.hpp>
#include <fanmill/roles/identity.hpp>
#include <fanmill/roles/keys.hpp>
#include <fanmill/roles/lanes.hpp>
#include <fanmill/roles/status_socket.hpp>
#include <fanmill/roles/strangers.hpp>
#include <fanmill/roles/ventilator.hpp>
#include <fanmill/transport/binding.hpp>
#include <fanmill/transport/ipc_path.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/poller.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::roles {

namespace {

using core::Run;

// Of control, between two looks at everything else, whoever sends faster than that.
constexpr std::size_t messages_at_once = 4096;
// Over ipc heartbeats find only who is stopped, which nobody waits for by the second. What costs the head
// there, with a thousand workers that have nothing to do, is that libzmq looks for each timeout among all
// that come before it: of the longer an interval the timeout is the smaller a part, the fewer those are.
constexpr std::chrono::milliseconds heartbeat_interval_ipc{4000};

// Joins the run's decisions to sockets and input. One thread.
class VentilatorLoop : private input::Receiver {
 public:
  VentilatorLoop(transport::Context& context, const VentilatorSettings& settings, input::Input& input,
                 StopRequest& stop)
      : settings_(settings),
        input_(input),
        stop_(stop),
        router_(context, transport::Kind::router, socket_settings(settings)),
        monitor_(context, router_),
        strangers_(settings),
        lanes_(context, settings, bind_all()),
        run_(run_settings(settings, input, bound_.front().endpoint), transport::random_id) {
    open_status_socket(context);
  }

  RunReport run();

 private:
  static transport::SocketSettings socket_settings(const VentilatorSettings& settings);
  std::vector<Endpoint> bind_all();
  static Run::Settings run_settings(const VentilatorSettings& settings, const input::Input& input,
                                    const Endpoint& address);

  static Endpoint address_for_people(const VentilatorSettings& settings, const Endpoint& bound,
                                     const std::string& host);

  void open_status_socket(transport::Context& context);
  void report_progress(Time now);

  void item(ByteView payload) override { run_.add(payload); }
  void neighbours(std::span<const ByteView> payloads, const Bytes& block) override {
    run_.add(payloads, block);
  }

  void obey_stop(Time now);
  void perform();
  void perform(const Run::SayTo& action);
  void perform(const core::Tell& action) { settings_.notice(action.severity, action.text); }
  void perform(const core::Finish& action) { finish_ = action; }
  void perform(const Run::OpenLane& action);
  void perform(const Run::AwaitLane& action) { awaited_.insert(action.token); }
  void perform(const Run::CloseLane& action);
  void check_awaited();
  [[nodiscard]] bool send(const core::Dispatcher::Handout& handout);
  void check_lanes();
  void send_tasks();
  void wait(Time now);
  void read_connections(Time now);
  using Received = std::vector<transport::Socket::Addressed>;
  void read_router(Received& received, std::size_t most);
  void act_on(std::string peer, const transport::Message& message,
              const wire::Decoded<wire::Control>& control, Time now);
  [[nodiscard]] bool read_input(Time now);  // whether it looked
  RunReport report(Time started) const;

  const VentilatorSettings& settings_;
  input::Input& input_;
  StopRequest& stop_;
  std::vector<transport::Bound> bound_;  // goes after the socket that is bound there
  transport::Socket router_;
  transport::Monitor monitor_;
  Strangers strangers_;
  Lanes lanes_;
  Run run_;
  std::optional<StatusSocket> status_socket_;
  Time progress_due_{};
  transport::Poller poller_;
  wire::TasksWriter writer_;
  std::vector<transport::Message> more_;  // of the message that is being sent
  core::Dispatcher::Handout handout_;
  std::set<LaneToken> awaited_;  // lanes that cannot be written to yet
  std::size_t lanes_item_ = transport::Poller::nothing;
  std::size_t monitor_item_ = transport::Poller::nothing;
  std::optional<core::Finish> finish_;
  std::string broken_input_;  // why it ended before its end
  int stop_level_ = 0;
  bool input_ready_ = false;
  bool connections_ready_ = false;
};

transport::SocketSettings VentilatorLoop::socket_settings(const VentilatorSettings& settings) {
  transport::SocketSettings result;
  result.max_message = settings.max_message + wire::frame_slack;
  result.send_limit = control_send_limit;
  result.key = settings.key;
  return result;
}

std::vector<Endpoint> VentilatorLoop::bind_all() {
  std::vector<Endpoint> endpoints;
  const transport::SocketSettings usual;
  for (const Endpoint& endpoint : settings_.bind) {
    if (endpoint.scheme == Scheme::ipc) {
      transport::remove_dead_sockets(endpoint.path.substr(0, endpoint.path.rfind('/')));
    }
    router_.set_heartbeats(endpoint.scheme == Scheme::ipc ? heartbeat_interval_ipc : usual.heartbeat_interval,
                           usual.heartbeat_timeout);
    bound_.push_back(transport::bind_locked(router_, endpoint));
    endpoints.push_back(bound_.back().endpoint);
  }
  return endpoints;
}

// Nobody can connect to a wildcard.
Endpoint VentilatorLoop::address_for_people(const VentilatorSettings& settings, const Endpoint& bound,
                                            const std::string& host) {
  Endpoint address = bound;
  if (bound.scheme == Scheme::tcp && !settings.advertise.empty()) {
    address.host = settings.advertise;
  } else if (bound.is_wildcard()) {
    address.host = host;
  }
  return address;
}

Run::Settings VentilatorLoop::run_settings(const VentilatorSettings& settings, const input::Input& input,
                                           const Endpoint& address) {
  Run::Settings result;
  result.dispatcher.window_tasks = settings.window_tasks;
  result.dispatcher.window_bytes = settings.window_bytes;
  result.lane_bytes_inproc = settings.lane_bytes_inproc;
  result.dispatcher.prefetch = settings.prefetch;
  result.dispatcher.min_lanes = settings.min_workers;
  result.dispatcher.retries = settings.retries;
  result.dispatcher.retry_delay = settings.retry_delay;
  if (settings.halt) {
    result.halt_after = settings.halt->failures;
    result.halt_now = settings.halt->now;
  }
  result.delimiter = input.delimiter();
  result.separator = settings.separator;
  const wire::Hello own = introduce(wire::Role::worker, address);
  const Endpoint people = address_for_people(settings, address, own.host);
  result.address = people.text();
  result.address_word = work::quoted_word(result.address, "%+,-./:=@_");
  if (settings.key) {
    result.worker_options = " --key FILE --server-key FILE";
    result.sink_options = result.worker_options + " --allow DIR";
  } else if (settings.insecure && !people.is_loopback()) {
    result.worker_options = result.sink_options = " --insecure";
  }
  result.host = own.host;
  result.pid = own.pid;
  result.wait_timeout = settings.wait_timeout;
  result.max_message = settings.max_message;
  return result;
}

void VentilatorLoop::open_status_socket(transport::Context& context) {
  if (settings_.status_directory.empty()) return;
  try {
    status_socket_.emplace(context, settings_);
  } catch (const Error& error) {
    settings_.notice(Severity::info, std::string("fanmill status will not find this run: ") + error.what());
  }
}

void VentilatorLoop::report_progress(Time now) {
  if (!settings_.watch || now < progress_due_) return;
  settings_.watch(run_.progress(now));
  progress_due_ = now + settings_.watch_period;
}

RunReport VentilatorLoop::run() {
  const Time started = Clock::now();
  try {
    for (;;) {
      const Time now = Clock::now();
      obey_stop(now);
      run_.tick(now);
      perform();
      report_progress(now);
      strangers_.tick(now);
      check_awaited();
      send_tasks();
      perform();
      if (finish_) {
        strangers_.finish();
        return report(started);
      }
      wait(now);
      check_lanes();
      const Time later = Clock::now();
      // Tasks go out before the news of those that are done is read: somebody waits for tasks.
      if (read_input(later)) send_tasks();
      if (connections_ready_) read_connections(later);
      if (status_socket_) status_socket_->answer(poller_, run_, later);
    }
  } catch (...) {
    // Whoever waits for us is told that nothing will come.
    run_.abandon();
    perform();
    throw;
  }
}

void VentilatorLoop::obey_stop(Time now) {
  const int level = stop_.level();
  if (level == stop_level_) return;
  stop_level_ = level;
  if (level == 1) {
    // Otherwise it is another part of this process that asks, and says itself why.
    const bool by_person = stop_.signal_number() != 0;
    if (by_person)
      settings_.notice(Severity::info, "stopping: what runs will be finished; once more to stop now");
    run_.stop(now);
  } else {
    run_.abandon();
  }
}

void VentilatorLoop::perform() {
  // Performing an action may ask for further ones.
  for (auto actions = run_.take_actions(); !actions.empty(); actions = run_.take_actions()) {
    for (const Run::Action& action : actions) {
      std::visit([this](const auto& one) { perform(one); }, action);
    }
  }
}

void VentilatorLoop::perform(const Run::SayTo& action) {
  transport::Message message(wire::encode(action.message));
  // What a peer's full queue or its death swallows here is said again or can be done without, or its death is
  // heard of.
  static_cast<void>(router_.send_to(action.peer, message));
}

void VentilatorLoop::perform(const Run::OpenLane& action) {
  try {
    run_.lane_opened(action.token, lanes_.open(action.token, action.reached, action.key_name));
  } catch (const Error& error) {
    run_.lane_failed(action.token, error.what());
  }
}

void VentilatorLoop::perform(const Run::CloseLane& action) {
  awaited_.erase(action.token);
  lanes_.close(action.token);
}

void VentilatorLoop::check_awaited() {
  for (auto token = awaited_.begin(); token != awaited_.end();) {
    if (lanes_.writable(*token)) {
      run_.lane_usable(*token);
      token = awaited_.erase(token);
    } else {
      ++token;
    }
  }
}

void VentilatorLoop::check_lanes() {
  if (!poller_.readable(lanes_item_)) return;
  for (const LaneToken token : lanes_.shared()) {
    run_.lane_shared(token);
    perform(Run::CloseLane{token});
  }
}

void VentilatorLoop::send_tasks() {
  while (run_.next(handout_)) {
    if (!send(handout_)) run_.lane_broken(handout_);
  }
}

bool VentilatorLoop::send(const core::Dispatcher::Handout& handout) {
  const LaneToken token = run_.token_of(handout.lane);
  writer_.begin({run_.id(), token}, handout.takes_frames ? wire::own_frame_from : wire::TasksWriter::never);
  for (const wire::TaskBlock& block : handout.blocks) writer_.add(block);
  more_.clear();
  for (const auto& [memory, bytes] : writer_.own_frames()) more_.emplace_back(memory->share(), bytes);
  return lanes_.send(token, transport::Message(writer_.take()), more_);
}

void VentilatorLoop::wait(Time now) {
  poller_.clear();
  const std::size_t router_item = poller_.watch_readable(router_);
  monitor_item_ = poller_.watch_readable(monitor_);
  if (stop_level_ < 2) poller_.watch_readable(stop_.fd(stop_level_ + 1));
  for (const LaneToken token : awaited_) lanes_.watch_writable(token, poller_);
  lanes_item_ = poller_.watch_readable(lanes_.news_fd());
  if (status_socket_) status_socket_->watch(poller_);
  Time until = std::min(run_.next_tick(), strangers_.next_tick());
  if (settings_.watch) until = std::min(until, progress_due_);
  const bool wants_input = run_.wants_input();
  const int input_fd = wants_input ? input_.wait_fd() : -1;
  const std::size_t input_item = input_fd >= 0 ? poller_.watch_readable(input_fd) : 0;
  if (wants_input && input_fd < 0) until = now;  // only look, do not wait
  poller_.wait(now, until);
  connections_ready_ = poller_.readable(router_item) || poller_.readable(monitor_item_);
  input_ready_ = wants_input && (input_fd < 0 || poller_.readable(input_item));
}

void VentilatorLoop::read_router(Received& received, std::size_t most) {
  while (received.size() < most) {
    auto addressed = router_.receive_from();
    if (!addressed) return;
    received.push_back(std::move(*addressed));
  }
}

// Messages are taken before the monitor's events, so that a connection's opening is known before what came
// over it is acted on; and again after a connection's end, since its last messages may come after the news of
// it. It may have opened since we waited: a HELLO comes after that.
void VentilatorLoop::read_connections(Time now) {
  Received received;
  read_router(received, messages_at_once);
  const bool any_hello = std::any_of(received.begin(), received.end(), [](const auto& one) {
    return wire::looks_like_opening(one.message.view());
  });
  std::vector<transport::Monitor::Event> events;
  bool any_down = false;
  while (any_hello || poller_.readable(monitor_item_)) {
    const auto event = monitor_.next();
    if (!event) break;
    if (event->what == transport::Monitor::What::opened) run_.on_link_up(event->fd);
    any_down = any_down || event->what == transport::Monitor::What::down;
    strangers_.on_event(*event, now);
    events.push_back(*event);
  }
  if (any_down) read_router(received, std::numeric_limits<std::size_t>::max());
  // Who is about to take the place of a sink whose connection has ended comes after that.
  Received later;
  for (auto& one : received) {
    const auto control = wire::decode_control(one.message.view());
    const auto* const hello = control ? std::get_if<wire::Hello>(&*control) : nullptr;
    if (any_down && hello != nullptr && hello->role == wire::Role::sink) {
      later.push_back(std::move(one));
    } else {
      act_on(std::move(one.peer), one.message, control, now);
    }
  }
  if (!any_down) return;
  for (const auto& event : events) {
    if (event.what == transport::Monitor::What::down) run_.on_link_down(event.fd, now);
    if (event.what == transport::Monitor::What::opened) run_.on_link_up(event.fd);
  }
  for (auto& [peer, message] : later) {
    act_on(std::move(peer), message, wire::decode_control(message.view()), now);
  }
}

void VentilatorLoop::act_on(std::string peer, const transport::Message& message,
                            const wire::Decoded<wire::Control>& control, Time now) {
  const bool is_opening = wire::looks_like_opening(message.view());
  Run::From from{std::move(peer)};
  // Of one that is known by its peer there is nothing else to ask.
  if (!control || is_opening) {
    from.link = message.source_fd();
    from.address = message.peer_address();
    from.key_name = message.key_name();
  }
  if (control) {
    run_.on_message(from, *control, now);
  } else if (control.flaw() == wire::Flaw::version && is_opening) {
    run_.on_foreign_version(from);
  } else {
    run_.on_malformed(from, wire::name_of(control.flaw()));
  }
}

bool VentilatorLoop::read_input(Time now) {
  if (!input_ready_ || !run_.wants_input()) return false;
  try {
    if (!input_.read(*this)) run_.end_input(now);
  } catch (const Error& error) {
    if (run_.dispatcher().added() == 0) throw;
    settings_.notice(Severity::info, "no more input; what has been read is done first");
    broken_input_ = error.what();
    run_.end_input(now, true);
  }
  return true;
}

RunReport VentilatorLoop::report(Time started) const {
  RunReport result;
  result.exit_code = stop_level_ > 0 ? 128 + stop_.signal_number() : finish_->status;
  if (!broken_input_.empty()) {
    result.losses.push_back(broken_input_);
  }
  const Run::Statement statement = run_.statement().value_or(run_.so_far());
  if (run_.statement() || statement.tasks > 0) {
    result.closing_line = closing_line({statement.tasks, statement.ok, statement.failed, statement.dead,
                                        statement.duplicates, Clock::now() - started});
    result.counters = {{"tasks", statement.tasks},
                       {"ok", statement.ok},
                       {"failed", statement.failed},
                       {"dead", statement.dead},
                       {"unfinished", statement.unfinished()}};
    if (statement.duplicates) result.counters.emplace_back("duplicates", *statement.duplicates);
  }
  result.counters.emplace_back("redelivered", run_.dispatcher().redelivered());
  result.counters.emplace_back("stale_at_ventilator", run_.stale());
  result.counters.emplace_back("malformed_at_ventilator", run_.malformed());
  // Asked to end as the sink was, it has come to its end in order.
  core::Finish finish = *finish_;
  if (stop_level_ > 0 && run_.statement()) finish.why.clear();
  return report_or_failure(finish, std::move(result));
}

}  // namespace

RunReport run_ventilator(const VentilatorSettings& settings, input::Input& input, StopRequest& stop) {
  transport::Context context;
  const auto gate = open_gate(context, settings);
  return run_ventilator(context, settings, input, stop);
}

RunReport run_ventilator(transport::Context& context, const VentilatorSettings& settings, input::Input& input,
                         StopRequest& stop) {
  return VentilatorLoop(context, settings, input, stop).run();
}

}  // namespace fanmill::roles
