#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/coprocess.hpp>
#include <fanmill/work/pipe.hpp>

namespace fanmill::work {

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;  // a pipe's capacity
// What is asked at a time, unless one item is larger: a pipe's capacity.
constexpr std::size_t most_asked = std::size_t{64} << 10;
// How long answers wait for the rest of their batch.
constexpr auto longest_hold = std::chrono::milliseconds(10);
// How long a process that has closed a pipe has to end by itself, so that it can be said how it did.
constexpr auto time_to_end = std::chrono::milliseconds(500);
constexpr std::size_t most_misfires = 5;
// Without any answer, people should know what it may be.
constexpr auto time_to_answer = std::chrono::seconds(10);

std::uint64_t microseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

std::string shown(const std::vector<std::string>& words) {
  constexpr std::size_t longest = 200;
  std::string text = fmt::format("{}", fmt::join(words, " "));
  if (text.size() > longest) text.replace(longest, std::string::npos, "…");
  return text;
}

// The last lines of what a process wrote to stderr, as one line.
std::string last_words(ByteView text) {
  constexpr std::size_t most_lines = 3;
  constexpr std::size_t longest = 500;
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  std::size_t begin = text.size();
  for (std::size_t line = 0; line < most_lines && begin != 0 && begin != ByteView::npos; ++line) {
    begin = text.rfind('\n', begin - 1);
  }
  if (begin != ByteView::npos) text.remove_prefix(begin == 0 ? 0 : begin + 1);
  if (text.size() > longest) text.remove_prefix(text.size() - longest);
  std::string words;
  for (const char c : text) {
    if (c == '\n') {
      words += " | ";
    } else {
      words += static_cast<unsigned char>(c) < ' ' || c == '\x7f' ? ' ' : c;
    }
  }
  return words;
}

}  // namespace

CoprocessRunner::CoprocessRunner(CommandLine command, const WorkSettings& settings)
    : command_(std::move(command)),
      shown_(shown(settings.words)),
      framing_(settings.framing),
      timeout_(settings.timeout),
      kill_after_(settings.kill_after),
      folder_(open_folder(settings.folder)),
      limits_(settings.limits),
      read_buffer_(read_size) {
  assert(settings.slots > 0 && settings.item == ItemGoes::to_coprocess);
  slots_.reserve(settings.slots);
  for (std::size_t index = 0; index < settings.slots; ++index) slots_.emplace_back(settings);
}

CoprocessRunner::~CoprocessRunner() {
  abandon();
  Time now = Clock::now();
  for (Slot& slot : slots_) {
    if (slot.state == State::absent || slot.state == State::ending) continue;
    slot.state = State::ending;
    slot.give_up = now + kill_after_;
    remind(slot.give_up);
    epoll_.remove_and_close(slot.items_pipe);
  }
  const auto is_there = [](const Slot& slot) { return slot.keeper.has_value(); };
  while (std::any_of(slots_.begin(), slots_.end(), is_there)) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next_due_ - now);
    static_cast<void>(epoll_.ready(next_due_ == never ? -1 : std::max(static_cast<int>(left.count()), 0)));
    now = Clock::now();
    handle_events(now);
    check_times(now);
  }
}

std::size_t CoprocessRunner::room() const {
  const std::size_t all = depth_.room(slots_.size());
  return all > running_ ? all - running_ : 0;
}

void CoprocessRunner::start(Handout handout, Time now) {
  const std::size_t count = handout.tasks.size();
  if (count == 0) return;
  running_ += count;
  queued_ += count;
  queue_.push_back({std::move(handout), {0, static_cast<std::uint32_t>(count)}});
  feed(now);
}

std::vector<TaskId> CoprocessRunner::take_back(std::size_t most) {
  std::vector<TaskId> back;
  while (back.size() < most && !queue_.empty()) {
    Queued& newest = queue_.back();
    --newest.span.last;
    back.push_back(newest.handout.tasks[newest.span.last].id);
    if (newest.span.count() == 0) queue_.pop_back();
  }
  queued_ -= back.size();
  running_ -= back.size();
  return back;
}

void CoprocessRunner::watch(int fd, std::uint32_t events, std::size_t index, Source source) const {
  epoll_.add(fd, events, index << 2 | static_cast<std::uint64_t>(source));
}

void CoprocessRunner::expect(int fd, std::uint32_t events, std::size_t index, Source source) const {
  epoll_.change(fd, events, index << 2 | static_cast<std::uint64_t>(source));
}

