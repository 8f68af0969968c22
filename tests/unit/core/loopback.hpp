#pragma once
// A whole pipeline in memory: a run, a collector and stations, joined by queues that break the way
// connections do. One step is one thing that one of their loops would do; which one is drawn from a seed, so
// that each seed is another interleaving. What is said over a connection arrives in order or, from some point
// on, not at all. Time stands still while anything can happen, and then jumps to the next moment at which
// somebody has something to do.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <fanmill/core/collector.hpp>
#include <fanmill/core/run.hpp>
#include <fanmill/core/station.hpp>

namespace fanmill::core::test {

class Loopback {
 public:
  struct Settings {
    std::uint64_t tasks = 1000;
    std::size_t stations = 3;
    std::uint32_t slots = 2;
    std::uint32_t max_batch = 2048;
    std::optional<std::uint32_t> prefetch;
    std::uint64_t fails = 0;  // each so-many-th task fails each time; 0: none
    std::uint32_t retries = 0;
    std::uint32_t seed = 1;
  };

  explicit Loopback(const Settings& settings);

  // False once all have ended. Throws std::logic_error where a promise is broken, or where nobody has
  // anything to do any more although not all have ended.
  bool step();
  void run() {
    while (step()) {
    }
  }

  // --- faults; those of a station that has ended do nothing
  void start_station();
  void kill(std::size_t station);
  void leave(std::size_t station);
  void break_control(std::size_t station);
  void break_lane(std::size_t station);
  void break_results(std::size_t station);
  void break_sink_control();
  void stop();

  // --- facts
  [[nodiscard]] std::size_t stations() const { return stations_.size(); }
  [[nodiscard]] bool alive(std::size_t station) const { return stations_[station]->alive; }
  [[nodiscard]] std::size_t alive() const;
  [[nodiscard]] const Run& ventilator() const { return run_; }
  [[nodiscard]] const Collector& sink() const { return collector_; }
  [[nodiscard]] const std::optional<Finish>& ventilator_end() const { return run_end_; }
  [[nodiscard]] const std::optional<Finish>& sink_end() const { return collector_end_; }
  [[nodiscard]] const std::optional<Finish>& station_end(std::size_t i) const { return stations_[i]->end; }
  [[nodiscard]] const std::map<TaskId, Outcome>& stored() const { return stored_; }
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  struct Down {};
  struct Up {};

  // A control connection as the ventilator sees it.
  struct Link {
    Run::From from;
    std::deque<std::variant<wire::Control, Down>> to_run;
  };
  // The other end of it.
  struct ControlEnd {
    int link = -1;  // −1: not connected
    std::deque<std::variant<wire::Control, Up, Down>> inbox;
  };

  struct Tasks {
    wire::TasksHeader header;
    std::deque<std::string> payloads;
    wire::TaskBatch tasks;  // views into payloads
  };
  struct Result {
    wire::ResultsHeader header;
    wire::ResultView result;
    std::shared_ptr<const void> owner;  // of what it looks at
  };
  using Sent = std::variant<Result, wire::Mark>;

  struct StationSide {
    explicit StationSide(Station station) : machine(std::move(station)) {}
    Station machine;
    bool alive = true;
    std::optional<Finish> end;
    ControlEnd control;
    LaneToken lane{};  // connected to it; 0: to none
    std::deque<std::variant<Up, std::shared_ptr<Tasks>, Down>> lane_events;
    std::vector<Result> running;
    std::deque<Sent> outbox;
    bool results_connected = false;  // as it is
    std::deque<std::variant<Up, Down>> results_events;
    std::deque<Sent> in_flight;
  };

  // --- the ventilator's loop
  void run_event(const Run::From* from, const wire::Control* message);
  void settle_run();
  void perform(const Run::SayTo& action);
  void perform(const Run::OpenLane& action);
  void perform(const Run::AwaitLane& action) { awaited_.insert(action.token); }
  void perform(const Run::CloseLane& action);
  void perform(const Finish& action);
  void perform(const Tell&) {}
  void feed();
  void end_ventilator();

  // --- a station's loop
  void settle(StationSide& station);
  void perform(StationSide& station, const Say& action) { say(station.control, action.message); }
  void perform(StationSide&, const Tell&) {}
  void perform(StationSide& station, const Finish& action);
  void perform(StationSide& station, const Station::OpenLane& action);
  void perform(StationSide& station, const Station::CloseLane& action);
  void perform(StationSide& station, const Station::OpenResults& action);
  void perform(StationSide& station, const Station::TakeBack& action) {
    station.machine.on_taken_back(action.given, {}, now_);
  }
  void perform(StationSide& station, const Station::SendMark& action) {
    station.outbox.emplace_front(action.mark);
  }
  void read_control(StationSide& station);
  void read_lane(StationSide& station);
  void read_results_events(StationSide& station);
  void start_task(StationSide& station);
  void finish_task(StationSide& station);
  void send_results(StationSide& station);

  // --- the sink's loop
  void settle_sink();
  void perform_sink(const Say& action);
  void perform_sink(const Tell&) {}
  void perform_sink(const Finish& action);
  void perform_sink(const Collector::Begin&) {}
  void perform_sink(const Collector::Announce&) { fail("a sink without a store was asked what it has"); }
  void perform_sink(const Collector::StoreHeld& action);
  void perform_sink(const Collector::StoreDead& action) { store(action.dead.attempt.id, Outcome::dead); }
  void perform_sink(const Collector::CloseStore& action);
  void read_results(StationSide& station);
  void store(TaskId id, Outcome outcome);
  void make_safe();

  // --- connections
  void connect(ControlEnd& end);
  void disconnect(ControlEnd& end);  // with what the other side has not read of it yet
  void say(ControlEnd& end, const wire::Control& message);
  void disconnect_lane(StationSide& station);
  // Loses the last messages of a queue, a number that is drawn.
  template <class Queue>
  void lose_some(Queue& queue);

  void collect_choices();
  void let_time_pass();
  [[noreturn]] void fail(const std::string& promise) const;

  Settings settings_;
  std::mt19937 random_;
  Time now_;
  std::uint64_t drawn_ = 0;

  Run run_;
  std::optional<Finish> run_end_;
  std::map<int, Link> links_;
  std::map<LaneToken, StationSide*> lanes_;  // bound; null: nobody has connected
  std::set<LaneToken> awaited_;
  std::uint64_t fed_ = 0;
  bool stopped_ = false;
  int last_link_ = 0;

  std::vector<std::unique_ptr<StationSide>> stations_;

  Collector collector_;
  std::optional<Finish> collector_end_;
  ControlEnd sink_control_;
  std::map<TaskId, Outcome> stored_;
  std::deque<TaskId> unsafe_;
  std::set<TaskId> safe_;
  bool sink_has_read_ = false;  // anything, since it was last flushed

  std::vector<std::function<void()>> choices_;
};

}  // namespace fanmill::core::test
