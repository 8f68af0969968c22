#include <algorithm>
#include <cassert>
#include <csignal>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/core/collector.hpp>
#include <fanmill/roles/control_link.hpp>
#include <fanmill/roles/identity.hpp>
#include <fanmill/roles/keys.hpp>
#include <fanmill/roles/sink.hpp>
#include <fanmill/store/digest.hpp>
#include <fanmill/store/durable_store.hpp>
#include <fanmill/transport/binding.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/wire/results_reader.hpp>
#include <fanmill/work/short_turns.hpp>

namespace fanmill::roles {

namespace {

using core::Collector;

// Taken and not yet safe: above this, results wait where they are.
constexpr std::size_t most_backlog = std::size_t{4} << 20;
// Frames between two looks at everything else.
constexpr int frames_at_once = 64;
// Between the name of the key by which a failure came and the failure, where the collector holds it: it is a
// file's name, and has none.
constexpr char end_of_name = '\0';

// Joins a collector to sockets and a store. One thread.
class SinkLoop {
 public:
  SinkLoop(transport::Context& context, const SinkSettings& settings, store::Store& store, StopRequest& stop)
      : settings_(settings),
        store_(store),
        durable_(dynamic_cast<store::DurableStore*>(&store)),
        stop_(stop),
        results_(context, transport::Kind::pull, results_settings(settings)),
        control_(context, settings.connect, settings),
        collector_(hello(), settings.wait_timeout) {}

  RunReport run();

 private:
  static transport::SocketSettings results_settings(const SinkSettings& settings);
  wire::Hello hello();
  void bind(const Endpoint& endpoint);
  void bind_default();

  void collect();
  void obey_stop();
  void report_progress(Time now);
  void perform(Time now);
  void perform(const core::Say& action, Time) { control_.say(action.message); }
  void perform(const core::Tell& action, Time) { settings_.notice(action.severity, action.text); }
  void perform(const core::Finish& action, Time) { finish_ = action; }
  void perform(const Collector::Begin& action, Time now);
  void perform(const Collector::Announce& action, Time now);
  void perform(const Collector::StoreHeld& action, Time now);
  void perform(const Collector::StoreDead& action, Time now);
  void perform(const Collector::CloseStore& action, Time now);
  [[nodiscard]] bool takes_results() const;
  void wait(Time now);
  void read(Time now);
  void read_results();
  void take_frame(ByteView bytes, ByteView key_name, std::span<const ByteView> more = {});
  void take_result(const wire::ResultsHeader& header, const wire::ResultView& result);
  void set_aside(std::string frame, ByteView key_name);
  void take_early();
  void take(const wire::ResultsHeader& header, const wire::ResultView& result);
  void make_safe(Time now);
  void finish_store(bool complete);
  RunReport report();