void CoprocessRunner::collect(Time now, std::vector<FinishedFrame>& finished) {
  handle_events(now);
  if (now >= next_due_) check_times(now);
  feed(now);
  if (!frame_.empty()) finished_.push_back(frame_.take());
  for (FinishedFrame& frame : finished_) {
    running_ -= frame.count;
    finished.push_back(std::move(frame));
  }
  finished_.clear();
}

void CoprocessRunner::handle_events(Time now) {
  for (const epoll_event& event : epoll_.ready()) {
    const std::uint64_t what = event.data.u64;
    const std::size_t index = what >> 2;
    Slot& slot = slots_[index];
    // What it is about may have gone a few events ago, in this very round.
    switch (static_cast<Source>(what & 3)) {
      case Source::answers:
        read_answers(index, now);
        break;
      case Source::errors:
        read_errors(slot);
        break;
      case Source::items:
        // Nobody reads any more: said of a pipe that is watched for nothing else, too.
        if ((event.events & EPOLLERR) != 0) {
          doubt(index, "the co-process has closed its stdin", now);
        } else if (slot.waits_to_write) {
          write_items(index, now);
        }
        break;
      case Source::keeper:
        hear(index, now);
        break;
    }
  }
}

void CoprocessRunner::check_times(Time now) {
  next_due_ = never;
  if (try_again_ <= now) try_again_ = never;
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.hold <= now) settle(index, now);
    if (slot.due <= now) {
      settle(index, now);
      Failure failure{.cause = wire::Cause::timeout,
                      .text = "timed out after " + format_duration(*timeout_) +
                              (answered_ ? "" : "; there was no answer to any item: is each one flushed?"),
                      .of_process = false};
      end(index, std::move(failure), How::politely, now);
    }
    if (slot.give_up <= now) {
      if (slot.state == State::doubtful) {
        settle(index, now);
        end(index, std::move(slot.failure), How::at_once, now);
      } else {
        slot.keeper->let_go();
        slot.give_up = never;
      }
    }
    remind(std::min({slot.hold, slot.due, slot.give_up}));
  }
  if (wonder_ <= now) {
    wonder_ = never;
    wondered_ = true;
    notice_ = fmt::format(
        "the co-process '{}' has answered nothing in {}; if it is done with its item, the answer may be in "
        "a buffer of its own: each one has to be flushed (python3 -u, sed -u, stdbuf -oL)",
        shown_, format_duration(time_to_answer));
  }
  remind(std::min(try_again_, wonder_));
}

// Those that are there already first.
void CoprocessRunner::feed(Time now) {
  for (const State state : {State::running, State::absent}) {
    for (std::size_t index = 0; index < slots_.size(); ++index) {
      if (queue_.empty()) return;
      if (slots_[index].state == state && slots_[index].is_idle()) feed_slot(index, now);
    }
  }
}

void CoprocessRunner::feed_slot(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  if (slot.state == State::absent && (try_again_ != never || !launch(index, now))) return;
  if (!take_batch(index, now)) return;
  slot.batch_began = slot.task_began = now;
  if (!answered_ && !wondered_ && wonder_ == never) {
    wonder_ = now + time_to_answer;
    remind(wonder_);
  }
  if (timeout_) {
    slot.due = now + *timeout_;
    remind(slot.due);
  }
  write_items(index, now);
}

bool CoprocessRunner::take_batch(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  slot.question.clear();
  slot.asked = 0;
  slot.heard = false;
  while (!queue_.empty()) {
    Queued& front = queue_.front();
    const std::size_t most = std::min(depth_.batch(queued_, slots_.size()), front.span.count());
    const auto tasks = front.handout.tasks.subspan(front.span.first, most);
    std::size_t count = 0;
    for (const wire::TaskView task : tasks) {
      if (count > 0 && slot.question.size() + task.payload.size() >= most_asked) break;
      if (const auto why = why_not_framed(framing_, task.payload); !why.empty()) {
        if (count > 0) break;
        slot.task_began = now;
        fail(index, task, front.handout.context, {.text = std::string(why)}, now);
        ++front.span.first;
        --queued_;
        break;
      }
      append_framed(slot.question, framing_, task.payload);
      ++count;
    }
    if (count > 0) {
      slot.handout = front.handout;
      slot.span = {front.span.first, front.span.first + static_cast<std::uint32_t>(count)};
      slot.batch = count;
      front.span.first += static_cast<std::uint32_t>(count);
      queued_ -= count;
    }
    if (front.span.count() == 0) queue_.pop_front();
    if (count > 0) return true;
  }
  return false;
}

