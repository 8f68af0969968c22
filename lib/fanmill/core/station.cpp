#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include <fanmill/base/quantity.hpp>
#include <fanmill/core/station.hpp>

namespace fanmill::core {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {
constexpr auto patience_with_connections = seconds(3);
constexpr auto patience_with_tasks = seconds(3);
constexpr auto wait_for_another_lane = milliseconds(500);
}  // namespace

Station::Station(wire::Hello hello, Duration wait_timeout, std::function<std::uint64_t()> random, bool keep)
    : hello_(std::move(hello)),
      random_(std::move(random)),
      keep_(keep),
      calling_(milliseconds(100), seconds(2)),
      patience_(wait_timeout) {}

void Station::start(Time now) {
  call(now);
}

void Station::call(Time now) {
  state_ = State::calling;
  hello_.incarnation = Incarnation{random_()};
  token_ = LaneToken{};
  calling_.start(now);
  tick(now);
}

void Station::finish(int status, std::string why) {
  if (state_ == State::over) return;
  state_ = State::over;
  actions_.emplace_back(Finish{status, std::move(why), false});
}

void Station::on_control(const wire::Control& message, Time now) {
  if (state_ == State::over) return;
  if (const auto* welcome = std::get_if<wire::Welcome>(&message)) {
    on(*welcome, now);
  } else if (const auto* sink_at = std::get_if<wire::SinkAt>(&message)) {
    on(*sink_at, now);
  } else if (const auto* refused = std::get_if<wire::Refused>(&message)) {
    finish(4, "the ventilator at " + hello_.reached + " refused this worker: " + refused->reason);
  } else if (std::holds_alternative<wire::Stop>(message)) {
    if (keep_ && state_ == State::calling) return;
    stopped_ = state_ != State::leaving;
    finish(0, "");
  } else if (std::holds_alternative<wire::Bye>(message)) {
    if (state_ == State::leaving) finish(0, "");
  } else if (const auto* recall = std::get_if<wire::Recall>(&message)) {
    on(*recall, now);
  } else if (std::holds_alternative<wire::Who>(message)) {
    // A ventilator that was started anew. While calling, the HELLO that it asks for is on its way.
    on_control_down(now);
  }
}

void Station::on(const wire::Welcome& welcome, Time now) {
  // The answer to an earlier HELLO may have come first; then that lane is closed, and this one is ours.
  const bool another = welcome.token != token_;
  if (state_ == State::working && another) {
    rejoin(now);
    return;
  }
  if (state_ != State::calling && !(state_ == State::joining && another)) return;
  calling_.stop();
  state_ = State::joining;
  run_ = welcome.run;
  token_ = welcome.token;
  delimiter_ = welcome.delimiter;
  separator_ = welcome.separator;
  lane_ = welcome.lane;
  lane_up_ = false;
  ask_again_ = never;
  owes_mark_ = false;
  mark_ = 0;
  received_ = 0;
  recall_ = 0;
  if (complain_ == never && !complained_) complain_ = now + patience_with_connections;
  actions_.emplace_back(OpenLane{lane_});
  on(wire::SinkAt{welcome.sink}, now);
}

void Station::on(const wire::SinkAt& message, Time now) {
  if (state_ == State::idle || state_ == State::calling || state_ == State::rejoining) return;
  const wire::SinkPlace& place = message.sink;
  if (place.endpoint.empty()) return;
  const bool same = place.epoch == sink_.epoch && place.endpoint == sink_.endpoint;
  sink_ = place;
  if (!same) {
    results_up_ = false;
    complain_ = now + patience_with_connections;
    owes_mark_ = state_ == State::working || state_ == State::leaving;
    actions_.emplace_back(OpenResults{place.endpoint, place.key});
  }
  check_ready(now);
}

// The newest first: they would have to wait the longest. Who leaves has given back what waited.
void Station::on(const wire::Recall& recall, Time now) {
  if (state_ != State::working || recall.token != token_ || recall.number <= recall_) return;
  recall_ = recall.number;
  std::uint64_t left = recall.most;
  IdSet ids;
  while (left > 0 && !waiting_.empty()) {
    Holding& newest = waiting_.back();
    const std::size_t count = std::min<std::uint64_t>(left, newest.tasks.size());
    for (const IdRange& range : newest.tasks.last(count).ids()) ids.add(range);
    newest.tasks = newest.tasks.first(newest.tasks.size() - count);
    if (newest.tasks.empty()) waiting_.pop_back();
    left -= count;
  }
  wire::Given given{token_, recall.number, ids.ranges()};
  if (left > 0) {
    actions_.emplace_back(TakeBack{left, std::move(given)});
  } else {
    on_taken_back(std::move(given), {}, now);
  }
}

void Station::on_taken_back(wire::Given given, std::span<const TaskId> ids, Time now) {
  if (state_ == State::rejoining) {
    for (const TaskId id : ids) unsent_.remove({id, id});
    check_settled(now);
    return;
  }
  if (state_ != State::working || given.token != token_) return;
  IdSet all;
  for (const IdRange& range : given.ids) all.add(range);
  for (const TaskId id : ids) all.add({id, id});
  given.ids = all.ranges();
  for (const IdRange& range : given.ids) unsent_.remove(range);
  actions_.emplace_back(Say{std::move(given)});
}

void Station::on_lane_up(Time now) {
  lane_up_ = true;
  check_ready(now);
}

void Station::on_results_up(Time now) {
  results_up_ = true;
  check_ready(now);
  check_mark();
}

void Station::check_mark() {
  if (!owes_mark_ || !results_up_ || (state_ != State::working && state_ != State::leaving)) return;
  owes_mark_ = false;
  ++mark_;
  actions_.emplace_back(SendMark{{run_, token_, mark_}});
  actions_.emplace_back(Say{wire::Held{token_, mark_, received_, unsent_.ranges()}});
}

void Station::check_ready(Time now) {
  if (state_ != State::joining || !lane_up_ || !results_up_) return;
  state_ = State::working;
  complain_ = never;
  complained_ = false;
  static_cast<void>(patience_.check(false, now));
  actions_.emplace_back(Say{wire::Ready{token_}});
}

// Before it was up, nothing that was said has gone anywhere.
void Station::on_control_up(Time now) {
  if (state_ == State::calling) calling_.start(now);
}

void Station::on_control_down(Time now) {
  if (state_ == State::joining || state_ == State::working) rejoin(now);
  if (state_ == State::leaving) {
    unheard_ = true;
    check_settled(now);
  }
}

void Station::on_lane_down(Time now) {
  if (state_ == State::joining && !lane_up_) {
    // It does not reconnect, and who listens there may think that it was up: another one is needed.
    ask_again_ = now + wait_for_another_lane;
    actions_.emplace_back(CloseLane{});
    return;
  }
  lane_up_ = false;
  if (state_ == State::joining || state_ == State::working) rejoin(now);
  if (state_ == State::leaving) {
    // What was on its way to us is lost and cannot be given back: the ventilator takes it when we are gone.
    unheard_ = true;
    check_settled(now);
  }
}

void Station::on_results_down(Time now) {
  results_up_ = false;
  owes_mark_ = state_ == State::working || state_ == State::leaving;
  check_settled(now);
}

void Station::rejoin(Time now) {
  state_ = State::rejoining;
  complain_ = never;
  explain_ = now + patience_with_tasks;
  actions_.emplace_back(CloseLane{});
  drop_waiting();
  if (!unsent_.empty()) actions_.emplace_back(TakeBack{std::numeric_limits<std::uint64_t>::max(), {}});
  check_settled(now);
}

std::vector<IdRange> Station::drop_waiting(std::span<const TaskId> more) {
  IdSet dropped;
  for (const TaskId id : more) dropped.add({id, id});
  for (const Holding& holding : waiting_) {
    for (const IdRange& range : holding.tasks.ids()) dropped.add(range);
  }
  waiting_.clear();
  std::vector<IdRange> ranges = dropped.ranges();
  for (const IdRange& range : ranges) unsent_.remove(range);
  return ranges;
}

void Station::check_settled(Time now) {
  if (!unsent_.empty()) return;
  if (state_ == State::rejoining) call(now);
  if (state_ == State::leaving && unheard_) finish(0, "");
}

bool Station::on_tasks(const wire::TasksHeader& header, Holding holding, Time now) {
  const bool ours = header.run == run_ && header.token == token_;
  if (!ours || (state_ != State::working && state_ != State::leaving)) return false;
  ++received_;
  for (const IdRange& range : holding.tasks.ids()) unsent_.add(range);
  waiting_.push_back(std::move(holding));
  if (state_ == State::leaving) leave("", now);
  return true;
}

Station::Holding Station::take(std::size_t most) {
  if (waiting_.empty() || most == 0) return {};
  Holding& front = waiting_.front();
  Holding taken{front.owner, front.tasks.first(std::min(most, front.tasks.size()))};
  front.tasks = front.tasks.last(front.tasks.size() - taken.tasks.size());
  if (front.tasks.empty()) waiting_.pop_front();
  return taken;
}

void Station::on_sent(std::span<const IdRange> ids, Time now) {
  for (const IdRange& range : ids) unsent_.remove(range);
  check_settled(now);
}

void Station::leave(const std::string& reason, Time now, std::span<const TaskId> unstarted) {
  switch (state_) {
    case State::working:
    case State::leaving:
      state_ = State::leaving;
      actions_.emplace_back(Say{wire::Leaving{token_, drop_waiting(unstarted), reason}});
      break;
    case State::joining:
      actions_.emplace_back(Say{wire::Leaving{token_, {}, reason}});
      finish(0, "");
      break;
    case State::rejoining:
      state_ = State::leaving;
      unheard_ = true;
      drop_waiting(unstarted);
      check_settled(now);
      break;
    default:
      finish(0, "");
  }
}

namespace {
constexpr const char* over_ipc = "is it another user's, or in a directory that is closed to this one?";
bool is_ipc(std::string_view endpoint) {
  return endpoint.starts_with("ipc://");
}
}  // namespace

void Station::check_unreachable(Time now) {
  if (now < complain_ || state_ == State::calling) return;
  complain_ = never;
  std::string what;
  if (!lane_up_) {
    what = "cannot reach its lane " + lane_ + " though control works: " +
           (is_ipc(lane_) ? over_ipc : "a firewall? see --lane-ports of the ventilator");
  } else if (!sink_.endpoint.empty() && !results_up_) {
    what = "cannot reach the sink at " + sink_.endpoint + " though control works: " +
           (is_ipc(sink_.endpoint) ? over_ipc : "a firewall? see --bind and --advertise of the sink");
  } else {
    return;
  }
  complained_ = true;
  actions_.emplace_back(Tell{Severity::warning, what});
  actions_.emplace_back(Say{wire::Trouble{what}});
}

void Station::tick(Time now) {
  if (state_ == State::over) return;
  if (state_ == State::calling && calling_.due(now)) actions_.emplace_back(Say{hello_});
  check_unreachable(now);
  if (state_ == State::rejoining && now >= explain_) {
    explain_ = never;
    actions_.emplace_back(Tell{Severity::info,
                               "has lost the ventilator or its lane, and joins again when what runs here has "
                               "ended: " +
                                   format_count(unsent_.size(), "task")});
  }
  if (state_ == State::joining && now >= ask_again_) call(now);
  switch (patience_.check(state_ == State::calling, now)) {
    case Patience::Verdict::wait:
      break;
    case Patience::Verdict::say:
      actions_.emplace_back(Tell{Severity::info, "waiting for a ventilator at " + hello_.reached});
      break;
    case Patience::Verdict::give_up:
      finish(3, "no ventilator at " + hello_.reached + " within --wait-timeout");
  }
}

Time Station::next_tick() const {
  Time next = std::min(calling_.next(), patience_.next());
  if (state_ != State::calling) next = std::min(next, complain_);
  if (state_ == State::joining) next = std::min(next, ask_again_);
  if (state_ == State::rejoining) next = std::min(next, explain_);
  return next;
}

std::vector<Station::Action> Station::take_actions() {
  return std::exchange(actions_, {});
}

}  // namespace fanmill::core
