#include <algorithm>
#include <chrono>
#include <utility>

#include <fanmill/base/quantity.hpp>
#include <fanmill/core/run.hpp>

namespace fanmill::core {

using std::chrono::seconds;

namespace {
// A sink without a store that has lost its connection may come back on a new one; its outcomes are in its
// memory.
constexpr auto sink_grace = seconds(2);
// Processes that end all at once take the processors from whoever has to tell the others: of 1,000 on two
// processors a fifth was cut off before STOP had gone out, and waited for another ventilator.
constexpr std::size_t most_stopped_at_once = 50;
constexpr auto wait_for_stopped = std::chrono::milliseconds(500);

std::string_view scheme_of(std::string_view endpoint) {
  return endpoint.substr(0, endpoint.find(':'));
}

// What a peer says of itself, and what its key says of it.
std::string name_of(const wire::Hello& hello, const std::string& key_name) {
  const std::string own = !hello.name.empty() ? hello.name : hello.host + ":" + std::to_string(hello.pid);
  return key_name.empty() ? own : own + " (key " + key_name + ")";
}
}  // namespace

std::string Run::Worker::name() const {
  return name_of(hello, from.key_name);
}
std::string Run::Sink::name() const {
  return name_of(hello, from.key_name);
}

Run::Run(Settings settings, std::function<std::uint64_t()> random)
    : settings_(std::move(settings)),
      random_(std::move(random)),
      id_(RunId{random_()}),
      dispatcher_(settings_.dispatcher),
      burying_(seconds(1), seconds(1)),
      ending_(seconds(1), seconds(1)),
      for_workers_(settings_.wait_timeout),
      for_sink_(settings_.wait_timeout) {}

void Run::say(const std::string& peer, wire::Control message) {
  actions_.emplace_back(SayTo{peer, std::move(message)});
}

void Run::tell(Severity severity, std::string text) {
  actions_.emplace_back(Tell{severity, std::move(text)});
}

Run::Worker* Run::worker_of(const std::string& peer) {
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() ? nullptr : &workers_.at(found->second);
}

// --- joining

void Run::on_message(const From& from, const wire::Control& message, Time now) {
  now_ = now;
  if (std::holds_alternative<wire::Ask>(message)) {
    on_ask(from, now);
    return;
  }
  if (const auto* hello = std::get_if<wire::Hello>(&message)) {
    on_hello(from, *hello, now);
    return;
  }
  if (worker_of(from.peer) == nullptr && !is_sink(from.peer)) {
    say(from.peer, wire::Who{});
    return;
  }
  if (Worker* worker = worker_of(from.peer)) {
    worker->seen = now;
  } else {
    sink_->seen = now;
  }
  if (const auto* ack = std::get_if<wire::Ack>(&message)) {
    on_ack(from, *ack, now);
  } else if (const auto* ready = std::get_if<wire::Ready>(&message)) {
    on_ready(from, *ready);
  } else if (const auto* leaving = std::get_if<wire::Leaving>(&message)) {
    on_leaving(from, *leaving, now);
  } else if (const auto* given = std::get_if<wire::Given>(&message)) {
    on_given(from, *given);
  } else if (const auto* ended = std::get_if<wire::Ended>(&message)) {
    on_ended(from, *ended);
  } else if (const auto* fresh = std::get_if<wire::Fresh>(&message)) {
    on_fresh(from, *fresh);
  } else if (const auto* failed = std::get_if<wire::Failed>(&message)) {
    on_failed(from, *failed, now);
  } else if (const auto* held = std::get_if<wire::Held>(&message)) {
    on_held(from, *held);
  } else if (const auto* marked = std::get_if<wire::Marked>(&message)) {
    on_marked(from, *marked);
  } else if (const auto* backlog = std::get_if<wire::Backlog>(&message)) {
    on_backlog(from, *backlog);
  } else if (const auto* trouble = std::get_if<wire::Trouble>(&message)) {
    Worker* worker = worker_of(from.peer);
    if (worker != nullptr) worker->trouble = trouble->text;
    tell(Severity::warning,
         (worker != nullptr ? "worker " + worker->name() : "sink " + sink_->name()) + ": " + trouble->text);
  } else {
    ++stale_;  // a message that only a ventilator says
  }
}

wire::Refused Run::other_version() {
  return {"it speaks another version of the protocol; this ventilator speaks version 1"};
}

void Run::on_foreign_version(const From& from) {
  say(from.peer, other_version());
}

// Said for the first of them, then for each tenfold: a peer that sends nothing else must not fill a log.
void Run::on_malformed(const From& from, std::string_view flaw) {
  ++malformed_;
  std::uint64_t power = 1;
  while (power * 10 <= malformed_) power *= 10;
  if (power != malformed_) return;
  const Worker* worker = worker_of(from.peer);
  std::string who = worker != nullptr ? "worker " + worker->name() : "a peer";
  if (worker == nullptr && !from.address.empty()) who += " at " + from.address;
  tell(Severity::warning, who + " sent a message that is not understood and was dropped (" +
                              std::string(flaw) + "); " + std::to_string(malformed_) + " so far");
}

void Run::on_hello(const From& from, const wire::Hello& hello, Time now) {
  // A HELLO whose connection has gone already would make a ghost: nothing would ever tell of its death.
  if (from.link >= 0 && links_.count(from.link) == 0) return;
  if (over_) {
    say(from.peer,
        hello.role == wire::Role::worker ? wire::Control{wire::Stop{}} : wire::Control{wire::Bye{}});
    return;
  }
  if (hello.role == wire::Role::worker) {
    on_worker(from, hello, now);
  } else {
    on_sink(from, hello, now);
  }
}

void Run::on_worker(const From& from, const wire::Hello& hello, Time now) {
  if (const Worker* known = worker_of(from.peer)) {
    if (known->hello.incarnation == hello.incarnation) {
      if (known->stage != Worker::Stage::opening)
        welcome(*known);  // it has not heard us; the same answer again
      return;
    }
    forget(known->token, Fate::left, "has joined anew");
  }
  // The descriptor of a connection that is gone was given to this one: whoever had it is gone, too.
  if (from.link >= 0) {
    for (const auto& [token, worker] : workers_) {
      if (worker.from.link != from.link) continue;
      forget(token, fate_of(worker), "has gone");
      break;
    }
  }
  if (const std::string why = why_too_short(hello); !why.empty()) {
    tell(Severity::warning, "worker " + name_of(hello, from.key_name) + " refused: " + why);
    say(from.peer, wire::Refused{why});
    return;
  }
  Worker worker;
  worker.from = from;
  worker.hello = hello;
  worker.token = LaneToken{random_()};
  worker.seen = now;
  worker.lost = lost_before(worker);
  by_peer_[from.peer] = worker.token;
  actions_.emplace_back(OpenLane{worker.token, hello.reached, from.key_name});
  workers_.emplace(worker.token, std::move(worker));
}

void Run::lane_opened(LaneToken token, const std::string& endpoint) {
  const auto found = workers_.find(token);
  if (found == workers_.end()) return;
  found->second.lane = endpoint;
  found->second.stage = Worker::Stage::offered;
  welcome(found->second);
}

void Run::lane_failed(LaneToken token, const std::string& reason) {
  const auto found = workers_.find(token);
  if (found == workers_.end()) return;
  tell(Severity::warning, "worker " + found->second.name() + " refused: " + reason);
  say(found->second.from.peer, wire::Refused{reason});
  by_peer_.erase(found->second.from.peer);
  workers_.erase(found);
}

void Run::welcome(const Worker& worker) {
  say(worker.from.peer, wire::Welcome{id_, settings_.delimiter, settings_.separator, worker.lane,
                                      worker.token, sink_for(worker), 0});
}

wire::SinkPlace Run::sink_for(const Worker& worker) const {
  if (!sink_) return {};
  wire::SinkPlace place{"", sink_->hello.results_key, sink_->hello.incarnation, sink_->hello.wants_item,
                        sink_->hello.wants_detail};
  // By the transport that the worker came by; else by one that goes further.
  const std::string_view own = scheme_of(worker.hello.reached);
  for (const std::string_view scheme :
       {own, own == "inproc" ? std::string_view("ipc") : own, std::string_view("tcp")}) {
    for (const std::string& endpoint : sink_->results) {
      if (place.endpoint.empty() && scheme_of(endpoint) == scheme) place.endpoint = endpoint;
    }
  }
  return place;
}

void Run::on_sink(const From& from, const wire::Hello& hello, Time now) {
  // Its incarnation is no secret: every worker is told.
  if (sink_ && sink_->from.key_name != from.key_name) {
    tell(Severity::warning,
         name_of(hello, from.key_name) + " says that it is the sink, which has another key");
    say(from.peer, wire::Refused{"this run has a sink already, with another key: " + sink_->name()});
    return;
  }
  if (sink_ && sink_->hello.incarnation == hello.incarnation) {
    adopt_sink(from, hello, now);
    return;
  }
  const bool can_follow = !sink_ || (sink_->lost != never && sink_->hello.has_store && hello.has_store);
  if (!can_follow) {
    say(from.peer, wire::Refused{"this run has a sink already, " + sink_->name()});
    return;
  }
  if (const std::string why = why_too_short(hello); !why.empty()) {
    tell(Severity::warning, "sink " + name_of(hello, from.key_name) + " refused: " + why);
    say(from.peer, wire::Refused{why});
    return;
  }
  if (sink_) {
    tell(Severity::info, "the sink " + name_of(hello, from.key_name) + " takes over from " + sink_->name());
  }
  adopt_sink(from, hello, now);
}

// Who is sent more than it takes loses its connection, and again when that is sent again.
std::string Run::why_too_short(const wire::Hello& hello) const {
  const auto shorter = [&hello](const std::string& than, std::uint64_t size) {
    return "it takes messages up to " + format_size(hello.max_message) + ", and " + than + " may send " +
           format_size(size) + ": all programs of a run need the same --max-message";
  };
  if (hello.max_message < settings_.max_message) return shorter("the ventilator", settings_.max_message);
  if (hello.role == wire::Role::sink) {
    for (const auto& [token, worker] : workers_) {
      if (hello.max_message < worker.hello.max_message) {
        return shorter("worker " + worker.name(), worker.hello.max_message);
      }
    }
  } else if (sink_ && sink_->hello.max_message < hello.max_message) {
    return "it may send messages of " + format_size(hello.max_message) + ", and the sink takes up to " +
           format_size(sink_->hello.max_message) + ": all programs of a run need the same --max-message";
  }
  return {};
}

// A new sink, another in its place, or the same one after its connection was lost.
void Run::adopt_sink(const From& from, const wire::Hello& hello, Time now) {
  const bool is_new = !sink_ || sink_->hello.incarnation != hello.incarnation;
  Sink sink;
  sink.from = from;
  sink.hello = hello;
  sink.seen = now;
  if (!is_new) {
    sink.queue = sink_->queue;
    sink.took = sink_->took;
    sink.leaving = sink_->leaving;
  }
  if (!is_new) sink.peer_before = sink_->from.peer == from.peer ? sink_->peer_before : sink_->from.peer;
  for (std::string endpoint : hello.results) {
    // A sink on another host that bound all its interfaces cannot know by which of them it is reached; we do.
    constexpr std::string_view unnamed = "tcp://:";
    if (endpoint.starts_with(unnamed) && !from.address.empty() && !from.address.starts_with("127.") &&
        from.address != "::1") {
      const bool bracketed = from.address.find(':') != std::string::npos;
      endpoint.insert(unnamed.size() - 1, bracketed ? "[" + from.address + "]" : from.address);
    }
    sink.results.push_back(std::move(endpoint));
  }
  sink_ = std::move(sink);
  say(from.peer,
      wire::Welcome{id_, settings_.delimiter, "", "", LaneToken{}, {}, dispatcher_.acknowledged()});
  // What it was asked or told before may have been lost with a connection, or with the sink before it.
  if (hello.has_store) {
    dispatcher_.check_everything();
    owes_last_question_ = true;
  }
  if (dispatcher_.dead_count() > 0) burying_.start(Time{});
  if (ending_.running()) ending_.start(Time{});
  if (is_new) show_sink_to_workers();
}

void Run::show_sink_to_workers() {
  std::vector<LaneToken> without_marks;
  for (const auto& [token, worker] : workers_) {
    if (worker.stage == Worker::Stage::opening) continue;
    const wire::SinkPlace place = sink_for(worker);
    if (place.endpoint.empty()) {
      tell(Severity::warning,
           "worker " + worker.name() + " came by " + std::string(scheme_of(worker.hello.reached)) +
               ", and the sink takes results by no such way; give the sink another --bind");
    }
    if (worker.index && !worker.hello.marks) {
      without_marks.push_back(token);
    } else {
      say(worker.from.peer, wire::SinkAt{place});
    }
  }
  // Such a worker cannot tell which results it has sent to the sink that is gone: it begins again.
  for (const LaneToken token : without_marks) {
    say(workers_.at(token).from.peer, wire::Who{});
    forget(token, Fate::left, "");
  }
}

void Run::on_ready(const From& from, const wire::Ready& ready) {
  Worker* worker = worker_of(from.peer);
  if (worker == nullptr || worker->token != ready.token || worker->stage != Worker::Stage::offered) {
    ++stale_;
    return;
  }
  worker->stage = Worker::Stage::ready;
  worker->trouble.clear();
  actions_.emplace_back(AwaitLane{worker->token});
}

void Run::lane_usable(LaneToken token) {
  const auto found = workers_.find(token);
  if (found == workers_.end() || found->second.stage != Worker::Stage::ready) return;
  Worker& worker = found->second;
  worker.stage = Worker::Stage::working;
  Dispatcher::Limits limits{.slots = worker.hello.slots, .max_batch = worker.hello.max_batch};
  if (scheme_of(worker.hello.reached) == "inproc") limits.bytes = settings_.lane_bytes_inproc;
  worker.index = dispatcher_.open(limits);
  if (lane_tokens_.size() <= *worker.index) lane_tokens_.resize(*worker.index + 1);
  lane_tokens_[*worker.index] = token;
}

// --- leaving

void Run::on_leaving(const From& from, const wire::Leaving& leaving, Time now) {
  if (is_sink(from.peer)) {
    // One that can, stays until what is out is finished; the connection of one that cannot is down in a
    // moment.
    sink_->leaving = leaving.reason.empty() ? "no reason given" : leaving.reason;
    stop(now);
    return;
  }
  Worker* worker = worker_of(from.peer);
  if (worker == nullptr || worker->token != leaving.token) {
    ++stale_;
    return;
  }
  if (worker->index) {
    dispatcher_.drain(*worker->index);
    dispatcher_.give_back(*worker->index, leaving.unstarted);
  }
  worker->stage = Worker::Stage::leaving;
  leavers_.insert(worker->token);
  dismiss_leavers();
}

// --- balance

void Run::recall() {
  while (const auto recall = dispatcher_.recall()) {
    const LaneToken token = token_of(recall->lane);
    say(workers_.at(token).from.peer, wire::Recall{token, recall->number, recall->most});
  }
}

void Run::on_given(const From& from, const wire::Given& given) {
  const Worker* worker = worker_of(from.peer);
  const bool ours = worker != nullptr && worker->token == given.token && worker->index;
  if (!ours || !dispatcher_.given(*worker->index, given.number, given.ids)) ++stale_;
}

void Run::dismiss_leavers() {
  for (auto leaver = leavers_.begin(); leaver != leavers_.end();) {
    const LaneToken token = *leaver++;
    const Worker& worker = workers_.at(token);
    if (worker.index && dispatcher_.held(*worker.index) > 0) continue;
    say(worker.from.peer, wire::Bye{});
    forget(token, Fate::left, "");
  }
}

// Whose connection is down. One that was about to leave may just have left: what it holds need not have
// killed it, nor have reached it.
Dispatcher::Fate Run::fate_of(const Worker& worker) {
  return worker.stage == Worker::Stage::leaving ? Fate::vanished : Fate::died;
}

// `how` tells people; empty where there is nothing to tell.
void Run::forget(LaneToken token, Fate fate, const char* how) {
  const auto found = workers_.find(token);
  const Worker& worker = found->second;
  std::vector<TaskId> lost;
  if (worker.index) dispatcher_.close(*worker.index, fate, &lost);
  if (fate != Fate::left) remember_gone(worker, lost.size());
  if (fate != Fate::left && !lost.empty()) {
    names_.push_back(worker.name() + (fate == Fate::vanished ? ", leaving," : ""));
    for (const TaskId id : lost) deaths_[id].push_back(static_cast<std::uint32_t>(names_.size() - 1));
    if (!burying_.running()) burying_.start(Time{});
  }
  if (*how != '\0') {
    tell(Severity::info, "worker " + worker.name() + " " + how +
                             (lost.empty() ? ""
                                           : "; " + format_count(lost.size(), "unfinished task") +
                                                 (lost.size() == 1 ? " goes" : " go") + " to others"));
  }
  actions_.emplace_back(CloseLane{token});
  leavers_.erase(token);
  by_peer_.erase(worker.from.peer);
  workers_.erase(found);
}

void Run::on_link_down(int link, Time now) {
  now_ = now;
  links_.erase(link);
  if (sink_ && sink_->from.link == link && sink_->lost == never) {
    sink_->lost = now;
    if (!sink_->leaving.empty()) finish(3, sink_->end(), true);
    if (!over_) tell(Severity::warning, "lost the connection to the sink " + sink_->name());
    // Where it is back already on the same descriptor, this was the end of its last connection: it says HELLO
    // again.
    say(sink_->from.peer, wire::Who{});
    // Two HELLOs may be read in another order than their connections were made in: then this one was the
    // older.
    if (!sink_->peer_before.empty()) say(sink_->peer_before, wire::Who{});
  }
  for (const auto& [token, worker] : workers_) {
    if (worker.from.link != link) continue;
    forget(token, fate_of(worker), over_ ? "" : "has gone");
    break;
  }
}

void Run::lane_broken(const Dispatcher::Handout& handout) {
  dispatcher_.unsent(handout);
  dispatcher_.drain(handout.lane);
}

void Run::lane_shared(LaneToken token) {
  const auto found = workers_.find(token);
  if (found == workers_.end()) return;
  const Worker& worker = found->second;
  if (worker.index) dispatcher_.drain(*worker.index);
  tell(Severity::warning,
       "somebody else has connected to the lane of worker " + worker.name() + ", which gets another one");
}

// --- time and the end

void Run::finish(int status, std::string why, bool by_peer) {
  if (over_) return;
  over_ = true;
  for (const auto& [token, worker] : workers_) to_stop_.push_back(token);
  last_ = Finish{status, std::move(why), by_peer};
  stop_workers(most_stopped_at_once);
}

void Run::abandon() {
  finish(3, "");
  stop_workers(to_stop_.size());
}

void Run::stop_workers(std::size_t most) {
  stopped_workers_.clear();
  for (; most > 0 && !to_stop_.empty(); to_stop_.pop_back()) {
    const auto found = workers_.find(to_stop_.back());
    if (found == workers_.end()) continue;
    say(found->second.from.peer, wire::Stop{});
    stopped_workers_.push_back(found->first);
    --most;
  }
  next_stop_ = now_ + wait_for_stopped;
  if (!to_stop_.empty() || !last_) return;
  // Not before: workers that have lost their sink try it again and again.
  if (sink_) say(sink_->from.peer, wire::Bye{});
  actions_.emplace_back(*std::exchange(last_, {}));
}

void Run::tick(Time now) {
  if (began_ == never) {
    began_ = now;
    finished_.start(now);
  }
  now_ = now;
  if (over_) {
    const bool are_gone = std::none_of(stopped_workers_.begin(), stopped_workers_.end(),
                                       [this](LaneToken token) { return workers_.contains(token); });
    if (last_ && (are_gone || now >= next_stop_)) stop_workers(most_stopped_at_once);
    return;
  }
  halt_if_due(now);
  check_end(now);
  if (sink_ && ending_.due(now)) {
    say(sink_->from.peer, wire::End{id_, dispatcher_.added(), stopped_, partial_});
  }
  dispatcher_.wake(now);
  recall();
  ask_sink();
  if (sink_ && burying_.due(now)) say_dead();
  const bool sink_is_lost = sink_ && sink_->lost != never;
  if (sink_is_lost && !sink_->hello.has_store && now - sink_->lost >= sink_grace) {
    finish(3, "the sink " + sink_->name() +
                  " is gone, and with it the results that it had; "
                  "nothing of this run can be completed");
    return;
  }
  switch (for_sink_.check(!sink_ || sink_is_lost, now)) {
    case Patience::Verdict::wait:
      break;
    case Patience::Verdict::say:
      tell(Severity::info,
           "waiting for a sink: fanmill-sink --connect " + settings_.address_word + settings_.sink_options);
      break;
    case Patience::Verdict::give_up:
      finish(3, "no sink came within --wait-timeout; it is started with: fanmill-sink --connect " +
                    settings_.address_word + settings_.sink_options);
      return;
  }
  const std::size_t needed = workers_needed();
  // Before there is a sink, workers that have joined wait for it as well.
  const std::size_t here = sink_ ? dispatcher_.open_lanes() : workers_.size();
  switch (for_workers_.check(here < needed && dispatcher_.pending() > 0 && !stopped_, now)) {
    case Patience::Verdict::wait:
      break;
    case Patience::Verdict::say:
      tell(Severity::info, (needed > 1 ? "waiting for workers, " + std::to_string(here) + " of " +
                                             std::to_string(needed) + " are here"
                                       : std::string("waiting for a worker")) +
                               ": fanmill-worker --connect " + settings_.address_word +
                               settings_.worker_options + " COMMAND");
      break;
    case Patience::Verdict::give_up:
      finish(3,
             (here > 0 ? std::to_string(here) + " of " + std::to_string(needed) + " workers" : "no worker") +
                 " came within --wait-timeout; one is started with: fanmill-worker --connect " +
                 settings_.address_word + settings_.worker_options + " COMMAND");
  }
}

Time Run::next_tick() const {
  if (over_) return last_ ? next_stop_ : never;
  Time next = std::min(for_workers_.next(), for_sink_.next());
  next = std::min(next, dispatcher_.next_wake());
  if (sink_) next = std::min({next, ending_.next(), burying_.next()});
  if (sink_ && sink_->lost != never && !sink_->hello.has_store)
    next = std::min(next, sink_->lost + sink_grace);
  return next;
}

std::vector<Run::Action> Run::take_actions() {
  return std::exchange(actions_, {});
}

}  // namespace fanmill::core