bool CoprocessRunner::launch(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  const auto trouble =
      command_.expand({.item = {}, .slot = static_cast<std::uint32_t>(index + 1)}, arguments_);
  assert(!trouble);
  static_cast<void>(trouble);
  const int error = spawn(index);
  if (error == 0) {
    slot.state = State::running;
    slot.has_answered = false;
    lack_.is_over();
    return true;
  }
  const std::string_view name = arguments_[0];
  if (!is_lack(error)) {
    throw Error(ErrorCode::unavailable, "", "", why_not_run(name, error, folder_),
                "there is no co-process without it");
  }
  const auto runs = [](const Slot& one) { return one.state != State::absent; };
  lack_.found(name, reason_of(error), std::any_of(slots_.begin(), slots_.end(), runs), now);
  try_again_ = now + wait_in_lack;
  remind(try_again_);
  return false;
}

int CoprocessRunner::spawn(std::size_t index) {
  Slot& slot = slots_[index];
  const std::string_view name = arguments_[0];
  const auto file = path_.find(name);
  if (const int* const error = std::get_if<int>(&file)) return *error;
  std::optional<Pipe> items;
  std::optional<Pipe> answers;
  std::optional<Pipe> errors;
  if (!(items = open_pipe(WeDo::write)) || !(answers = open_pipe(WeDo::read)) ||
      !(errors = open_pipe(WeDo::read))) {
    return errno;
  }
  const RunId run = queue_.front().handout.context->run;
  const Program program{.file = std::get<const char*>(file),
                        .argv = arguments_.argv(),
                        .environment = environment_.of_slot(run, static_cast<std::uint32_t>(index + 1))};
  if (!program_.put(program)) return E2BIG;
  auto opened =
      Keeper::open({.programs = {&program_, 1}, .most = 1, .folder = folder_.fd(), .limits = limits_});
  if (const int* const error = std::get_if<int>(&opened)) return *error;
  Keeper& keeper = std::get<Keeper>(opened);
  const int error = keeper.start(items->theirs.fd(), answers->theirs.fd(), errors->theirs.fd());
  // What may have begun is not started again elsewhere before next() has said that its keeper has gone.
  if (error != 0 && !(error == EPIPE && program_.begun())) {
    keeper.let_go();
    keeper.reap();
    path_.forget(name);
    // Somebody has killed the keeper, or it found no descriptors for itself.
    return error == EPIPE ? EAGAIN : error;
  }
  slot.keeper = std::move(keeper);
  slot.items_pipe = std::move(items->ours);
  slot.answers_pipe = std::move(answers->ours);
  slot.errors_pipe = std::move(errors->ours);
  slot.waits_to_write = false;
  watch(slot.keeper->fd(), EPOLLIN, index, Source::keeper);
  watch(slot.items_pipe.fd(), 0, index, Source::items);
  watch(slot.answers_pipe.fd(), EPOLLIN, index, Source::answers);
  watch(slot.errors_pipe.fd(), EPOLLIN, index, Source::errors);
  return 0;
}

void CoprocessRunner::write_items(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  while (slot.asked < slot.question.size()) {
    const ssize_t count =
        ::write(slot.items_pipe.fd(), slot.question.data() + slot.asked, slot.question.size() - slot.asked);
    if (count >= 0) {
      slot.asked += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      if (!std::exchange(slot.waits_to_write, true)) {
        expect(slot.items_pipe.fd(), EPOLLOUT, index, Source::items);
      }
      return;
    } else if (errno != EINTR) {
      doubt(index, "the co-process has closed its stdin", now);
      break;
    }
  }
  if (std::exchange(slot.waits_to_write, false)) {
    expect(slot.items_pipe.fd(), 0, index, Source::items);
  }
}

void CoprocessRunner::read_errors(Slot& slot) {
  const bool is_open =
      read_pipe(slot.errors_pipe, read_buffer_, [&](ByteView bytes) { slot.errors.append(bytes); });
  if (!is_open) epoll_.remove_and_close(slot.errors_pipe);
}

void CoprocessRunner::read_answers(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  const bool counts = slot.state == State::running || slot.state == State::doubtful;
  const bool is_open = read_pipe(slot.answers_pipe, read_buffer_, [&](ByteView bytes) {
    if (counts) slot.answers.append(bytes);
  });
  if (!is_open) epoll_.remove_and_close(slot.answers_pipe);
  if (!counts) return;
  take_answers(index, now);
  if (!is_open) doubt(index, "the co-process has closed its stdout", now);
}

