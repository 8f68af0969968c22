#include "loopback.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "asked.hpp"

namespace fanmill::core::test {

namespace {

constexpr std::string_view lane_prefix = "ipc:///lane-";

Run::Settings run_settings(const Loopback::Settings& settings) {
  Run::Settings result;
  result.dispatcher.prefetch = settings.prefetch;
  result.dispatcher.retries = settings.retries;
  result.delimiter = "\n";
  result.address = "ipc:///control";
  return result;
}

wire::Hello sink_hello() {
  wire::Hello hello;
  hello.role = wire::Role::sink;
  hello.incarnation = Incarnation{777};
  hello.reached = "ipc:///control";
  hello.results = {"ipc:///results"};
  return hello;
}

std::string payload_of(TaskId id) {
  return "task " + std::to_string(id);
}

}  // namespace

Loopback::Loopback(const Settings& settings)
    : settings_(settings),
      random_(settings.seed),
      now_(start),
      run_(run_settings(settings), [this] { return ++drawn_; }),
      collector_(sink_hello(), Duration::max()) {
  for (std::size_t i = 0; i < settings.stations; ++i) start_station();
  connect(sink_control_);
  collector_.start(now_);
  settle_sink();
}

void Loopback::fail(const std::string& promise) const {
  throw std::logic_error(promise);
}

std::size_t Loopback::alive() const {
  return static_cast<std::size_t>(
      std::count_if(stations_.begin(), stations_.end(), [](const auto& one) { return one->alive; }));
}

// --- connections

void Loopback::connect(ControlEnd& end) {
  // Like descriptors: the lowest that is free.
  end.link = 1;
  while (links_.count(end.link) > 0) ++end.link;
  Link& link = links_[end.link];
  link.from.link = end.link;
  link.from.peer = "peer " + std::to_string(++last_link_);
  run_.on_link_up(end.link);
  end.inbox.emplace_back(Up{});
}

void Loopback::disconnect(ControlEnd& end) {
  if (end.link < 0) return;
  links_.at(end.link).to_run.emplace_back(Down{});
  end.inbox.emplace_back(Down{});
  end.link = -1;
}

void Loopback::say(ControlEnd& end, const wire::Control& message) {
  if (end.link >= 0) links_.at(end.link).to_run.emplace_back(message);
}

template <class Queue>
void Loopback::lose_some(Queue& queue) {
  queue.resize(queue.size() - below(queue.size() + 1));
}

void Loopback::disconnect_lane(StationSide& station) {
  const auto bound = lanes_.find(station.lane);
  if (bound != lanes_.end() && bound->second == &station) bound->second = nullptr;
  station.lane = LaneToken{};
}

// --- the ventilator's loop

void Loopback::settle_run() {
  for (;;) {
    run_.tick(now_);
    for (auto actions = run_.take_actions(); !actions.empty(); actions = run_.take_actions()) {
      for (const Run::Action& action : actions) {
        std::visit([this](const auto& one) { perform(one); }, action);
      }
    }
    if (run_end_) {
      end_ventilator();
      return;
    }
    for (auto token = awaited_.begin(); token != awaited_.end();) {
      const auto bound = lanes_.find(*token);
      if (bound != lanes_.end() && bound->second != nullptr) {
        run_.lane_usable(*token);
        token = awaited_.erase(token);
      } else {
        ++token;
      }
    }
    Dispatcher::Handout handout;
    if (!run_.next(handout)) break;
    const LaneToken token = run_.token_of(handout.lane);
    const auto bound = lanes_.find(token);
    if (bound == lanes_.end() || bound->second == nullptr) {
      run_.lane_broken(handout);
      continue;
    }
    auto tasks = std::make_shared<Tasks>();
    tasks->header = {run_.id(), token};
    for (const wire::TaskView& task : handout.tasks()) {
      tasks->tasks.add({task.id, task.attempt, tasks->payloads.emplace_back(task.payload)});
    }
    bound->second->lane_events.emplace_back(std::move(tasks));
  }
  const Dispatcher& dispatcher = run_.dispatcher();
  if (dispatcher.out() + dispatcher.pending() + dispatcher.acknowledged() != dispatcher.added()) {
    fail("a task is neither out nor pending nor acknowledged");
  }
}

void Loopback::perform(const Run::SayTo& action) {
  const auto speaks_for = [&](const ControlEnd& end) {
    return end.link >= 0 && links_.at(end.link).from.peer == action.peer;
  };
  if (speaks_for(sink_control_)) sink_control_.inbox.emplace_back(action.message);
  for (const auto& station : stations_) {
    if (speaks_for(station->control)) station->control.inbox.emplace_back(action.message);
  }
}

void Loopback::perform(const Run::OpenLane& action) {
  lanes_[action.token] = nullptr;
  run_.lane_opened(action.token,
                   std::string(lane_prefix) + std::to_string(static_cast<std::uint64_t>(action.token)));
}

void Loopback::perform(const Run::CloseLane& action) {
  awaited_.erase(action.token);
  const auto bound = lanes_.find(action.token);
  if (bound == lanes_.end()) return;
  if (StationSide* station = bound->second) {
    lose_some(station->lane_events);
    station->lane_events.emplace_back(Down{});
    station->lane = LaneToken{};
  }
  lanes_.erase(bound);
}

void Loopback::perform(const Finish& action) {
  if (run_end_) fail("the ventilator has ended twice");
  run_end_ = action;
}

void Loopback::end_ventilator() {
  while (!lanes_.empty()) perform(Run::CloseLane{lanes_.begin()->first});
  disconnect(sink_control_);
  for (const auto& station : stations_) disconnect(station->control);
}

void Loopback::feed() {
  if (fed_ == settings_.tasks) {
    run_.end_input(now_);
  } else {
    for (std::uint64_t i = 1 + below(200); i > 0 && fed_ < settings_.tasks && run_.wants_input(); --i) {
      run_.add(payload_of(fed_++));
    }
  }
  settle_run();
}

void Loopback::stop() {
  if (run_end_ || stopped_) return;
  stopped_ = true;
  run_.stop(now_);
  settle_run();
}

// --- a station's loop

void Loopback::start_station() {
  wire::Hello hello;
  hello.reached = "ipc:///control";
  hello.name = "station " + std::to_string(stations_.size());
  hello.slots = settings_.slots;
  hello.max_batch = settings_.max_batch;
  hello.marks = true;
  stations_.push_back(
      std::make_unique<StationSide>(Station(hello, Duration::max(), [this] { return ++drawn_; })));
  StationSide& station = *stations_.back();
  if (!run_end_) connect(station.control);
  station.machine.start(now_);
  settle(station);
}

void Loopback::settle(StationSide& station) {
  station.machine.tick(now_);
  for (auto actions = station.machine.take_actions(); !actions.empty();
       actions = station.machine.take_actions()) {
    for (const Station::Action& action : actions) {
      std::visit([&](const auto& one) { perform(station, one); }, action);
    }
  }
}

void Loopback::perform(StationSide& station, const Finish& action) {
  if (station.end) fail("a station has ended twice");
  station.end = action;
  station.alive = false;
  disconnect(station.control);
  disconnect_lane(station);
}

void Loopback::perform(StationSide& station, const Station::OpenLane& action) {
  disconnect_lane(station);
  station.lane_events.clear();
  if (!action.endpoint.starts_with(lane_prefix)) fail("a station was told of no lane");
  const LaneToken token{std::stoull(action.endpoint.substr(lane_prefix.size()))};
  const auto bound = lanes_.find(token);
  if (bound == lanes_.end()) return;  // gone; a lane does not connect again
  bound->second = &station;
  station.lane = token;
  station.lane_events.emplace_back(Up{});
}

void Loopback::perform(StationSide& station, const Station::CloseLane&) {
  disconnect_lane(station);
  station.lane_events.clear();
}

void Loopback::perform(StationSide& station, const Station::OpenResults& action) {
  if (action.endpoint != "ipc:///results") fail("a station was told of no sink");
  station.results_connected = true;
  station.results_events.clear();
  station.results_events.emplace_back(Up{});
}

void Loopback::read_control(StationSide& station) {
  const auto event = std::move(station.control.inbox.front());
  station.control.inbox.pop_front();
  if (const auto* message = std::get_if<wire::Control>(&event)) {
    station.machine.on_control(*message, now_);
  } else if (std::holds_alternative<Up>(event)) {
    station.machine.on_control_up(now_);
  } else {
    station.machine.on_control_down(now_);
  }
  settle(station);
}

void Loopback::read_lane(StationSide& station) {
  const auto event = std::move(station.lane_events.front());
  station.lane_events.pop_front();
  if (const auto* tasks = std::get_if<std::shared_ptr<Tasks>>(&event)) {
    static_cast<void>(station.machine.on_tasks((*tasks)->header, {*tasks, (*tasks)->tasks.list()}, now_));
  } else if (std::holds_alternative<Up>(event)) {
    station.machine.on_lane_up(now_);
  } else {
    station.machine.on_lane_down(now_);
  }
  settle(station);
}

void Loopback::read_results_events(StationSide& station) {
  const auto event = station.results_events.front();
  station.results_events.pop_front();
  if (std::holds_alternative<Up>(event)) {
    station.machine.on_results_up(now_);
  } else {
    station.results_connected = true;  // again, as it does by itself
    station.machine.on_results_down(now_);
  }
  settle(station);
}

void Loopback::start_task(StationSide& station) {
  const Station::Holding holding = station.machine.take(settings_.slots - station.running.size());
  for (const wire::TaskView task : holding.tasks) {
    const bool fails = settings_.fails > 0 && task.id % settings_.fails == 0;
    const wire::ResultView result{task.id, task.attempt, fails ? Outcome::failed : Outcome::ok, task.payload,
                                  std::nullopt};
    station.running.push_back({{station.machine.run(), station.machine.token(), {}}, result, holding.owner});
  }
}

void Loopback::finish_task(StationSide& station) {
  const auto done = station.running.begin() + static_cast<std::ptrdiff_t>(below(station.running.size()));
  station.outbox.emplace_back(std::move(*done));
  station.running.erase(done);
}

void Loopback::send_results(StationSide& station) {
  Sent front = std::move(station.outbox.front());
  station.outbox.pop_front();
  std::vector<IdRange> ids;
  if (const auto* result = std::get_if<Result>(&front)) ids.push_back({result->result.id, result->result.id});
  // Sent on a connection that has broken unseen: lost without a word.
  if (!station.machine.drop_results() && station.results_connected) {
    station.in_flight.push_back(std::move(front));
  }
  station.machine.on_sent(ids, now_);
  settle(station);
}

// --- the sink's loop

void Loopback::settle_sink() {
  collector_.tick(now_);
  for (auto actions = collector_.take_actions(); !actions.empty(); actions = collector_.take_actions()) {
    for (const Collector::Action& action : actions) {
      std::visit([this](const auto& one) { perform_sink(one); }, action);
    }
  }
}

void Loopback::perform_sink(const Say& action) {
  if (const auto* ack = std::get_if<wire::Ack>(&action.message)) {
    for (const IdRange& range : ack->ids) {
      for (TaskId id = range.first; id <= range.last; ++id) {
        if (safe_.count(id) == 0) fail("acknowledged before it was safe");
        if (stored_.at(id) != ack->outcome) fail("acknowledged as another outcome than was stored");
      }
    }
  }
  say(sink_control_, action.message);
}

void Loopback::perform_sink(const Finish& action) {
  if (collector_end_) fail("the sink has ended twice");
  collector_end_ = action;
  disconnect(sink_control_);
}

void Loopback::perform_sink(const Collector::CloseStore& action) {
  if (!unsafe_.empty()) fail("the store was closed before all was safe");
  if (action.complete != (stored_.size() == action.count)) fail("complete or not: the sink is wrong");
  collector_.on_closed();
}

void Loopback::perform_sink(const Collector::StoreHeld& action) {
  store(std::stoull(action.frame), Outcome::failed);
}

void Loopback::store(TaskId id, Outcome outcome) {
  if (!stored_.emplace(id, outcome).second) fail("a task has two outcomes");
  unsafe_.push_back(id);
}

void Loopback::read_results(StationSide& station) {
  const Sent sent = std::move(station.in_flight.front());
  station.in_flight.pop_front();
  sink_has_read_ = true;
  if (const auto* mark = std::get_if<wire::Mark>(&sent)) {
    collector_.on_mark(*mark);
    return;
  }
  const auto& [header, result, owner] = std::get<Result>(sent);
  if (result.output != payload_of(result.id)) fail("a result is another task's");
  switch (collector_.on_result(header, result)) {
    case Collector::Verdict::store:
      store(result.id, result.outcome);
      break;
    case Collector::Verdict::hold:
      collector_.hold(result.id, result.attempt, std::to_string(result.id));
      break;
    case Collector::Verdict::wait:
      fail("this sink has no store, and waits for a question about what is in it");
    case Collector::Verdict::drop:
      break;
  }
}

// Some of what has been stored becomes safe, in order, and what is safe is acknowledged.
void Loopback::make_safe() {
  std::array<std::vector<IdRange>, 3> safe;
  for (std::uint64_t n = below(unsafe_.size() + 1); n > 0; --n) {
    const TaskId id = unsafe_.front();
    unsafe_.pop_front();
    safe_.insert(id);
    safe[static_cast<std::size_t>(stored_.at(id))].push_back({id, id});
  }
  for (const Outcome outcome : {Outcome::ok, Outcome::failed, Outcome::dead}) {
    collector_.on_safe(outcome, safe[static_cast<std::size_t>(outcome)]);
  }
  collector_.flush(now_);
  sink_has_read_ = false;
  settle_sink();
}

// --- steps

void Loopback::collect_choices() {
  choices_.clear();
  if (!run_end_) {
    for (auto& [number, link] : links_) {
      if (link.to_run.empty()) continue;
      choices_.emplace_back([this, number = number] {
        Link& from = links_.at(number);
        const auto event = std::move(from.to_run.front());
        from.to_run.pop_front();
        if (const auto* message = std::get_if<wire::Control>(&event)) {
          run_.on_message(from.from, *message, now_);
        } else {
          run_.on_link_down(number, now_);
          links_.erase(number);
        }
        settle_run();
      });
    }
    const bool input_left = fed_ < settings_.tasks ? run_.wants_input() : !run_.dispatcher().input_ended();
    if (input_left) choices_.emplace_back([this] { feed(); });
  }
  for (const auto& one : stations_) {
    StationSide& station = *one;
    // What was sent arrives, though its sender has ended.
    if (!station.in_flight.empty() && !collector_end_ && collector_.collecting()) {
      choices_.emplace_back([&] { read_results(station); });
    }
    if (!station.alive) continue;
    if (station.control.link < 0 && !run_end_) {
      choices_.emplace_back([&] { connect(station.control); });
    }
    if (!station.control.inbox.empty()) choices_.emplace_back([&] { read_control(station); });
    if (!station.lane_events.empty()) choices_.emplace_back([&] { read_lane(station); });
    if (!station.results_events.empty()) choices_.emplace_back([&] { read_results_events(station); });
    if (station.machine.has_waiting() && station.running.size() < settings_.slots) {
      choices_.emplace_back([&] { start_task(station); });
    }
    if (!station.running.empty()) choices_.emplace_back([&] { finish_task(station); });
    if (!station.outbox.empty()) choices_.emplace_back([&] { send_results(station); });
  }
  if (collector_end_) return;
  if (sink_control_.link < 0 && !run_end_) choices_.emplace_back([this] { connect(sink_control_); });
  if (!sink_control_.inbox.empty()) {
    choices_.emplace_back([this] {
      const auto event = std::move(sink_control_.inbox.front());
      sink_control_.inbox.pop_front();
      sink_has_read_ = true;
      if (const auto* message = std::get_if<wire::Control>(&event)) {
        collector_.on_control(*message, now_);
      } else if (std::holds_alternative<Up>(event)) {
        collector_.on_control_up(now_);
      } else {
        collector_.on_control_down(now_);
      }
      settle_sink();
    });
  }
  if (sink_has_read_ || !unsafe_.empty()) choices_.emplace_back([this] { make_safe(); });
}

void Loopback::let_time_pass() {
  Time next = never;
  if (!run_end_) next = std::min(next, run_.next_tick());
  if (!collector_end_) next = std::min(next, collector_.next_tick());
  for (const auto& station : stations_) {
    if (station->alive) next = std::min(next, station->machine.next_tick());
  }
  if (next == never) fail("nobody has anything to do any more");
  if (next > start + std::chrono::hours(1)) fail("there is no end to it");
  now_ = std::max(now_, next);
  if (!run_end_) settle_run();
  if (!collector_end_) settle_sink();
  for (const auto& station : stations_) {
    if (station->alive) settle(*station);
  }
}

bool Loopback::step() {
  // Who knows nothing of this run may wait for the next one.
  const bool sink_left = !collector_end_ && (collector_.begun() || !sink_control_.inbox.empty());
  if (run_end_ && !sink_left) {
    const bool any_left = std::any_of(stations_.begin(), stations_.end(), [](const auto& one) {
      return one->alive && !one->control.inbox.empty();
    });
    if (!any_left) return false;
  }
  now_ += std::chrono::microseconds(10);
  collect_choices();
  if (choices_.empty()) {
    let_time_pass();
  } else {
    choices_[below(choices_.size())]();
  }
  return true;
}

// --- faults

void Loopback::kill(std::size_t i) {
  StationSide& station = *stations_[i];
  if (!station.alive) return;
  station.alive = false;
  if (station.control.link >= 0) lose_some(links_.at(station.control.link).to_run);
  lose_some(station.in_flight);
  disconnect(station.control);
  disconnect_lane(station);
}

void Loopback::leave(std::size_t i) {
  StationSide& station = *stations_[i];
  if (!station.alive) return;
  station.machine.leave("asked to", now_);
  settle(station);
}

void Loopback::break_control(std::size_t i) {
  StationSide& station = *stations_[i];
  if (!station.alive || station.control.link < 0) return;
  lose_some(links_.at(station.control.link).to_run);
  lose_some(station.control.inbox);
  disconnect(station.control);
}

void Loopback::break_lane(std::size_t i) {
  StationSide& station = *stations_[i];
  if (!station.alive || station.lane == LaneToken{}) return;
  disconnect_lane(station);
  lose_some(station.lane_events);
  station.lane_events.emplace_back(Down{});
}

void Loopback::break_results(std::size_t i) {
  StationSide& station = *stations_[i];
  if (!station.alive || !station.results_connected) return;
  lose_some(station.in_flight);
  station.results_connected = false;
  station.results_events.emplace_back(Down{});
  station.results_events.emplace_back(Up{});
}

void Loopback::break_sink_control() {
  if (collector_end_ || sink_control_.link < 0) return;
  lose_some(links_.at(sink_control_.link).to_run);
  lose_some(sink_control_.inbox);
  disconnect(sink_control_);
}

}  // namespace fanmill::core::test
