#pragma once
// The ventilator's side of the protocol: who is here, who gets what, what is still owed, and when it is over.
//
// A worker's way: HELLO → a lane is bound for it → WELCOME → READY → the lane can be written to → tasks →
// LEAVING, BYE; or its control connection goes down, and what it held goes to the head of the queue. Every
// worker is named by the incarnation that it drew; the connection that it came over (`link`) and libzmq's
// name for that (`peer`) are how it is reached and how its death is noticed.
//
// Pure: events and `now` in, actions out. One thread.

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/action.hpp>
#include <fanmill/core/backoff.hpp>
#include <fanmill/core/dispatcher.hpp>
#include <fanmill/core/meter.hpp>
#include <fanmill/core/patience.hpp>
#include <fanmill/core/progress.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::core {

class Run {
 public:
  // Say this to one peer.
  struct SayTo {
    std::string peer;
    wire::Control message;
  };
  // Bind a lane for a worker that reached us by `reached`, and for its key alone, then call lane_opened or
  // lane_failed.
  struct OpenLane {
    LaneToken token{};
    std::string reached;
    std::string key_name{};
  };
  // The worker says that it is ready: call lane_usable once the lane can be written to.
  struct AwaitLane {
    LaneToken token{};
  };
  struct CloseLane {
    LaneToken token{};
  };
  using Action = std::variant<SayTo, Tell, Finish, OpenLane, AwaitLane, CloseLane>;

  struct Settings {
    Dispatcher::Settings dispatcher;
    std::size_t lane_bytes_inproc = Dispatcher::Limits().bytes;
    std::string delimiter;
    std::string separator{};       // between the columns of an item; empty: there are none
    std::string address;           // where workers and sinks connect, for people
    std::string address_word;      // the same, as it stands in a command line
    std::string worker_options{};  // what else they have to say for that, each with a blank before it
    std::string sink_options{};
    std::string host{};  // of this process, for people; and its pid
    std::uint64_t pid = 0;
    std::uint64_t max_message = wire::default_max_message;  // most bytes of an item
    Duration wait_timeout = Duration::max();
    std::optional<std::uint64_t> halt_after;  // failed tasks that end the run
    bool halt_now = false;                    // without waiting for what is out
  };

  // What the sink says at the end; or, without that, what has been acknowledged.
  struct Statement {
    std::uint64_t tasks = 0;
    std::uint64_t ok = 0;
    std::uint64_t failed = 0;
    std::uint64_t dead = 0;
    std::optional<std::uint64_t> duplicates{};  // none: not known
    [[nodiscard]] std::uint64_t unfinished() const { return tasks - std::min(tasks, ok + failed + dead); }
  };

  // Where a message came from: libzmq's name for the connection, and for a HELLO or ASK, or what is not
  // understood, its descriptor (−1 over inproc), the address of the other side ("" where there is none), and
  // the name of its key ("" without keys).
  struct From {
    std::string peer;
    int link = -1;
    std::string address{};
    std::string key_name{};
  };

  // `random` draws the names of run and lanes; it never gives 0.
  Run(Settings settings, std::function<std::uint64_t()> random);

  // --- events from connections
  void on_link_up(int link) { links_.insert(link); }
  void on_link_down(int link, Time now);  // only after all that had come over it has been given to on_message
  void on_message(const From& from, const wire::Control& message, Time now);
  // What is said to those of another version, whatever they want.
  [[nodiscard]] static wire::Refused other_version();
  void on_foreign_version(const From& from);  // a HELLO in another version of the protocol

  // --- events from the loop
  void lane_opened(LaneToken token, const std::string& endpoint);  // the endpoint as it is passed on
  void lane_failed(LaneToken token, const std::string& reason);
  void lane_usable(LaneToken token);
  // A batch could not be sent: its connection has gone, and the worker will say so.
  void lane_broken(const Dispatcher::Handout& handout);
  // Somebody else has connected to it too, and may have tasks; the loop closes it. The worker sees that, and
  // joins anew.
  void lane_shared(LaneToken token);
  void stop(Time now);                                         // read nothing more, finish what is out
  void abandon();                                              // end now, and tell everybody
  void on_malformed(const From& from, std::string_view flaw);  // a frame that could not be decoded
  void tick(Time now);
  [[nodiscard]] Time next_tick() const;