void CoprocessRunner::take_answers(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  const std::size_t before = slot.held.size();
  while (slot.held.size() < slot.span.count()) {
    const auto place = slot.answers.next();
    if (!place) break;
    slot.held.push_back(*place);
  }
  if (slot.held.size() == slot.span.count() && slot.answers.has_more()) {
    const std::string text = "the co-process wrote an answer that it had not been asked for";
    if (slot.is_idle()) slot.errors.append("fanmill: " + text + ", and is started again\n");
    end(index, Failure{.text = text, .of_batch = true}, How::at_once, now);
    return;
  }
  const bool complete = slot.held.size() == slot.span.count() && !slot.is_idle();
  if (complete || (!slot.is_idle() && !slot.heard && (!slot.held.empty() || slot.answers.has_more()))) {
    slot.heard = true;
    // Looked at after its answers were: it had taken no more of the batch when it wrote them.
    int unread = 0;
    const bool is_known = slot.items_pipe && ::ioctl(slot.items_pipe.fd(), FIONREAD, &unread) == 0;
    if (is_known && (static_cast<std::size_t>(unread) == slot.asked || (complete && unread > 0))) {
      end(index,
          Failure{.text = "the co-process wrote an answer before it had read the item", .of_batch = true},
          How::at_once, now);
      return;
    }
  }
  if (slot.answers.too_long()) {
    settle(index, now);
    end(index,
        Failure{.text = "the co-process answered with more than --max-output, and is started again",
                .of_process = false},
        How::at_once, now);
    return;
  }
  if (slot.held.size() == before) return;
  if (slot.held.size() == slot.span.count()) {
    settle(index, now);
    return;
  }
  if (slot.hold == never) slot.hold = now + longest_hold;
  if (timeout_) slot.due = now + *timeout_;
  remind(std::min(slot.hold, slot.due));
}

void CoprocessRunner::settle(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  slot.hold = never;
  const std::size_t count = slot.held.size();
  if (count == 0) return;
  // What it wrote there before it answered is there by now.
  read_errors(slot);
  misfires_ = 0;
  slot.has_answered = answered_ = true;
  wonder_ = never;
  const RunContext& context = *slot.handout.context;
  const Duration share = (now - slot.task_began) / static_cast<Duration::rep>(count);
  for (std::size_t i = 0; i < count; ++i) {
    const wire::TaskView task = slot.handout.tasks[slot.span.first + i];
    wire::ResultView result;
    result.id = task.id;
    result.attempt = task.attempt;
    result.output = slot.answers.text(slot.held[i]);
    // While there is an item in hand that is what they are about.
    const bool has_errors = i + 1 == slot.span.count() && !slot.errors.kept().empty();
    if (has_errors || context.wants_detail || context.wants_item) {
      result.detail = detail_of(index, task, context, slot.task_began + i * share, share);
    }
    add(slot.handout.context, result);
    if (has_errors) slot.errors.clear();
  }
  slot.span.first += static_cast<std::uint32_t>(count);
  slot.held.clear();
  slot.answers.forget();
  slot.task_began = now;
  if (!slot.is_idle()) return;
  depth_.answered(slot.batch, now - slot.batch_began);
  slot.handout = {};
  slot.due = never;
}

void CoprocessRunner::hear(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  KeeperReport report;
  while (slot.keeper && slot.keeper->next(report)) {
    if (report.kind == KeeperReport::Kind::ended) on_ended(index, report, now);
    if (report.kind == KeeperReport::Kind::gone) on_gone(index, now);
  }
}

void CoprocessRunner::doubt(std::size_t index, std::string_view what, Time now) {
  Slot& slot = slots_[index];
  if (slot.state != State::running) return;
  slot.state = State::doubtful;
  epoll_.remove(slot.items_pipe.fd());  // which would say so again and again
  slot.failure = Failure{.text = std::string(what)};
  slot.give_up = now + time_to_end;
  remind(slot.give_up);
}

void CoprocessRunner::on_ended(std::size_t index, const KeeperReport& report, Time now) {
  Slot& slot = slots_[index];
  if (slot.state == State::ending) {
    slot.keeper->let_go();
    return;
  }
  slot.state = State::doubtful;
  read_answers(index, now);
  if (slot.state == State::ending) return;
  settle(index, now);
  Failure failure;
  if (report.signalled) {
    failure.cause = wire::Cause::signal;
  } else if (report.code != 0) {
    failure.cause = wire::Cause::exit;
  }
  failure.code = static_cast<std::uint32_t>(report.code);
  failure.text =
      fmt::format("the co-process died: {} {}", report.signalled ? "signal" : "exit status", report.code);
  end(index, std::move(failure), How::at_once, now);
}

