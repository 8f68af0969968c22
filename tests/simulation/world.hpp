#pragma once
// A whole pipeline in memory: the production Run, Collector and Stations, a disk, and connections that break,
// lag and come back. One step is one thing that one of their loops would do; which one is drawn from the
// seed, so that each seed is another interleaving. What is said over a connection arrives in order or, where
// the connection breaks, not at all; between connections there is no order. Time stands still while anything
// can happen, and then jumps to the next moment at which somebody has something to do.
//
// Every frame is encoded and decoded as on a wire. Who dies is started again after a while, as a supervisor
// would. The Ledger watches.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fault.hpp"
#include "ledger.hpp"
#include "memory_store.hpp"
#include "scenario.hpp"
#include <fanmill/core/collector.hpp>
#include <fanmill/core/run.hpp>
#include <fanmill/core/station.hpp>

namespace fanmill::simulation {

class World {
 public:
  // With `replay`, those faults come and no others; else they are drawn.
  explicit World(const Scenario& scenario, const Faults* replay = nullptr);

  // False once all is over. Throws Violation where a promise is broken.
  bool step();
  void run() {
    while (step()) {
    }
  }
  void inflict(const Fault& fault);

  // --- facts
  [[nodiscard]] std::uint64_t steps() const { return steps_; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] std::size_t stations() const { return stations_.size(); }
  [[nodiscard]] bool alive(std::size_t station) const { return stations_[station]->alive; }
  // Of the last of each.
  [[nodiscard]] const core::Run& ventilator() const { return ventilator_->run; }
  [[nodiscard]] const core::Collector& sink() const { return sink_->collector; }
  [[nodiscard]] const std::optional<core::Finish>& ventilator_end() const { return ventilator_->end; }
  [[nodiscard]] const std::optional<core::Finish>& sink_end() const { return sink_->end; }
  [[nodiscard]] const std::optional<core::Finish>& station_end(std::size_t i) const {
    return stations_[i]->end;
  }
  [[nodiscard]] const Disk& disk() const { return disk_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] std::uint64_t runs_begun() const { return runs_begun_; }

 private:
  // What travels: a frame, or the news of a connection.
  struct Event {
    enum class What : std::uint8_t { frame, up, down } what{};
    std::string frame;
  };
  // One direction of a connection.
  struct Pipe {
    std::deque<Event> queue;
    Time late_until{};
    void push(std::string frame) { queue.push_back({Event::What::frame, std::move(frame)}); }
    void push(Event::What what) { queue.push_back({what, {}}); }
  };
  // A control connection as the ventilator sees it, and its other end.
  struct Link {
    core::Run::From from;
    Pipe to_run;
  };
  struct ControlEnd {
    int link = -1;  // −1: not connected
    Pipe inbox;
    // A partition: what is sent is lost, and nobody knows. Heartbeats find it at `found`.
    bool loses_up = false;    // on its way to others
    bool loses_down = false;  // on its way here
    Time found = never;
    [[nodiscard]] bool is_cut_off() const { return loses_up || loses_down; }
  };

  struct StationSide;
  struct Lane {
    StationSide* station = nullptr;  // connected to it
    bool silent = false;             // broken, and the ventilator has not seen it: what is sent is lost
  };
  struct VentilatorSide {
    explicit VentilatorSide(core::Run machine) : run(std::move(machine)) {}
    core::Run run;
    bool alive = true;
    std::optional<core::Finish> end;
    std::map<int, Link> links;
    std::map<LaneToken, Lane> lanes;
    std::set<LaneToken> awaited;
    std::uint64_t fed = 0;
    bool stopped = false;
  };

  struct Running {
    wire::ResultsHeader header;
    TaskId id = 0;
    std::uint32_t attempt = 0;
    std::uint64_t payload = 0;
    Time ready{};
  };
  struct Sent {
    std::string frame;
    std::vector<IdRange> ids;  // none: a mark
  };
  // A connection to a sink; an old one may still hold what was sent on it.
  struct ResultsLink {
    std::uint64_t sink = 0;  // which
    Pipe pipe;
  };
  struct Tasks {
    std::string frame;
    wire::TaskBatch tasks;
  };
  struct StationSide {
    explicit StationSide(core::Station station) : machine(std::move(station)) {}
    core::Station machine;
    std::size_t index = 0;
    bool alive = true;
    bool slow = false;
    bool replaced = false;
    Time restart = never;
    std::optional<core::Finish> end;
    ControlEnd control;
    LaneToken lane{};       // connected to it; 0: to none
    LaneToken last_lane{};  // told of
    Pipe lane_events;
    std::deque<Running> queued;  // handed to its runner, and not begun
    std::vector<Running> running;
    std::deque<Sent> outbox;
    std::string sink_endpoint;
    bool results_connected = false;  // as it is
    bool results_seen_up = false;    // as it was told
    Pipe results_events;
    std::vector<ResultsLink> results;  // the last one is the present one
  };
  struct SinkSide {
    SinkSide(core::Collector machine, MemoryStore its_store)
        : collector(std::move(machine)), store(std::move(its_store)) {}
    core::Collector collector;
    MemoryStore store;
    std::uint64_t number = 0;
    std::string endpoint;
    RunId run{};  // the one that began last
    bool alive = true;
    std::optional<core::Finish> end;
    ControlEnd control;
    bool has_read = false;  // anything, since it was last flushed
    // As the sink's own loop has them: what came before the question about its task, and marks behind it.
    std::vector<std::string> early;
    std::uint64_t questions = 0;
  };

