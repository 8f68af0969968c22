// The ventilator's loop, see world.hpp.

#include <algorithm>
#include <utility>

#include "planted.hpp"
#include "violation.hpp"
#include "world.hpp"

namespace fanmill::simulation {

using core::Run;

namespace {
constexpr std::string_view lane_prefix = "ipc:///lane-";

std::string payload_text(std::uint64_t number) {
  return "payload " + std::to_string(number);
}
}  // namespace

// Over the same input, whichever it is.
void World::start_ventilator(std::size_t) {
  Run::Settings settings;
  settings.dispatcher.prefetch = scenario_.prefetch;
  settings.dispatcher.retries = scenario_.retries;
  settings.dispatcher.retry_delay = scenario_.retry_delay;
  settings.dispatcher.window_tasks = scenario_.window;
  settings.delimiter = "\n";
  settings.address = "ipc:///control";
  ventilator_ = std::make_unique<VentilatorSide>(Run(settings, [this] { return ++drawn_; }));
  restart_ventilator_ = never;
  ++runs_begun_;
  ledger_.run_began(ventilator_->run.id());
  settle_ventilator();
}

void World::settle_ventilator() {
  VentilatorSide& side = *ventilator_;
  for (;;) {
    side.run.tick(now_);
    for (auto actions = side.run.take_actions(); !actions.empty(); actions = side.run.take_actions()) {
      for (const Run::Action& action : actions) {
        std::visit([this](const auto& one) { perform(one); }, action);
      }
    }
    if (side.end) {
      shut_ventilator();
      return;
    }
    await_lanes();
    core::Dispatcher::Handout handout;
    if (!side.run.next(handout)) return;
    hand_out(handout);
  }
}

void World::await_lanes() {
  VentilatorSide& side = *ventilator_;
  for (auto token = side.awaited.begin(); token != side.awaited.end();) {
    const auto lane = side.lanes.find(*token);
    if (lane != side.lanes.end() && (lane->second.station != nullptr || lane->second.silent)) {
      side.run.lane_usable(*token);
      token = side.awaited.erase(token);
    } else {
      ++token;
    }
  }
}

void World::hand_out(const core::Dispatcher::Handout& handout) {
  VentilatorSide& side = *ventilator_;
  const LaneToken token = side.run.token_of(handout.lane);
  ledger_.handed_out(token, handout.tasks(), scenario_.slots);
  const auto lane = side.lanes.find(token);
  if (lane == side.lanes.end() || (lane->second.station == nullptr && !lane->second.silent)) {
    ledger_.not_sent(handout.tasks());
    side.run.lane_broken(handout);
    return;
  }
  wire::TasksWriter writer;
  writer.begin({side.run.id(), token});
  for (const wire::TaskBlock& block : handout.blocks) writer.add(block);
  std::string frame(writer.take().view());
  if (stray_.empty() || below(4) == 0) {
    stray_ = frame;
    stray_lane_ = token;
  }
  StationSide* station = lane->second.station;
  if (station != nullptr && !station->control.loses_down) station->lane_events.push(std::move(frame));
}

void World::perform(const Run::SayTo& action) {
  if (const auto* dead = std::get_if<wire::Dead>(&action.message)) ledger_.said_dead(dead->attempt.id);
  const auto speaks_for = [&](const ControlEnd& end) {
    return end.link >= 0 && ventilator_->links.at(end.link).from.peer == action.peer;
  };
  const auto tell = [&](ControlEnd& end) {
    if (speaks_for(end) && !end.loses_down) end.inbox.push(wire::encode(action.message));
  };
  if (sink_) tell(sink_->control);
  for (const auto& station : stations_) tell(station->control);
}

void World::perform(const Run::OpenLane& action) {
  ventilator_->lanes[action.token] = {};
  ventilator_->run.lane_opened(
      action.token, std::string(lane_prefix) + std::to_string(static_cast<std::uint64_t>(action.token)));
}

void World::perform(const Run::CloseLane& action) {
  ledger_.lane_closed(action.token);
  ventilator_->awaited.erase(action.token);
  const auto lane = ventilator_->lanes.find(action.token);
  if (lane == ventilator_->lanes.end()) return;
  if (StationSide* station = lane->second.station) {
    loss_ = static_cast<std::uint32_t>(random_());
    lose_tail(station->lane_events);
    station->lane_events.push(Event::What::down);
    station->lane = LaneToken{};
  }
  ventilator_->lanes.erase(lane);
}

void World::perform(const core::Finish& action) {
  if (ventilator_->end) violated("the ventilator has ended twice");
  ventilator_->end = action;
  const auto& statement = ventilator_->run.statement();
  if (statement && statement->unfinished() > 0 && !ventilator_->stopped) {
    violated("1: the end comes before every task has its outcome");
  }
}

// The process has ended, in order or not: its connections are closed.
void World::shut_ventilator() {
  VentilatorSide& side = *ventilator_;
  side.alive = false;
  while (!side.lanes.empty()) perform(Run::CloseLane{side.lanes.begin()->first});
  if (sink_) disconnect(sink_->control);
  for (const auto& station : stations_) disconnect(station->control);
  if (complete()) {
    check_end();
  } else if (scenario_.store) {
    restart_ventilator_ = now_ + std::chrono::microseconds(below(500000));
  } else {
    doomed_ = true;
  }
}

void World::feed(std::size_t) {
  VentilatorSide& side = *ventilator_;
  if (side.fed == scenario_.tasks) {
    side.run.end_input(now_);
  } else {
    for (std::uint64_t i = 1 + below(100); i > 0 && side.fed < scenario_.tasks && side.run.wants_input();
         --i) {
      side.run.add(payload_text(scenario_.payload_number(side.fed++)));
    }
  }
  settle_ventilator();
}

void World::read_link(std::size_t number) {
  VentilatorSide& side = *ventilator_;
  Link& link = side.links.at(static_cast<int>(number));
  const Event event = std::move(link.to_run.queue.front());
  link.to_run.queue.pop_front();
  if (event.what == Event::What::down) {
    side.run.on_link_down(static_cast<int>(number), now_);
    side.links.erase(static_cast<int>(number));
  } else {
    const auto message = wire::decode_control(event.frame);
    if (!message) violated("9: the ventilator cannot read what it was sent");
    const std::uint64_t acknowledged = side.run.dispatcher().acknowledged();
    const std::uint64_t recalled = side.run.dispatcher().recalled();
    side.run.on_message(link.from, *message, now_);
    ledger_.heard(side.run, *message, acknowledged, recalled);
  }
  settle_ventilator();
}

}  // namespace fanmill::simulation