void CoprocessRunner::end(std::size_t index, std::optional<Failure> failure, How how, Time now) {
  Slot& slot = slots_[index];
  slot.state = State::ending;
  slot.failure = std::move(failure);
  slot.due = slot.hold = slot.give_up = never;
  if (how == How::at_once) {
    slot.keeper->let_go();
  } else {
    slot.keeper->terminate();
    slot.give_up = now + kill_after_;
    remind(slot.give_up);
  }
  slot.waits_to_write = false;
  epoll_.remove_and_close(slot.items_pipe);
  epoll_.remove_and_close(slot.answers_pipe);
}

void CoprocessRunner::on_gone(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  if (slot.state != State::ending) {
    settle(index, now);
    slot.failure = Failure{.text = "how it ended is not known: the process that watches over it was killed"};
    epoll_.remove_and_close(slot.items_pipe);
    epoll_.remove_and_close(slot.answers_pipe);
  }
  epoll_.remove(slot.keeper->fd());
  slot.keeper->reap();
  slot.keeper.reset();
  read_errors(slot);
  epoll_.remove_and_close(slot.errors_pipe);
  slot.state = State::absent;
  slot.waits_to_write = false;
  slot.due = slot.hold = slot.give_up = never;
  slot.answers.clear();
  slot.held.clear();
  const std::optional<Failure> failure = std::exchange(slot.failure, std::nullopt);
  if (failure && failure->of_process && !slot.has_answered && ++misfires_ == most_misfires) {
    const std::string words = last_words(slot.errors.kept());
    throw Error(ErrorCode::unavailable, "go on with", "the co-process '" + shown_ + "'",
                fmt::format("it was started {} times in a row and gave no answer, the last time because {}",
                            most_misfires, failure->text),
                words.empty() ? "it wrote nothing to stderr" : "its last words: " + words);
  }
  if (failure && !slot.is_idle()) {
    const std::size_t count = failure->of_batch ? slot.span.count() : 1;
    for (std::size_t i = 0; i < count; ++i) {
      fail(index, slot.handout.tasks[slot.span.first++], slot.handout.context, *failure, now);
    }
  }
  if (!slot.is_idle()) {
    queued_ += slot.span.count();
    queue_.push_front({std::move(slot.handout), slot.span});
  }
  slot.handout = {};
  slot.span = {};
}

wire::Detail CoprocessRunner::detail_of(std::size_t index, const wire::TaskView& task,
                                        const RunContext& context, Time began, Duration took) const {
  const Capture& errors = slots_[index].errors;
  const auto ago = Clock::now() - began;
  wire::Detail detail;
  detail.stderr_text = errors.kept();
  detail.stderr_dropped = errors.dropped();
  detail.slot = static_cast<std::uint32_t>(index + 1);
  detail.started = microseconds(std::chrono::system_clock::now().time_since_epoch() - ago);
  detail.took = microseconds(took);
  if (context.wants_item) detail.item = task.payload;
  return detail;
}

void CoprocessRunner::fail(std::size_t index, const wire::TaskView& task,
                           const std::shared_ptr<const RunContext>& context, const Failure& failure,
                           Time now) {
  Slot& slot = slots_[index];
  wire::ResultView result;
  result.id = task.id;
  result.attempt = task.attempt;
  result.outcome = Outcome::failed;
  wire::Detail detail = detail_of(index, task, *context, slot.task_began, now - slot.task_began);
  detail.cause = failure.cause;
  detail.code = failure.code;
  detail.error = failure.text;
  if (!context->wants_item) detail.item = task.payload.substr(0, wire::max_item_sample);
  result.detail = detail;
  add(context, result);
  slot.errors.clear();
}

void CoprocessRunner::add(const std::shared_ptr<const RunContext>& context, const wire::ResultView& result) {
  if (!frame_.empty() && (frame_.full() || frame_.context() != context)) finished_.push_back(frame_.take());
  frame_.add(context, result);
}

void CoprocessRunner::abandon() {
  queue_.clear();
  queued_ = 0;
  const Time now = Clock::now();
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    if (slot.is_idle()) continue;
    slot.span = {};
    slot.handout = {};
    slot.held.clear();
    if (slot.keeper) end(index, std::nullopt, How::at_once, now);
  }
  if (!frame_.empty()) static_cast<void>(frame_.take());
  finished_.clear();
  running_ = 0;
}

}  // namespace fanmill::work
