// A station's loop, see world.hpp.

#include <algorithm>
#include <utility>

#include "planted.hpp"
#include "violation.hpp"
#include "world.hpp"

namespace fanmill::simulation {

using core::Station;

namespace {
constexpr std::string_view lane_prefix = "ipc:///lane-";

std::uint64_t payload_number(ByteView text) {
  return std::stoull(std::string(text.substr(text.find(' ') + 1)));
}
}  // namespace

// In the place of one that has gone, or (its own index) as the first of its line.
void World::start_station(std::size_t predecessor) {
  const std::size_t index = stations_.size();
  const bool slow = predecessor < index ? stations_[predecessor]->slow : below(3) == 0;
  if (predecessor < index) stations_[predecessor]->restart = never;
  wire::Hello hello;
  hello.reached = "ipc:///control";
  hello.name = "station " + std::to_string(index);
  hello.slots = scenario_.slots;
  hello.max_batch = scenario_.max_batch;
  hello.marks = true;
  stations_.push_back(
      std::make_unique<StationSide>(Station(hello, Duration::max(), [this] { return ++drawn_; })));
  StationSide& station = *stations_.back();
  station.index = index;
  station.slow = slow;
  if (ventilator_->alive) connect(station.control);
  station.machine.start(now_);
  settle(station);
}

void World::settle(StationSide& station) {
  station.machine.tick(now_);
  for (auto actions = station.machine.take_actions(); !actions.empty();
       actions = station.machine.take_actions()) {
    for (const Station::Action& action : actions) {
      std::visit([&](const auto& one) { perform(station, one); }, action);
    }
  }
}

void World::perform(StationSide& station, const core::Finish& action) {
  if (station.end) violated("a station has ended twice");
  station.end = action;
  gone(station);
}

// Its process has ended; somebody starts another one.
void World::gone(StationSide& station) {
  station.alive = false;
  disconnect(station.control);
  disconnect_lane(station);
  station.restart = now_ + std::chrono::microseconds(below(300000));
}

void World::perform(StationSide& station, const Station::OpenLane& action) {
  disconnect_lane(station);
  station.lane_events.queue.clear();
  if (!action.endpoint.starts_with(lane_prefix)) violated("a station was told of no lane");
  const LaneToken token{std::stoull(action.endpoint.substr(lane_prefix.size()))};
  station.last_lane = token;
  if (!ventilator_->alive || station.control.is_cut_off()) return;
  const auto lane = ventilator_->lanes.find(token);
  if (lane == ventilator_->lanes.end()) return;  // gone; a lane does not connect again
  lane->second.station = &station;
  station.lane = token;
  station.lane_events.push(Event::What::up);
}

void World::perform(StationSide& station, const Station::CloseLane&) {
  disconnect_lane(station);
  station.lane_events.queue.clear();
}

void World::perform(StationSide& station, const Station::OpenResults& action) {
  station.sink_endpoint = action.endpoint;
  station.results_connected = false;
  station.results_seen_up = false;
  station.results_events.queue.clear();
}

void World::perform(StationSide& station, const Station::SendMark& action) {
  station.outbox.push_front({wire::encode(action.mark), {}});
  if (may_send(station)) {
    // At once, as the loop does it; but for this the results that wait would be before the mark.
    Sent front = std::move(station.outbox.front());
    station.outbox.pop_front();
    send_to_sink(station, std::move(front.frame));
  }
}

// What it has begun to run cannot be taken back.
void World::perform(StationSide& station, const Station::TakeBack& action) {
  std::vector<TaskId> back;
  while (back.size() < action.most && !station.queued.empty()) {
    back.push_back(station.queued.back().id);
    station.queued.pop_back();
  }
  station.machine.on_taken_back(action.given, back, now_);
}

void World::connect_results(std::size_t i) {
  StationSide& station = *stations_[i];
  station.results_connected = true;
  std::erase_if(station.results, [](const ResultsLink& link) { return link.pipe.queue.empty(); });
  if (station.results.empty() || station.results.back().sink != sink_->number || below(2) == 0) {
    station.results.push_back({sink_->number, {}});
  }
  station.results_events.push(Event::What::up);
}

void World::read_control(std::size_t i) {
  StationSide& station = *stations_[i];
  const Event event = std::move(station.control.inbox.queue.front());
  station.control.inbox.queue.pop_front();
  if (event.what == Event::What::frame) {
    const auto message = wire::decode_control(event.frame);
    if (!message) violated("9: a station cannot read what it was sent");
    station.machine.on_control(*message, now_);
  } else if (event.what == Event::What::up) {
    station.machine.on_control_up(now_);
  } else {
    station.machine.on_control_down(now_);
  }
  settle(station);
}

void World::read_lane(std::size_t i) {
  StationSide& station = *stations_[i];
  const Event event = std::move(station.lane_events.queue.front());
  station.lane_events.queue.pop_front();
  if (event.what == Event::What::frame) {
    auto tasks = std::make_shared<Tasks>();
    tasks->frame = event.frame;
    const auto header = wire::decode_tasks(tasks->frame, tasks->tasks);
    if (!header) violated("9: a station cannot read its tasks");
    const bool taken = station.machine.on_tasks(*header, {tasks, tasks->tasks.list()}, now_);
    if (taken && header->token != station.last_lane) violated("7: a station took another lane's tasks");
  } else if (event.what == Event::What::up) {
    station.machine.on_lane_up(now_);
  } else {
    station.machine.on_lane_down(now_);
  }
  settle(station);
}

void World::read_results_events(std::size_t i) {
  StationSide& station = *stations_[i];
  const Event event = station.results_events.queue.front();
  station.results_events.queue.pop_front();
  station.results_seen_up = event.what == Event::What::up;
  if (station.results_seen_up) {
    station.machine.on_results_up(now_);
  } else {
    station.machine.on_results_down(now_);
  }
  settle(station);
}

void World::hand_to_runner(std::size_t i) {
  StationSide& station = *stations_[i];
  const std::size_t room =
      scenario_.slots + scenario_.runner_queue - station.queued.size() - station.running.size();
  const Station::Holding holding = station.machine.take(room);
  for (const wire::TaskView task : holding.tasks) {
    station.queued.push_back({{station.machine.run(), station.machine.token(), "", false},
                              task.id,
                              task.attempt,
                              payload_number(task.payload),
                              now_});
  }
}

void World::start_task(std::size_t i) {
  StationSide& station = *stations_[i];
  Running task = station.queued.front();
  station.queued.pop_front();
  task.ready = now_;
  if (station.slow) {
    const auto longest =
        std::chrono::duration_cast<std::chrono::microseconds>(scenario_.longest_task).count();
    task.ready += std::chrono::microseconds(below(1 + static_cast<std::uint64_t>(longest)));
  }
  station.running.push_back(task);
}

void World::finish_task(std::size_t i) {
  StationSide& station = *stations_[i];
  const auto first = below(station.running.size());
  std::size_t at = first;
  while (station.running[at].ready > now_) at = (at + 1) % station.running.size();
  const Running done = station.running[at];
  const Scenario::Kind kind = scenario_.kind_of(done.payload);
  if (kind == Scenario::Kind::poison) {
    kill_station(i);
    return;
  }
  station.running.erase(station.running.begin() + static_cast<std::ptrdiff_t>(at));
  wire::ResultView result{done.id, done.attempt, Outcome::ok, "out", std::nullopt};
  if (kind == Scenario::Kind::fails || (kind == Scenario::Kind::flaky && below(2) == 0)) {
    result.outcome = Outcome::failed;
    result.detail = wire::Detail{};
    result.detail->cause = wire::Cause::exit;
    result.detail->code = 1;
  }
  ledger_.ran(done.header.run, done.id, result.outcome);
  wire::ResultsWriter writer;
  writer.begin(done.header);
  writer.add(result);
  station.outbox.push_back({std::string(writer.take().view()), {{done.id, done.id}}});
}

// A connection that has broken unseen takes what is sent, and loses it without a word.
bool World::may_send(const StationSide& station) const {
  return station.results_connected || station.results_seen_up;
}

void World::send_to_sink(StationSide& station, std::string frame) {
  const bool lost = station.control.loses_up || sink_->control.loses_down;
  if (station.results_connected && !lost) station.results.back().pipe.push(std::move(frame));
}

void World::send_results(std::size_t i) {
  StationSide& station = *stations_[i];
  Sent front = std::move(station.outbox.front());
  station.outbox.pop_front();
  if (!station.machine.drop_results()) send_to_sink(station, std::move(front.frame));
  station.machine.on_sent(front.ids, now_);
  settle(station);
}

}  // namespace fanmill::simulation