  // --- tasks
  [[nodiscard]] bool wants_input() const { return !over_ && dispatcher_.wants_input(); }
  void add(ByteView payload) { dispatcher_.add(payload); }
  void add(std::span<const ByteView> payloads, const Bytes& block) { dispatcher_.add(payloads, block); }
  // `partial`: there was more, and it cannot be read.
  void end_input(Time now, bool partial = false);
  // Nothing goes out before a sink is here: a worker may still be connected to one that waits for another
  // run.
  [[nodiscard]] bool next(Dispatcher::Handout& out) { return !over_ && sink_ && dispatcher_.next(out); }
  [[nodiscard]] LaneToken token_of(LaneIndex lane) const { return lane_tokens_[lane]; }

  [[nodiscard]] std::vector<Action> take_actions();

  // --- facts
  [[nodiscard]] RunId id() const { return id_; }
  [[nodiscard]] const Dispatcher& dispatcher() const { return dispatcher_; }
  [[nodiscard]] const std::optional<Statement>& statement() const { return statement_; }  // once it has ended
  [[nodiscard]] Statement so_far() const {
    return {dispatcher_.added(), outcomes_[0], outcomes_[1], outcomes_[2], {}};
  }
  [[nodiscard]] std::uint64_t stale() const { return stale_; }          // messages that changed nothing
  [[nodiscard]] std::uint64_t malformed() const { return malformed_; }  // frames that could not be decoded
  [[nodiscard]] std::size_t workers() const { return workers_.size(); }
  // How it is going: in short, and all of it (which takes a microsecond for each worker or two).
  [[nodiscard]] Progress progress(Time now) const;
  [[nodiscard]] wire::Status status(Time now) const;
  // Whether somebody who asks for its status now is to be answered: true so many times in each second.
  [[nodiscard]] bool may_answer(Time now);

 private:
  struct Worker {
    enum class Stage : std::uint8_t { opening, offered, ready, working, leaving };
    From from;
    wire::Hello hello;
    LaneToken token{};
    std::string lane;  // as it was told
    Stage stage = Stage::opening;
    std::optional<LaneIndex> index;  // in the dispatcher, once the lane is usable
    std::uint64_t held_mark = 0;     // of the last HELD
    std::uint64_t received = 0;      // with it
    IdSet held;                      // with it
    std::uint64_t marked = 0;        // the last mark that the sink has passed on
    Time seen{};                     // its last message
    std::string trouble{};           // what it says that it cannot do
    std::uint64_t lost = 0;          // attempts that came to nothing, under this name
    [[nodiscard]] std::string name() const;
  };
  struct Sink {
    From from;
    wire::Hello hello;
    std::vector<std::string> results;  // with the host filled in
    Time lost = never;                 // when its connection went down, if it has
    std::string peer_before;           // the same sink's connection before this one, or ""
    std::string leaving;               // why, once it has said so
    std::uint64_t queue = 0;           // results that are not safe, as it has said
    Duration took{};                   // to make results safe, lately
    Time seen{};                       // its last message
    [[nodiscard]] std::string name() const;
    [[nodiscard]] std::string end() const { return "the sink " + name() + " has ended: " + leaving; }
  };

