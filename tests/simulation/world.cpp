#include "world.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "violation.hpp"

namespace fanmill::simulation {

using std::chrono::hours;
using std::chrono::microseconds;

namespace {
constexpr Time beginning{hours(1)};
constexpr Duration longest_run = hours(1);
constexpr std::uint64_t most_steps = 50000;
constexpr std::uint32_t luck_salt = 0x5bd1e995;
}  // namespace

World::World(const Scenario& scenario, const Faults* replay)
    : scenario_(scenario),
      replay_(replay),
      random_(scenario.seed),
      luck_(scenario.seed ^ luck_salt),
      now_(beginning),
      ledger_(scenario_, disk_) {
  start_ventilator();
  start_sink();
  for (std::size_t i = 0; i < scenario.stations; ++i) start_station(i);
}

// --- connections

void World::connect(ControlEnd& end) {
  // Like descriptors: the lowest that is free.
  end.link = 1;
  while (ventilator_->links.count(end.link) > 0) ++end.link;
  Link& link = ventilator_->links[end.link];
  link.from.link = end.link;
  link.from.peer = "peer " + std::to_string(++last_peer_);
  ventilator_->run.on_link_up(end.link);
  end.inbox.push(Event::What::up);
}

void World::disconnect(ControlEnd& end) {
  if (end.link < 0) return;
  ventilator_->links.at(end.link).to_run.push(Event::What::down);
  end.inbox.push(Event::What::down);
  end.link = -1;
}

void World::say(ControlEnd& end, const wire::Control& message) {
  if (end.link >= 0 && !end.loses_up) ventilator_->links.at(end.link).to_run.push(wire::encode(message));
}

void World::lose_tail(Pipe& pipe) {
  const std::size_t size = pipe.queue.size();
  pipe.queue.resize(size - loss_ % (size + 1));
}

void World::disconnect_lane(StationSide& station) {
  const auto lane = ventilator_->lanes.find(station.lane);
  if (lane != ventilator_->lanes.end() && lane->second.station == &station) lane->second.station = nullptr;
  station.lane = LaneToken{};
}

void World::disconnect_results(StationSide& station) {
  if (!station.results_connected) return;
  station.results_connected = false;
  station.results_events.push(Event::What::down);
}

// --- faults

void World::delay(Pipe& pipe, std::uint32_t amount) {
  // From a millisecond to four seconds.
  pipe.late_until = now_ + microseconds(1000) * (1 + (amount >> 4) % (std::uint32_t{1} << (amount % 13)));
}

void World::inflict(const Fault& fault) {
  using What = Fault::What;
  loss_ = fault.amount;
  if (fault.station >= stations_.size()) return;
  StationSide& station = *stations_[fault.station];
  const bool linked = station.alive && station.control.link >= 0;
  const bool sink_linked = sink_->alive && sink_->control.link >= 0;
  switch (fault.what) {
    case What::station_leaves:
      if (!station.alive) return;
      station.machine.leave("asked to", now_);
      settle(station);
      break;
    case What::control_up_late:
      if (linked) delay(ventilator_->links.at(station.control.link).to_run, fault.amount);
      break;
    case What::control_down_late:
      if (linked) delay(station.control.inbox, fault.amount);
      break;
    case What::lane_late:
      delay(station.lane_events, fault.amount);
      break;
    case What::results_late:
      if (!station.results.empty()) delay(station.results.back().pipe, fault.amount);
      break;
    case What::sink_up_late:
      if (sink_linked) delay(ventilator_->links.at(sink_->control.link).to_run, fault.amount);
      break;
    case What::sink_down_late:
      if (sink_linked) delay(sink_->control.inbox, fault.amount);
      break;
    case What::station_killed:
      if (station.alive) kill_station(fault.station);
      break;
    case What::control_broken:
      break_control(station);
      break;
    case What::lane_broken:
      break_lane(station, (fault.amount >> 8) % 2 == 0);
      break;
    case What::results_broken:
      break_results(station);
      break;
    case What::sink_control_broken:
      break_sink_control();
      break;
    case What::sink_killed:
      if (sink_->alive && !complete()) kill_sink();
      break;
    case What::ventilator_killed:
      if (ventilator_->alive) kill_ventilator();
      break;
    case What::write_fails:
      if (scenario_.store) disk_.write_fails = true;
      break;
    case What::stray_tasks:
      if (station.alive && station.lane != LaneToken{} && !stray_.empty() && stray_lane_ != station.lane) {
        station.lane_events.push(stray_);
      }
      break;
    case What::doubled:
      double_frame(station, fault.amount);
      break;
    case What::cut_off:
      if (station.alive) cut_off(station.control, fault.amount);
      break;
    case What::sink_cut_off:
      if (sink_->alive) cut_off(sink_->control, fault.amount);
      break;
    case What::clock_jumps: {
      const Duration by = std::chrono::minutes(1 + fault.amount % (24 * 60));
      now_ += by;
      jumped_ += by;
      break;
    }
    case What::second_peer: {
      // The ventilator closes the lane, and the first one of the two sees that.
      const LaneToken lane = station.lane;
      if (lane == LaneToken{} || !ventilator_->alive) return;
      break_lane(station, false);
      ventilator_->run.lane_shared(lane);
      settle_ventilator();
      break;
    }
    case What::stopped:
      if (!ventilator_->alive || ventilator_->stopped) return;
      ventilator_->stopped = true;
      ventilator_->run.stop(now_);
      settle_ventilator();
      break;
    case What::sink_asked:
      if (!sink_->alive || !sink_->collector.begun() || sink_->collector.alone()) return;
      if (ventilator_->alive && !ventilator_->end) ventilator_->stopped = true;
      sink_->collector.leave("asked to end");
      settle_sink();
      break;
    case What::count_:
      break;
  }
}

void World::break_control(StationSide& station) {
  if (!station.alive || station.control.link < 0) return;
  std::set<TaskId> running;
  for (const Running& one : station.running) running.insert(one.id);
  ledger_.died(station.last_lane, std::move(running));
  lose_tail(ventilator_->links.at(station.control.link).to_run);
  loss_ >>= 8;
  lose_tail(station.control.inbox);
  disconnect(station.control);
}

void World::break_lane(StationSide& station, bool silent) {
  if (!station.alive || station.lane == LaneToken{}) return;
  const auto lane = ventilator_->lanes.find(station.lane);
  if (lane != ventilator_->lanes.end()) lane->second.silent = silent;
  disconnect_lane(station);
  lose_tail(station.lane_events);
  station.lane_events.push(Event::What::down);
}

void World::break_results(StationSide& station) {
  if (!station.alive || !station.results_connected) return;
  lose_tail(station.results.back().pipe);
  ledger_.results_lost();
  disconnect_results(station);
}

void World::break_sink_control() {
  if (!sink_->alive || sink_->control.link < 0) return;
  lose_tail(ventilator_->links.at(sink_->control.link).to_run);
  loss_ >>= 8;
  lose_tail(sink_->control.inbox);
  disconnect(sink_->control);
}

// In one direction or in both, until each end has missed its heartbeats.
void World::cut_off(ControlEnd& end, std::uint32_t amount) {
  if (end.is_cut_off()) return;
  end.loses_up = amount % 3 != 0;
  end.loses_down = amount % 3 != 1;
  end.found = now_ + microseconds(1000) * (500 + (amount >> 2) % 4000);
}

// Each connection breaks now; who is on which end of it hears of that sooner or later.
void World::find_cut_station(std::size_t i) {
  StationSide& station = *stations_[i];
  if (station.control.link >= 0) {
    delay(ventilator_->links.at(station.control.link).to_run, static_cast<std::uint32_t>(random_()));
  }
  delay(station.control.inbox, static_cast<std::uint32_t>(random_()));
  loss_ = static_cast<std::uint32_t>(random_());
  break_control(station);
  break_lane(station, below(2) == 0);
  break_results(station);
  station.control.loses_up = station.control.loses_down = false;
}

void World::find_cut_sink(std::size_t) {
  if (sink_->control.link >= 0) {
    delay(ventilator_->links.at(sink_->control.link).to_run, static_cast<std::uint32_t>(random_()));
  }
  delay(sink_->control.inbox, static_cast<std::uint32_t>(random_()));
  loss_ = static_cast<std::uint32_t>(random_());
  break_sink_control();
  for (const auto& station : stations_) {
    if (!station->results.empty() && station->results.back().sink == sink_->number) break_results(*station);
  }
  sink_->control.loses_up = sink_->control.loses_down = false;
}

void World::double_frame(StationSide& station, std::uint32_t amount) {
  std::vector<Pipe*> pipes;
  const auto consider = [&](Pipe& pipe) {
    const auto is_frame = [](const Event& event) { return event.what == Event::What::frame; };
    if (std::any_of(pipe.queue.begin(), pipe.queue.end(), is_frame)) pipes.push_back(&pipe);
  };
  consider(station.control.inbox);
  consider(station.lane_events);
  consider(sink_->control.inbox);
  for (auto& [number, link] : ventilator_->links) consider(link.to_run);
  for (ResultsLink& link : station.results) consider(link.pipe);
  if (pipes.empty()) return;
  auto& queue = pipes[amount % pipes.size()]->queue;
  std::size_t at = (amount >> 8) % queue.size();
  while (queue[at].what != Event::What::frame) at = (at + 1) % queue.size();
  queue.insert(queue.begin() + static_cast<std::ptrdiff_t>(at), Event(queue[at]));
}

void World::kill_station(std::size_t i) {
  StationSide& station = *stations_[i];
  std::set<TaskId> running;
  for (const Running& one : station.running) running.insert(one.id);
  ledger_.died(station.last_lane, std::move(running));
  ledger_.results_lost();
  if (station.control.link >= 0) lose_tail(ventilator_->links.at(station.control.link).to_run);
  loss_ >>= 8;
  for (ResultsLink& link : station.results) lose_tail(link.pipe);
  gone(station);
}

void World::kill_sink() {
  if (sink_->control.link >= 0) lose_tail(ventilator_->links.at(sink_->control.link).to_run);
  sink_gone();
}

void World::kill_ventilator() {
  VentilatorSide& side = *ventilator_;
  side.alive = false;
  for (auto& [token, lane] : side.lanes) {
    if (lane.station == nullptr) continue;
    lose_tail(lane.station->lane_events);
    lane.station->lane_events.push(Event::What::down);
    lane.station->lane = LaneToken{};
  }
  side.lanes.clear();
  const auto cut = [this](ControlEnd& end) {
    if (end.link < 0) return;
    lose_tail(end.inbox);
    disconnect(end);
  };
  cut(sink_->control);
  for (const auto& station : stations_) cut(station->control);
  if (scenario_.store) {
    restart_ventilator_ = now_ + microseconds(below(500000));
  } else {
    doomed_ = true;
  }
}

void World::draw_faults() {
  if (replay_ != nullptr) {
    while (replayed_ < replay_->size() && (*replay_)[replayed_].step <= steps_) {
      faults_.push_back((*replay_)[replayed_]);
      inflict((*replay_)[replayed_++]);
    }
    return;
  }
  if (faults_.size() >= scenario_.faults || luck_() % scenario_.one_in != 0) return;
  const auto kinds =
      static_cast<std::uint32_t>(scenario_.luck == Scenario::Luck::slow ? first_harsh : Fault::What::count_);
  Fault fault;
  fault.step = steps_;
  fault.what = static_cast<Fault::What>(luck_() % kinds);
  fault.amount = static_cast<std::uint32_t>(luck_());
  std::vector<std::size_t> alive;
  for (const auto& station : stations_) {
    if (station->alive) alive.push_back(station->index);
  }
  if (!alive.empty()) fault.station = alive[luck_() % alive.size()];
  faults_.push_back(fault);
  inflict(fault);
}

// --- steps

void World::choose_at(Time when, void (World::*what)(std::size_t), std::size_t which) {
  if (when <= now_) {
    choose(what, which);
  } else {
    wake_ = std::min(wake_, when);
  }
}

void World::choose_from(const Pipe& pipe, void (World::*what)(std::size_t), std::size_t which) {
  if (!pipe.queue.empty()) choose_at(pipe.late_until, what, which);
}

void World::collect_of_station(std::size_t index) {
  StationSide& station = *stations_[index];
  // What was sent arrives, though its sender has ended.
  for (std::size_t i = 0; i < station.results.size() && i < 256; ++i) {
    if (!sink_->alive || !sink_->collector.collecting() || station.results[i].sink != sink_->number) continue;
    choose_from(station.results[i].pipe, &World::read_results, index << 8 | i);
  }
  if (!station.alive) {
    if (station.restart != never && !complete() && !doomed_)
      choose_at(station.restart, &World::start_station, index);
    return;
  }
  if (station.control.is_cut_off()) {
    choose_at(station.control.found, &World::find_cut_station, index);
  } else if (station.control.link < 0 && ventilator_->alive) {
    choose(&World::connect_station, index);
  }
  choose_from(station.control.inbox, &World::read_control, index);
  choose_from(station.lane_events, &World::read_lane, index);
  choose_from(station.results_events, &World::read_results_events, index);
  if (!station.results_connected && sink_->alive && station.sink_endpoint == sink_->endpoint &&
      !station.control.is_cut_off() && !sink_->control.is_cut_off()) {
    choose(&World::connect_results, index);
  }
  if (station.machine.has_waiting() && station.outbox.empty() &&
      station.queued.size() + station.running.size() < scenario_.slots + scenario_.runner_queue) {
    choose(&World::hand_to_runner, index);
  }
  if (!station.queued.empty() && station.running.size() < scenario_.slots) choose(&World::start_task, index);
  if (!station.running.empty()) {
    Time first = never;
    for (const Running& one : station.running) first = std::min(first, one.ready);
    choose_at(first, &World::finish_task, index);
  }
  if (!station.outbox.empty() && (station.machine.drop_results() || may_send(station))) {
    choose(&World::send_results, index);
  }
}

void World::collect_choices() {
  choices_.clear();
  wake_ = never;
  VentilatorSide& side = *ventilator_;
  if (side.alive) {
    for (auto& [number, link] : side.links) {
      choose_from(link.to_run, &World::read_link, static_cast<std::size_t>(number));
    }
    const bool input_left =
        side.fed < scenario_.tasks ? side.run.wants_input() : !side.run.dispatcher().input_ended();
    if (input_left) choose(&World::feed, 0);
  } else if (restart_ventilator_ != never) {
    choose_at(restart_ventilator_, &World::start_ventilator, 0);
  }
  for (std::size_t i = 0; i < stations_.size(); ++i) collect_of_station(i);
  if (sink_->alive) {
    if (sink_->control.is_cut_off()) {
      choose_at(sink_->control.found, &World::find_cut_sink, 0);
    } else if (sink_->control.link < 0 && side.alive) {
      choose(&World::connect_sink, 0);
    }
    choose_from(sink_->control.inbox, &World::read_sink_control, 0);
    if (sink_->collector.begun() && (sink_->has_read || sink_->store.backlog() > 0))
      choose(&World::make_safe, 0);
  } else if (restart_sink_ != never && !complete() && !doomed_) {
    choose_at(restart_sink_, &World::start_sink, 0);
  }
}

void World::let_time_pass() {
  Time next = wake_;
  if (ventilator_->alive) next = std::min(next, ventilator_->run.next_tick());
  if (sink_->alive) next = std::min(next, sink_->collector.next_tick());
  for (const auto& station : stations_) {
    if (station->alive) next = std::min(next, station->machine.next_tick());
  }
  if (next == never) violated("6: nobody has anything to do any more");
  if (next > beginning + longest_run + jumped_) violated("6: there is no end to it");
  now_ = std::max(now_, next);
  if (ventilator_->alive) settle_ventilator();
  if (sink_->alive) settle_sink();
  for (const auto& station : stations_) {
    if (station->alive) settle(*station);
  }
}

bool World::complete() const {
  return ventilator_->end && (ventilator_->end->status == 0 || ventilator_->end->status == 1) &&
         !ventilator_->stopped;
}

bool World::over() const {
  if (!complete() && !doomed_) return false;
  // Where there is nothing to be saved, those who are left hear of it and end.
  if (ventilator_->alive) return false;
  // Who knows nothing of this run may wait for the next one.
  if (sink_->alive && (sink_->collector.begun() || !sink_->control.inbox.queue.empty())) return false;
  return std::none_of(stations_.begin(), stations_.end(),
                      [](const auto& one) { return one->alive && !one->control.inbox.queue.empty(); });
}

bool World::step() {
  now_ += microseconds(10);
  ++steps_;
  if (steps_ > most_steps) violated("6: there is no end to it");
  draw_faults();
  if (over()) return false;
  collect_choices();
  if (choices_.empty()) {
    let_time_pass();
  } else {
    const Choice choice = choices_[below(choices_.size())];
    (this->*choice.what)(choice.which);
  }
  check_step();
  return true;
}

// --- promises

void World::check_step() {
  const bool disturbed =
      scenario_.poison > 0 || std::any_of(faults_.begin(), faults_.end(),
                                          [](const Fault& fault) { return fault.what >= first_harsh; });
  if (ventilator_->alive) ledger_.check(ventilator_->run, disturbed);
  if (sink_->alive) ledger_.check(sink_->collector, disturbed);
}

// At the ventilator's word that the run is complete.
void World::check_end() const {
  const auto of_run = disk_.outcomes.find(ventilator_->run.id());
  const std::uint64_t stored = of_run == disk_.outcomes.end() ? 0 : of_run->second.size();
  if (stored != scenario_.tasks) violated("1: a complete end, and an outcome is missing");
  std::uint64_t counts[3] = {};
  TaskId next = 0;
  for (const auto& [task, outcome] : of_run->second) {
    if (task != next++) violated("1: a complete end, and an outcome is missing");
    ++counts[static_cast<std::size_t>(outcome)];
    switch (scenario_.kind_of(scenario_.payload_number(task))) {
      case Scenario::Kind::well:
        if (outcome == Outcome::failed) violated("1: a task that went well counts as failed");
        break;
      case Scenario::Kind::fails:
        if (outcome == Outcome::ok) violated("1: a task that failed counts as ok");
        break;
      case Scenario::Kind::poison:
        if (outcome != Outcome::dead) violated("1: a task that nobody survived is not dead");
        break;
      case Scenario::Kind::flaky:
        break;
    }
  }
  const auto& statement = ventilator_->run.statement();
  if (!statement || statement->tasks != scenario_.tasks || statement->ok != counts[0] ||
      statement->failed != counts[1] || statement->dead != counts[2]) {
    violated("1: the closing statement is not what is stored");
  }
}

}  // namespace fanmill::simulation