  const SinkSettings& settings_;
  store::Store& store_;
  store::DurableStore* durable_;  // the same store, if it is one
  StopRequest& stop_;
  std::vector<transport::Bound> bound_;  // goes after the socket that is bound there
  transport::Socket results_;
  ControlLink control_;
  Collector collector_;
  transport::Poller poller_;
  std::string delimiter_;  // of the run
  store::Digest digest_;
  wire::ResultsWriter writer_;
  wire::ResultsReader reader_;
  std::vector<transport::Message> more_;  // frames of the message that is being read
  std::vector<ByteView> views_;           // of them
  struct Early {
    std::string frame;
    std::string key_name;
  };
  std::vector<Early> early_;  // results of which the ventilator has not spoken yet, and marks behind them
  std::size_t early_bytes_ = 0;
  std::uint64_t questions_ = 0;  // when they were last tried
  store::SafeIds safe_;
  std::optional<core::Finish> finish_;
  bool store_open_ = false;
  bool results_waiting_ = false;
  std::size_t results_item_ = transport::Poller::nothing;
  std::uint64_t malformed_ = 0;
  Time began_ = never;
  Time progress_due_{};
  Time first_result_ = never;  // when it came
  Time last_safe_ = never;     // when one was last made safe
  int stop_level_ = 0;
};

transport::SocketSettings SinkLoop::results_settings(const SinkSettings& settings) {
  transport::SocketSettings result;
  result.receive_limit = 16;
  result.key = settings.key;
  // A result has its item beside it where that is asked for, and both may be as long as is allowed.
  result.max_message = 2 * settings.max_message + wire::frame_slack;
  return result;
}

void SinkLoop::bind(const Endpoint& endpoint) {
  bound_.push_back(transport::bind_locked(results_, endpoint));
}

// By the way by which the ventilator is reached, so that whoever reaches it reaches us.
void SinkLoop::bind_default() {
  Endpoint endpoint = settings_.connect;
  switch (endpoint.scheme) {
    case Scheme::tcp: {
      endpoint.host = settings_.insecure || settings_.key ? "*" : "127.0.0.1";
      auto ports = transport::PortRange::following(settings_.connect.port);
      bound_.push_back({ports.bind(results_, endpoint.host), std::nullopt});
      return;
    }
    case Scheme::ipc:
      endpoint.path =
          endpoint.path.substr(0, endpoint.path.rfind('/')) + "/results-" + transport::random_name(8);
      break;
    case Scheme::inproc:
      endpoint.path += "-results-" + transport::random_name(8);
      break;
  }
  bind(endpoint);
}

wire::Hello SinkLoop::hello() {
  for (const Endpoint& endpoint : settings_.bind) bind(endpoint);
  if (bound_.empty()) bind_default();
  wire::Hello hello = introduce(wire::Role::sink, settings_.connect);
  hello.incarnation = Incarnation{transport::random_id()};
  for (const transport::Bound& one : bound_) {
    hello.results.push_back(to_pass_on(one.endpoint, settings_.advertise).text());
  }
  if (settings_.key) hello.results_key = settings_.key->public_key().text();
  hello.max_message = settings_.max_message;
  hello.has_store = durable_ != nullptr;
  hello.wants_item = settings_.wants_item;
  hello.wants_detail = settings_.wants_detail;
  return hello;
}

RunReport SinkLoop::run() {
  // Who reads our output wakes up where we run: before it does, the result is acknowledged.
  work::take_short_turns();
  try {
    collect();
  } catch (const Error& error) {
    collector_.leave(error.what());
    perform(Clock::now());
    throw;
  } catch (const store::PipeClosed&) {
    collector_.leave("nobody reads its output any more");
    perform(Clock::now());
    throw;
  } catch (...) {
    // Of a program that has us in it.
    collector_.leave("what takes its results has failed");
    perform(Clock::now());
    throw;
  }
  return report();
}

void SinkLoop::collect() {
  collector_.start(Clock::now());
  for (;;) {
    const Time now = Clock::now();
    obey_stop();
    collector_.tick(now);
    report_progress(now);
    perform(now);
    if (finish_) return;
    wait(now);
    read(Clock::now());
  }
}

void SinkLoop::obey_stop() {
  const int level = stop_.level();
  if (level == stop_level_) return;
  stop_level_ = level;
  const int signal = stop_.signal_number();
  if (level == 1 && collector_.begun() && !collector_.alone()) {
    // ^C reaches all programs of a terminal: the ventilator ends the run in order, and we with it. Another
    // signal may be for this one alone. Without a signal it is the ventilator in the same process that has
    // ended.
    if (signal != 0) settings_.notice(Severity::info, "the ventilator ends the run; once more to stop now");
    if (signal != 0 && signal != SIGINT) collector_.leave("asked to end");
    return;
  }
  collector_.leave("asked to end");
  perform(Clock::now());
  finish_ = core::Finish{128 + signal, ""};
}

void SinkLoop::report_progress(Time now) {
  if (!settings_.watch || now < progress_due_) return;
  settings_.watch(collector_.progress(now));
  progress_due_ = now + settings_.watch_period;
}

void SinkLoop::perform(Time now) {
  for (auto actions = collector_.take_actions(); !actions.empty(); actions = collector_.take_actions()) {
    for (const Collector::Action& action : actions) {
      std::visit([this, now](const auto& one) { perform(one, now); }, action);
    }
  }
}

void SinkLoop::perform(const Collector::Begin& action, Time now) {
  store_.begin(action.run, action.delimiter);
  delimiter_ = action.delimiter;
  store_open_ = true;
  began_ = now;
  first_result_ = last_safe_ = never;  // of this run
  digest_ = {};                        // likewise
  if (durable_ == nullptr) return;
  const store::SafeIds stored = durable_->stored();
  collector_.on_stored(stored.ok, stored.failed, stored.dead);
}

void SinkLoop::perform(const Collector::Announce& action, Time) {
  store::Announced answer;
  durable_->announce(action.first, action.keys, answer);
  collector_.on_announced(answer.bound, answer.fresh);
}

void SinkLoop::perform(const Collector::StoreHeld& action, Time) {
  const std::size_t end = action.frame.find(end_of_name);
  std::vector<wire::ResultView> results;
  auto header = wire::decode_results(ByteView(action.frame).substr(end + 1), results);
  assert(header && results.size() == 1);  // ours, see hold()
  header->key_name = ByteView(action.frame).substr(0, end);
  take(*header, results.front());
}

void SinkLoop::perform(const Collector::StoreDead& action, Time) {
  wire::ResultView result;
  result.id = action.dead.attempt.id;
  result.attempt = action.dead.attempt.attempt;
  result.outcome = Outcome::dead;
  result.detail = wire::Detail{};
  result.detail->cause = wire::Cause::lost;
  result.detail->error = action.dead.history;
  result.detail->item = action.dead.item;
  take({action.dead.run, LaneToken{}, "", false}, result);
}

void SinkLoop::take(const wire::ResultsHeader& header, const wire::ResultView& result) {
  store_.accept(header, result);
  // What is ok and has been kept whole is most, and is no news.
  if (result.outcome != Outcome::ok || result.detail) digest_.add(header, result);
}

void SinkLoop::perform(const Collector::CloseStore& action, Time) {
  store_open_ = false;
  if (durable_ != nullptr && action.count) durable_->set_count(*action.count);
  finish_store(action.complete);
  collector_.on_closed();
}

void SinkLoop::finish_store(bool complete) {
  store_.finish(complete);
  if (const std::string left = store_.left(); !left.empty()) settings_.notice(Severity::warning, left);
}

bool SinkLoop::takes_results() const {
  return collector_.collecting() && store_.backlog() < most_backlog && early_bytes_ < most_backlog;
}

void SinkLoop::wait(Time now) {
  poller_.clear();
  control_.watch(poller_);
  if (stop_level_ < 2) poller_.watch_readable(stop_.fd(stop_level_ + 1));
  results_item_ = takes_results() ? poller_.watch_readable(results_) : transport::Poller::nothing;
  if (store_open_) {
    if (store_.blocked_on() >= 0) poller_.watch_writable(store_.blocked_on());
    if (store_.watched() >= 0) poller_.watch_closed(store_.watched());
  }
  Time until = collector_.next_tick();
  if (settings_.watch) until = std::min(until, progress_due_);
  poller_.wait(now, results_waiting_ ? now : until);
}

void SinkLoop::read(Time now) {
  if (control_.ready(poller_)) {
    control_.read(collector_, now, [&] { perform(now); });
    perform(now);
  }
  // What was asked may have come together with the end: then the store is closed.
  if (collector_.collecting() && !early_.empty() && collector_.questions() != questions_) take_early();
  if (results_waiting_ || poller_.readable(results_item_)) read_results();
  make_safe(now);
  perform(now);
}

void SinkLoop::read_results() {
  results_waiting_ = false;
  for (int i = 0; i < frames_at_once && takes_results(); ++i) {
    const auto message = results_.receive(more_);
    if (!message) return;
    if (first_result_ == never) first_result_ = Clock::now();
    views_.clear();
    for (const transport::Message& frame : more_) views_.push_back(frame.view());
    take_frame(message->view(), message->key_name(), views_);
  }
  results_waiting_ = takes_results();
}

void SinkLoop::take_frame(ByteView bytes, ByteView key_name, std::span<const ByteView> more) {
  auto header = reader_.open(bytes, more, delimiter_);
  if (!header && header.flaw() == wire::Flaw::unknown_type) {
    if (const auto control = wire::decode_control(bytes)) {
      if (const auto* mark = std::get_if<wire::Mark>(&*control)) {
        if (early_.empty()) {
          collector_.on_mark(*mark);
        } else {
          set_aside(std::string(bytes), key_name);
        }
        return;
      }
    }
  }
  if (!header) {
    if (++malformed_ == 1) {
      settings_.notice(Severity::warning, "a message with results is not understood and was dropped: " +
                                              std::string(wire::name_of(header.flaw())));
    }
    return;
  }
  header->key_name = key_name;
  collector_.set_known(store_.known());
  std::size_t known = 0;  // of the results to come, those that the collector has said yes to
  for (;;) {
    const auto block = known == 0 ? reader_.next_block() : std::nullopt;
    if (block && store_.takes_block(*block)) {
      known = collector_.on_plain_results(*header, block->ids());
      if (known == block->ids().count()) {
        store_.accept_block(*header, *block);
        reader_.skip_block();
        known = 0;
        continue;
      }
    }
    auto piece = reader_.next();
    if (piece.empty()) return;
    while (!piece.empty()) {
      const std::size_t plain =
          known > 0 ? std::min(known, piece.size()) : collector_.on_plain_results(*header, piece);
      known -= std::min(known, plain);
      if (plain > 0) {
        store_.accept_neighbours(*header, piece.first(plain));
      } else {
        take_result(*header, piece.front());
      }
      piece = piece.subspan(std::max<std::size_t>(plain, 1));
    }
  }
}

void SinkLoop::take_result(const wire::ResultsHeader& header, const wire::ResultView& result) {
  const auto alone = [&] {
    writer_.begin(header);
    writer_.add(result);
    return std::string(writer_.take().view());
  };
  switch (collector_.on_result(header, result)) {
    case Collector::Verdict::store:
      take(header, result);
      break;
    case Collector::Verdict::hold:
      collector_.hold(result.id, result.attempt, std::string(header.key_name) + end_of_name + alone());
      break;
    case Collector::Verdict::wait:
      set_aside(alone(), header.key_name);
      break;
    case Collector::Verdict::drop:
      break;
  }
}

void SinkLoop::set_aside(std::string frame, ByteView key_name) {
  early_bytes_ += frame.size() + sizeof(Early);
  early_.push_back({std::move(frame), std::string(key_name)});
}

void SinkLoop::take_early() {
  questions_ = collector_.questions();
  const std::vector<Early> frames = std::exchange(early_, {});
  early_bytes_ = 0;
  for (const Early& one : frames) take_frame(one.frame, one.key_name);
}

void SinkLoop::make_safe(Time now) {
  if (!store_open_) return;
  const Time began = Clock::now();
  store_.flush(now);
  const Duration took = Clock::now() - began;
  safe_ = {};
  store_.take_safe(safe_);
  if (!safe_.empty()) last_safe_ = began + took;
  collector_.on_safe(Outcome::ok, safe_.ok);
  collector_.on_safe(Outcome::failed, safe_.failed);
  collector_.on_safe(Outcome::dead, safe_.dead);
  collector_.flush(now, took);
}

RunReport SinkLoop::report() {
  if (store_open_) finish_store(false);
  RunReport result;
  const core::Accounts& accounts = collector_.accounts();
  result.exit_code = finish_->status;
  const int signal = stop_.signal_number();
  if (signal != 0 && signal != SIGINT) result.exit_code = 128 + signal;
  if (began_ != never) {
    result.closing_line =
        closing_line({accounts.count().value_or(accounts.accepted()), accounts.accepted(Outcome::ok),
                      accounts.accepted(Outcome::failed), accounts.accepted(Outcome::dead),
                      accounts.duplicates(), Clock::now() - began_});
    result.digest = digest_.lines(settings_.shown_by);
    result.losses = digest_.losses();
    const std::uint64_t tasks = accounts.count().value_or(accounts.accepted());
    result.counters = {{"tasks", tasks},
                       {"ok", accounts.accepted(Outcome::ok)},
                       {"failed", accounts.accepted(Outcome::failed)},
                       {"dead", accounts.accepted(Outcome::dead)},
                       {"unfinished", tasks - std::min(tasks, accounts.accepted())},
                       {"duplicates", accounts.duplicates()},
                       {"outputs_cut", digest_.outputs_cut()},
                       {"received", accounts.received()},
                       {"stored", collector_.stored()},
                       {"retried", collector_.retried()},
                       {"held", collector_.held()},
                       {"rejected", accounts.rejected()},
                       {"stale_at_sink", collector_.stale()},
                       {"malformed_at_sink", malformed_}};
    if (first_result_ != never && last_safe_ != never) {
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(last_safe_ - first_result_);
      result.counters.emplace_back("microseconds", static_cast<std::uint64_t>(took.count()));
    }
  }
  return report_or_failure(*finish_, std::move(result));
}

}  // namespace

RunReport run_sink(const SinkSettings& settings, store::Store& store, StopRequest& stop) {
  transport::Context context;
  const auto gate = open_gate(context, settings);
  return run_sink(context, settings, store, stop);
}

RunReport run_sink(transport::Context& context, const SinkSettings& settings, store::Store& store,
                   StopRequest& stop) {
  return SinkLoop(context, settings, store, stop).run();
}

}  // namespace fanmill::roles