  // --- the ventilator's loop
  void start_ventilator(std::size_t = 0);
  void settle_ventilator();
  void perform(const core::Run::SayTo& action);
  void perform(const core::Run::OpenLane& action);
  void perform(const core::Run::AwaitLane& action) { ventilator_->awaited.insert(action.token); }
  void perform(const core::Run::CloseLane& action);
  void perform(const core::Finish& action);
  void perform(const core::Tell&) {}
  void hand_out(const core::Dispatcher::Handout& handout);
  void feed(std::size_t);
  void read_link(std::size_t number);
  void shut_ventilator();
  void await_lanes();

  // --- a station's loop
  void start_station(std::size_t predecessor);
  void settle(StationSide& station);
  void perform(StationSide& station, const core::Say& action) { say(station.control, action.message); }
  void perform(StationSide&, const core::Tell&) {}
  void perform(StationSide& station, const core::Finish& action);
  void perform(StationSide& station, const core::Station::OpenLane& action);
  void perform(StationSide& station, const core::Station::CloseLane& action);
  void perform(StationSide& station, const core::Station::OpenResults& action);
  void perform(StationSide& station, const core::Station::SendMark& action);
  void perform(StationSide& station, const core::Station::TakeBack& action);
  void connect_station(std::size_t station) { connect(stations_[station]->control); }
  void connect_results(std::size_t station);
  void read_control(std::size_t station);
  void read_lane(std::size_t station);
  void read_results_events(std::size_t station);
  void hand_to_runner(std::size_t station);
  void start_task(std::size_t station);
  void finish_task(std::size_t station);
  void send_results(std::size_t station);
  void gone(StationSide& station);
  [[nodiscard]] bool may_send(const StationSide& station) const;
  void send_to_sink(StationSide& station, std::string frame);
  void find_cut_station(std::size_t station);

  // --- the sink's loop
  void start_sink(std::size_t = 0);
  void settle_sink();
  void perform_sink(const core::Say& action);
  void perform_sink(const core::Tell&) {}
  void perform_sink(const core::Finish& action);
  void perform_sink(const core::Collector::Begin& action);
  void perform_sink(const core::Collector::Announce& action);
  void perform_sink(const core::Collector::StoreHeld& action);
  void perform_sink(const core::Collector::StoreDead& action);
  void perform_sink(const core::Collector::CloseStore& action);
  void connect_sink(std::size_t) { connect(sink_->control); }
  void read_sink_control(std::size_t);
  void take_frame(const std::string& frame);
  void take_early();
  void read_results(std::size_t station_and_link);
  void take(const wire::ResultsHeader& header, const wire::ResultView& result);
  void make_safe(std::size_t);
  void write_failed(const std::string& reason);
  void find_cut_sink(std::size_t);
  void sink_gone();

  // --- connections
  void connect(ControlEnd& end);
  void disconnect(ControlEnd& end);  // with what the other side has not read of it yet
  void say(ControlEnd& end, const wire::Control& message);
  void break_control(StationSide& station);
  void break_lane(StationSide& station, bool silent);
  void break_results(StationSide& station);
  void break_sink_control();
  void disconnect_lane(StationSide& station);
  void disconnect_results(StationSide& station);
  // Loses the last messages of a pipe.
  void lose_tail(Pipe& pipe);

  // --- steps
  struct Choice {
    void (World::*what)(std::size_t) = nullptr;
    std::size_t which = 0;
  };
  void choose(void (World::*what)(std::size_t), std::size_t which) { choices_.push_back({what, which}); }
  void choose_at(Time when, void (World::*what)(std::size_t), std::size_t which);
  void choose_from(const Pipe& pipe, void (World::*what)(std::size_t), std::size_t which);
  void collect_choices();
  void collect_of_station(std::size_t index);
  void draw_faults();
  void let_time_pass();
  void check_step();
  void check_end() const;
  [[nodiscard]] bool over() const;
  [[nodiscard]] bool complete() const;  // the ventilator has ended, and well
  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  void delay(Pipe& pipe, std::uint32_t amount);
  void cut_off(ControlEnd& end, std::uint32_t amount);
  void double_frame(StationSide& station, std::uint32_t amount);
  void kill_station(std::size_t i);
  void kill_sink();
  void kill_ventilator();

  Scenario scenario_;
  const Faults* replay_;
  Faults faults_;
  std::size_t replayed_ = 0;
  std::mt19937 random_;
  std::mt19937 luck_;
  std::uint32_t loss_ = 0;  // of the fault that is happening
  Time now_;
  Duration jumped_{};  // by its clock
  Time wake_ = never;  // when something that is late arrives
  std::uint64_t steps_ = 0;
  std::uint64_t drawn_ = 0;
  std::uint64_t runs_begun_ = 0;
  std::uint64_t sinks_begun_ = 0;
  bool doomed_ = false;  // without a store, somebody has died that nobody can follow
  int last_peer_ = 0;

  Disk disk_;
  Ledger ledger_;
  std::unique_ptr<VentilatorSide> ventilator_;
  Time restart_ventilator_ = never;
  std::unique_ptr<SinkSide> sink_;
  Time restart_sink_ = never;
  std::vector<std::unique_ptr<StationSide>> stations_;
  std::string stray_;       // a message that some lane has carried
  LaneToken stray_lane_{};  // which
  std::vector<Choice> choices_;
};

}  // namespace fanmill::simulation
