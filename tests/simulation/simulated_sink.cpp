// The sink's loop, see world.hpp.

#include <algorithm>
#include <span>
#include <utility>

#include "planted.hpp"
#include "violation.hpp"
#include "world.hpp"
#include <fanmill/base/error.hpp>

namespace fanmill::simulation {

using core::Collector;

// Over the same disk, with a new epoch.
void World::start_sink(std::size_t) {
  restart_sink_ = never;
  ++sinks_begun_;
  wire::Hello hello;
  hello.role = wire::Role::sink;
  hello.incarnation = Incarnation{++drawn_};
  hello.reached = "ipc:///control";
  hello.results = {"ipc:///results" + (scenario_.same_address ? "" : "-" + std::to_string(sinks_begun_))};
  hello.has_store = scenario_.store;
  sink_ = std::make_unique<SinkSide>(Collector(hello, Duration::max()),
                                     MemoryStore(disk_, scenario_.retry_failed, !scenario_.store));
  sink_->number = sinks_begun_;
  sink_->endpoint = hello.results.front();
  if (ventilator_->alive) connect(sink_->control);
  sink_->collector.start(now_);
  settle_sink();
}

void World::settle_sink() {
  Collector& collector = sink_->collector;
  if (!sink_->alive) return;
  collector.tick(now_);
  for (auto actions = collector.take_actions(); !actions.empty(); actions = collector.take_actions()) {
    for (const Collector::Action& action : actions) {
      std::visit([this](const auto& one) { perform_sink(one); }, action);
    }
  }
}

void World::perform_sink(const core::Say& action) {
  if (const auto* ack = std::get_if<wire::Ack>(&action.message)) ledger_.acknowledges(*ack);
  say(sink_->control, action.message);
}

void World::perform_sink(const core::Finish& action) {
  if (sink_->end) violated("the sink has ended twice");
  sink_->end = action;
  sink_gone();
}

void World::sink_gone() {
  sink_->alive = false;
  ledger_.results_lost();
  disconnect(sink_->control);
  for (const auto& station : stations_) {
    if (!station->results.empty() && station->results.back().sink == sink_->number) {
      disconnect_results(*station);
    }
    station->results.clear();
  }
  if (!scenario_.store && sink_->collector.begun()) {
    doomed_ = true;  // what it had in its memory is gone
  } else {
    restart_sink_ = now_ + std::chrono::microseconds(below(500000));
  }
}

void World::perform_sink(const Collector::Begin& action) {
  sink_->run = action.run;
  sink_->store.begin(action.run, action.delimiter);
  if (!scenario_.store) return;
  const store::SafeIds stored = sink_->store.stored();
  sink_->collector.on_stored(stored.ok, stored.failed, stored.dead);
}

void World::perform_sink(const Collector::Announce& action) {
  if (!scenario_.store) violated("a sink without a store was asked what it has");
  store::Announced answer;
  sink_->store.announce(action.first, action.keys, answer);
  sink_->collector.on_announced(answer.bound, answer.fresh);
}

void World::perform_sink(const Collector::StoreHeld& action) {
  std::vector<wire::ResultView> results;
  const auto header = wire::decode_results(action.frame, results);
  if (!header || results.size() != 1) violated("what was held cannot be read");
  take(*header, results.front());
}

void World::perform_sink(const Collector::StoreDead& action) {
  wire::ResultView result;
  result.id = action.dead.attempt.id;
  result.attempt = action.dead.attempt.attempt;
  result.outcome = Outcome::dead;
  result.detail = wire::Detail{};
  take({action.dead.run, LaneToken{}, "", false}, result);
}

void World::take(const wire::ResultsHeader& header, const wire::ResultView& result) {
  if (header.run != sink_->run) violated("7: a result of another run is stored");
  ledger_.stored(header.run, result);
  sink_->store.accept(header, result);
}

void World::perform_sink(const Collector::CloseStore& action) {
  if (sink_->store.backlog() > 0 && !planted(Bug::ack_before_commit)) {
    violated("3: the store is closed before all is safe");
  }
  const bool all = disk_.outcomes[sink_->run].size() == action.count;
  if (action.complete != all) violated("1: the sink is wrong about whether the run is complete");
  if (action.complete && action.count != scenario_.tasks && !ventilator_->stopped) {
    violated("1: the run is closed as complete, with another number of tasks than it has");
  }
  sink_->collector.on_closed();
}

void World::read_sink_control(std::size_t) {
  const Event event = std::move(sink_->control.inbox.queue.front());
  sink_->control.inbox.queue.pop_front();
  sink_->has_read = true;
  if (event.what == Event::What::frame) {
    const auto message = wire::decode_control(event.frame);
    if (!message) violated("9: the sink cannot read what it was sent");
    sink_->collector.on_control(*message, now_);
  } else if (event.what == Event::What::up) {
    sink_->collector.on_control_up(now_);
  } else {
    sink_->collector.on_control_down(now_);
  }
  settle_sink();
  take_early();
}

void World::read_results(std::size_t station_and_link) {
  StationSide& station = *stations_[station_and_link >> 8];
  ResultsLink& link = station.results[station_and_link & 255];
  const std::string frame = std::move(link.pipe.queue.front().frame);
  link.pipe.queue.pop_front();
  sink_->has_read = true;
  take_frame(frame);
  settle_sink();
}

void World::take_frame(const std::string& frame) {
  std::vector<wire::ResultView> results;
  const auto header = wire::decode_results(frame, results);
  if (!header) {
    const auto control = wire::decode_control(frame);
    if (!control || !std::holds_alternative<wire::Mark>(*control))
      violated("9: the sink cannot read a result");
    if (sink_->early.empty()) {
      sink_->collector.on_mark(std::get<wire::Mark>(*control));
    } else {
      sink_->early.push_back(frame);
    }
    return;
  }
  std::size_t plain = 0;
  for (std::span<const wire::ResultView> rest = results; !rest.empty();
       rest = rest.subspan(std::max<std::size_t>(plain, 1))) {
    plain = sink_->collector.on_plain_results(*header, rest);
    for (const wire::ResultView& result : rest.first(plain)) take(*header, result);
    if (plain > 0) continue;
    const wire::ResultView& result = rest.front();
    const auto verdict = sink_->collector.on_result(*header, result);
    if (verdict == Collector::Verdict::drop) continue;
    const auto alone = [&] {
      wire::ResultsWriter writer;
      writer.begin(*header);
      writer.add(result);
      return std::string(writer.take().view());
    };
    if (verdict == Collector::Verdict::wait) {
      sink_->early.push_back(alone());
    } else if (verdict == Collector::Verdict::store || planted(Bug::failure_stored_unasked)) {
      take(*header, result);
    } else {
      sink_->collector.hold(result.id, result.attempt, alone());
    }
  }
}

void World::take_early() {
  if (sink_->early.empty() || sink_->questions == sink_->collector.questions()) return;
  sink_->questions = sink_->collector.questions();
  for (const std::string& frame : std::exchange(sink_->early, {})) take_frame(frame);
  settle_sink();
}

void World::make_safe(std::size_t) {
  store::SafeIds safe;
  try {
    if (!planted(Bug::ack_before_commit) || below(2) == 0) sink_->store.flush(now_);
  } catch (const Error& error) {
    write_failed(error.what());
    return;
  }
  sink_->store.take_safe(safe);
  sink_->collector.on_safe(Outcome::ok, safe.ok);
  sink_->collector.on_safe(Outcome::failed, safe.failed);
  sink_->collector.on_safe(Outcome::dead, safe.dead);
  sink_->collector.flush(now_);
  sink_->has_read = false;
  settle_sink();
}

// Fatal, and said.
void World::write_failed(const std::string& reason) {
  sink_->collector.leave(reason);
  for (const Collector::Action& action : sink_->collector.take_actions()) {
    if (const auto* said = std::get_if<core::Say>(&action)) say(sink_->control, said->message);
  }
  sink_gone();
}

}  // namespace fanmill::simulation