  void on_hello(const From& from, const wire::Hello& hello, Time now);
  void on_worker(const From& from, const wire::Hello& hello, Time now);
  void on_sink(const From& from, const wire::Hello& hello, Time now);
  void on_ready(const From& from, const wire::Ready& ready);
  void on_leaving(const From& from, const wire::Leaving& leaving, Time now);
  void on_given(const From& from, const wire::Given& given);
  void recall();
  void on_ack(const From& from, const wire::Ack& ack, Time now);
  void on_ended(const From& from, const wire::Ended& ended);
  void on_fresh(const From& from, const wire::Fresh& fresh);
  void on_failed(const From& from, const wire::Failed& failed, Time now);
  void on_held(const From& from, const wire::Held& held);
  void on_marked(const From& from, const wire::Marked& marked);
  void on_backlog(const From& from, const wire::Backlog& backlog);
  void on_ask(const From& from, Time now);
  [[nodiscard]] static wire::WorkerStatus status_of(const Worker& worker, Time now);
  [[nodiscard]] wire::SinkStatus sink_status(Time now) const;
  [[nodiscard]] std::size_t workers_needed() const;
  void remember_gone(const Worker& worker, std::uint64_t lost);
  [[nodiscard]] std::uint64_t lost_before(const Worker& worker);
  void check_mark(Worker& worker);
  void adopt_sink(const From& from, const wire::Hello& hello, Time now);
  [[nodiscard]] std::string why_too_short(const wire::Hello& hello) const;  // empty: it is not
  void show_sink_to_workers();
  void ask_sink();
  void say_dead();
  void halt_if_due(Time now);
  [[nodiscard]] std::string history_of(TaskId id) const;
  void welcome(const Worker& worker);
  using Fate = Dispatcher::Fate;
  [[nodiscard]] static Fate fate_of(const Worker& worker);
  void forget(LaneToken token, Fate fate, const char* how);
  void dismiss_leavers();
  void check_end(Time now);
  void finish(int status, std::string why, bool by_peer = false);
  void stop_workers(std::size_t most);
  [[nodiscard]] wire::SinkPlace sink_for(const Worker& worker) const;
  [[nodiscard]] Worker* worker_of(const std::string& peer);
  [[nodiscard]] bool is_sink(const std::string& peer) const { return sink_ && sink_->from.peer == peer; }
  void say(const std::string& peer, wire::Control message);
  void tell(Severity severity, std::string text);

  Settings settings_;
  std::function<std::uint64_t()> random_;
  RunId id_;
  Dispatcher dispatcher_;
  std::set<int> links_;  // connections that are open now
  std::map<LaneToken, Worker> workers_;
  std::unordered_map<std::string, LaneToken> by_peer_;
  std::vector<LaneToken> lane_tokens_;  // by index in the dispatcher
  std::set<LaneToken> leavers_;         // said LEAVING, waiting for BYE
  std::optional<Sink> sink_;
  // For tasks that were with workers that died: these, in names_.
  std::map<TaskId, std::vector<std::uint32_t>> deaths_;
  std::vector<std::string> names_;
  bool halted_ = false;
  std::uint64_t kept_ = 0;  // failures that count
  Backoff burying_;         // DEAD, until it is acknowledged
  std::vector<ByteView> payloads_;
  bool owes_last_question_ = false;  // CHECK without keys, to a sink that has come
  Backoff ending_;                   // END, until it is answered
  Patience for_workers_;
  Patience for_sink_;
  bool stopped_ = false;
  bool partial_ = false;  // there was, or may have been, more input
  bool over_ = false;
  std::optional<Finish> last_;              // over_: what is asked for when all workers have been told
  std::vector<LaneToken> to_stop_;          // over_: those that have not
  std::vector<LaneToken> stopped_workers_;  // over_: those that were told last
  Time next_stop_ = never;                  // over_: when to go on, if these are still here
  std::optional<Statement> statement_;
  Time began_ = never;                       // the first tick
  std::array<std::uint64_t, 3> outcomes_{};  // acknowledged, by outcome
  Meter finished_;
  struct Gone {
    wire::WorkerStatus last;
    Time seen{};
  };
  std::deque<Gone> gone_;  // the last few workers whose connection went down
  Time answering_{};       // the second in which answers are counted
  int answers_ = 0;
  Time now_{};  // of the last event that has one
  std::uint64_t stale_ = 0;
  std::uint64_t malformed_ = 0;
  std::vector<Action> actions_;
};

}  // namespace fanmill::core
