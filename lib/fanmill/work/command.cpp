#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/work/command.hpp>
#include <fanmill/work/launch.hpp>
#include <fanmill/work/pipe.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::work {

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;  // a pipe's capacity
// What is read of one pipe before others have their turn.
constexpr int reads_in_a_row = 16;
// How much of a failed task's item stands in its detail.
constexpr std::size_t failed_item = std::size_t{4} << 10;
// What an epoll event carries: a slot's index and a source, a keeper's id with this bit, or that all are set.
constexpr std::uint64_t keeper_event = std::uint64_t{1} << 63;
constexpr std::uint64_t wake_event = ~std::uint64_t{0};

std::uint64_t microseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

// How a process ended.
wire::Detail detail_of(const KeeperReport& report) {
  wire::Detail detail;
  if (report.signalled) {
    detail.cause = wire::Cause::signal;
  } else if (report.code != 0) {
    detail.cause = wire::Cause::exit;
  }
  detail.code = static_cast<std::uint32_t>(report.code);
  return detail;
}

}  // namespace

CommandRunner::CommandRunner(CommandLine command, const WorkSettings& settings)
    : command_(std::move(command)),
      dry_run_(settings.dry_run),
      item_(settings.item),
      output_(settings.output),
      timeout_(settings.timeout),
      kill_after_(settings.kill_after),
      folder_(open_folder(settings.folder)),
      limits_(settings.limits),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      read_buffer_(read_size) {
  assert(settings.slots > 0);
  if (!epoll_ || !wake_) throw Error(ErrorCode::unavailable, "start", "commands", reason_of(errno));
  if (timeout_) timed_out_ = "timed out after " + format_duration(*timeout_);
  watch(wake_.fd(), EPOLLIN, wake_event);
  slots_.reserve(settings.slots);
  for (std::size_t index = 0; index < settings.slots; ++index) {
    Slot& slot = slots_.emplace_back();
    slot.streams[0].capture = Capture(Capture::Keep::first, settings.max_output);
    slot.streams[1].capture = Capture(Capture::Keep::last, settings.max_stderr);
    free_.push_back(index);
  }
  // Now, while this process is small and quickly forked.
  if (const int error = open_keeper()) {
    throw Error(ErrorCode::unavailable, "start", "commands", reason_of(error),
                "raise the limit (ulimit -n, -u)");
  }
}

CommandRunner::~CommandRunner() {
  abandon();
  for (const auto& [id, kept] : keepers_) kept.keeper.reap();
}

int CommandRunner::open_keeper() {
  auto opened = Keeper::open(
      {.program = &program_, .most = commands_per_keeper(), .folder = folder_.fd(), .limits = limits_});
  if (const int* const error = std::get_if<int>(&opened)) return *error;
  const KeeperId id = ++last_keeper_;
  Kept& kept = keepers_.emplace(id, Kept{std::move(std::get<Keeper>(opened))}).first->second;
  watch(kept.keeper.fd(), EPOLLIN, keeper_event | id);
  idle_.push_back(id);
  return 0;
}

void CommandRunner::watch(int fd, std::uint32_t events, std::uint64_t what) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = what;
  // It fails for want of memory alone, and then there is no way to go on.
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw Error(ErrorCode::unavailable, "watch", "a command", reason_of(errno));
  }
}

// Closing alone would not do it where another thread has just forked, and holds a copy.
void CommandRunner::unwatch(int fd) const {
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, fd, nullptr);
}

std::size_t CommandRunner::take_free_slot() {
  std::pop_heap(free_.begin(), free_.end(), std::greater<>());
  const std::size_t index = free_.back();
  free_.pop_back();
  return index;
}

void CommandRunner::free_slot(std::size_t index) {
  Slot& slot = slots_[index];
  for (Stream& stream : slot.streams) {
    close_stream(stream);
    stream.capture.clear();
  }
  close_input(slot);
  slot.busy = false;
  slot.timeout = Timeout::none;
  slot.due = never;
  slot.ended = false;
  slot.owner.reset();
  slot.context.reset();
  free_.push_back(index);
  std::push_heap(free_.begin(), free_.end(), std::greater<>());
}

void CommandRunner::start(Handout handout, Time now) {
  assert(handout.tasks.size() <= room());
  for (const wire::TaskView& task : handout.tasks) {
    const std::size_t index = take_free_slot();
    ++running_;
    Slot& slot = slots_[index];
    slot.owner = handout.owner;
    slot.context = handout.context;
    slot.task = task;
    if (put_off_.empty()) {
      begin(index, now);
    } else {
      put_off_.push_back(index);
    }
  }
}

void CommandRunner::begin(std::size_t index, Time now) {
  Slot& slot = slots_[index];
  // Not the loop's own time: starting those before this one took some.
  slot.started = Clock::now();
  slot.started_at = microseconds(std::chrono::system_clock::now().time_since_epoch());
  const TaskPlace place{slot.task.payload, slot.task.id, static_cast<std::uint32_t>(index + 1),
                        slot.context->separator};
  std::optional<std::string> trouble = command_.expand(place, arguments_);
  if (dry_run_ && !trouble) {
    write_command(slot.streams[0].capture);
    finish(index, {});
    ::eventfd_write(wake_.fd(), 1);
    return;
  }
  if (!trouble) {
    const std::string_view name = arguments_[0];
    const int error = spawn(index);
    if (is_lack(error)) return put_off(index, name, error, now);
    if (error != 0) trouble = why_not_run(name, error, folder_);
  }
  lacking_since_ = never;
  if (!trouble) return;
  wire::Detail detail;
  detail.cause = wire::Cause::error;
  detail.error = *trouble;
  finish(index, detail);
  ::eventfd_write(wake_.fd(), 1);
}

void CommandRunner::write_command(Capture& out) const {
  out.append(quoted_command(arguments_[0]));
  for (std::size_t word = 1; word < arguments_.count(); ++word) {
    out.append(" ");
    out.append(quoted_word(arguments_[word], "%+,-./:=@_"));
  }
  out.append("\n");
}

// That there is no room for a process just now says nothing about the task, so it is not its outcome.
void CommandRunner::put_off(std::size_t index, std::string_view name, int error, Time now) {
  const bool others_run =
      std::any_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.busy; });
  if (others_run) {
    lacking_since_ = never;
  } else if (lacking_since_ == never) {
    lacking_since_ = now;
  } else if (now - lacking_since_ >= longest_lack) {
    throw Error(ErrorCode::unavailable, "start", "'" + std::string(name) + "'", reason_of(error),
                "raise the limit (ulimit -n, ulimit -u, memory) or lower --jobs");
  }
  put_off_.push_front(index);
  try_again_ = now + wait_in_lack;
}

void CommandRunner::begin_put_off(Time now) {
  try_again_ = never;
  while (!put_off_.empty() && try_again_ == never) {
    const std::size_t index = put_off_.front();
    put_off_.pop_front();
    begin(index, now);
  }
}

int CommandRunner::spawn(std::size_t index) {
  Slot& slot = slots_[index];
  const std::string_view name = arguments_[0];
  const auto file = path_.find(name);
  if (const int* const error = std::get_if<int>(&file)) return *error;
  std::optional<Pipe> in;
  std::optional<Pipe> out;
  std::optional<Pipe> err;
  const bool captured = output_ == OutputGoes::to_results;
  if (captured && (!(out = open_pipe(WeDo::read)) || !(err = open_pipe(WeDo::read)))) return errno;
  if (item_ == ItemGoes::to_stdin && !(in = open_pipe(WeDo::write))) return errno;
  const Program program{
      .file = std::get<const char*>(file),
      .argv = arguments_.argv(),
      .environment = environment_.of_task(slot.context->run, slot.task.id, slot.task.attempt,
                                          static_cast<std::uint32_t>(index + 1)),
  };
  if (!program_.put(program)) return E2BIG;
  if (in) {
    // What a pipe takes is in it before anybody can close the other end.
    slot.input = std::move(in->ours);
    slot.input_done = 0;
    write_input(slot);
  }
  const int error =
      start_by_keeper(index, in ? in->theirs.fd() : -1, captured ? out->theirs.fd() : STDOUT_FILENO,
                      captured ? err->theirs.fd() : STDERR_FILENO);
  if (error != 0) {
    slot.input.reset();
    path_.forget(name);
    return error;
  }
  slot.busy = true;
  if (timeout_) {
    slot.due = slot.started + *timeout_;
    next_due_ = std::min(next_due_, slot.due);
  }
  const auto source = [index](Source what) { return index << 2 | static_cast<std::uint64_t>(what); };
  if (captured) {
    slot.streams[0].pipe = std::move(out->ours);
    slot.streams[1].pipe = std::move(err->ours);
    watch(slot.streams[0].pipe.fd(), EPOLLIN, source(Source::out));
    watch(slot.streams[1].pipe.fd(), EPOLLIN, source(Source::err));
  }
  if (slot.input) watch(slot.input.fd(), EPOLLOUT, source(Source::in));
  return 0;
}

int CommandRunner::start_by_keeper(std::size_t index, int in, int out, int err) {
  for (;;) {
    if (idle_.empty()) {
      if (const int error = open_keeper()) return error;
    }
    const KeeperId id = idle_.back();
    Keeper& keeper = keepers_.at(id).keeper;
    const int error = keeper.start(static_cast<std::uint32_t>(index), in, out, err);
    if (keeper.has_report()) ::eventfd_write(wake_.fd(), 1);
    // Somebody may have killed it.
    if (error == EPIPE) {
      idle_.pop_back();
      continue;
    }
    if (error == 0) {
      slots_[index].keeper = id;
      if (timeout_) idle_.pop_back();
    }
    return error;
  }
}

void CommandRunner::close_stream(Stream& stream) const {
  if (!stream.pipe) return;
  unwatch(stream.pipe.fd());
  stream.pipe.reset();
}

void CommandRunner::close_input(Slot& slot) const {
  if (!slot.input) return;
  unwatch(slot.input.fd());
  slot.input.reset();
}

void CommandRunner::write_input(Slot& slot) {
  const ByteView item = slot.task.payload;
  while (slot.input_done < item.size()) {
    const ssize_t count =
        ::write(slot.input.fd(), item.data() + slot.input_done, item.size() - slot.input_done);
    if (count >= 0) {
      slot.input_done += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno != EINTR) {
      break;  // it does not want more, which is its own affair
    }
  }
  close_input(slot);
}

void CommandRunner::read_stream(Stream& stream) {
  for (int i = 0; i < reads_in_a_row && stream.pipe; ++i) {
    const ssize_t count = ::read(stream.pipe.fd(), read_buffer_.data(), read_buffer_.size());
    if (count > 0) {
      stream.capture.append({read_buffer_.data(), static_cast<std::size_t>(count)});
      if (static_cast<std::size_t>(count) < read_buffer_.size()) return;
    } else if (count == 0) {
      close_stream(stream);
    } else if (errno != EINTR) {
      return;
    }
  }
}

// What is in the pipe now, and not what others may go on to write.
void CommandRunner::read_rest(Stream& stream) {
  if (!stream.pipe) return;
  int waiting = 0;
  if (::ioctl(stream.pipe.fd(), FIONREAD, &waiting) != 0) return;
  for (std::size_t left = static_cast<std::size_t>(waiting); left > 0;) {
    const ssize_t count = ::read(stream.pipe.fd(), read_buffer_.data(), std::min(left, read_buffer_.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    stream.capture.append({read_buffer_.data(), static_cast<std::size_t>(count)});
    left -= static_cast<std::size_t>(count);
  }
}

void CommandRunner::collect(Time now, std::vector<FinishedFrame>& finished) {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const std::uint64_t what = events[static_cast<std::size_t>(i)].data.u64;
    if (what == wake_event) {
      eventfd_t value = 0;
      ::eventfd_read(wake_.fd(), &value);
      hear_all();
    } else if ((what & keeper_event) != 0) {
      hear(static_cast<KeeperId>(what));
    } else {
      Slot& slot = slots_[what >> 2];
      // It may have ended a few events ago, in this very round, and another task's may be there.
      switch (static_cast<Source>(what & 3)) {
        case Source::out:
          read_stream(slot.streams[0]);
          break;
        case Source::err:
          read_stream(slot.streams[1]);
          break;
        case Source::in:
          if (slot.input) write_input(slot);
          break;
      }
    }
  }
  if (now >= next_due_) check_timeouts(now);
  // One that has ended may have made room.
  if (!put_off_.empty() && (count > 0 || now >= try_again_)) begin_put_off(now);
  if (!frame_.empty()) finished_.push_back(frame_.take());
  for (FinishedFrame& frame : finished_) {
    running_ -= frame.count;
    finished.push_back(std::move(frame));
  }
  finished_.clear();
}

void CommandRunner::hear_all() {
  std::vector<KeeperId> ids;
  for (const auto& [id, kept] : keepers_) {
    if (kept.keeper.has_report()) ids.push_back(id);
  }
  for (const KeeperId id : ids) hear(id);
}

void CommandRunner::hear(KeeperId id) {
  KeeperReport report;
  for (auto kept = keepers_.find(id); kept != keepers_.end() && kept->second.keeper.next(report);
       kept = keepers_.find(id)) {
    if (report.kind == KeeperReport::Kind::gone) {
      lose_keeper(id);
    } else if (kept->second.use == Kept::Use::dying) {
      continue;
    } else if (report.kind == KeeperReport::Kind::ended) {
      on_ended(id, report);
    } else if (report.kind == KeeperReport::Kind::cleared && timeout_) {
      on_cleared(id, report);
    }
  }
}

void CommandRunner::on_ended(KeeperId id, const KeeperReport& report) {
  const std::size_t index = report.tag;
  Slot& slot = slots_[index];
  // One that could not be killed, and was given up, has ended after all.
  if (!slot.busy || slot.keeper != id) return;
  if (slot.timeout != Timeout::none && report.left) {
    slot.ended = true;
    return;
  }
  for (Stream& stream : slot.streams) read_rest(stream);
  if (slot.timeout != Timeout::none) {
    finish_timed_out(index);
  } else {
    finish(index, detail_of(report));
  }
  if (!timeout_) return;
  if (report.left) {
    keepers_.at(id).use = Kept::Use::left_behind;
  } else {
    idle_.push_back(id);
  }
}

void CommandRunner::on_cleared(KeeperId id, const KeeperReport& report) {
  Kept& kept = keepers_.at(id);
  if (kept.use == Kept::Use::left_behind) {
    if (report.left) return;
    kept.use = Kept::Use::commands;
    idle_.push_back(id);
    return;
  }
  const auto slot = std::find_if(slots_.begin(), slots_.end(), [id](const Slot& one) {
    return one.busy && one.keeper == id && one.timeout != Timeout::none;
  });
  // An order to kill may have crossed the news that there was nothing left to be killed.
  if (slot == slots_.end() || (!slot->ended && !report.left)) return;
  for (Stream& stream : slot->streams) read_rest(stream);
  finish_timed_out(static_cast<std::size_t>(slot - slots_.begin()));
  if (report.left) {
    kept.use = Kept::Use::left_behind;
  } else {
    idle_.push_back(id);
  }
}

void CommandRunner::check_timeouts(Time now) {
  next_due_ = never;
  for (Slot& slot : slots_) {
    if (slot.due <= now) {
      const Keeper& keeper = keepers_.at(slot.keeper).keeper;
      if (slot.timeout == Timeout::none) {
        keeper.terminate();
        slot.timeout = Timeout::terminated;
        slot.due = now + kill_after_;
      } else {
        keeper.kill();
        slot.timeout = Timeout::killed;
        slot.due = never;
      }
    }
    next_due_ = std::min(next_due_, slot.due);
  }
}

// Its commands die with it; what they have started goes to whoever reaps above us.
void CommandRunner::lose_keeper(KeeperId id) {
  const auto kept = keepers_.find(id);
  unwatch(kept->second.keeper.fd());
  kept->second.keeper.reap();
  keepers_.erase(kept);
  std::erase(idle_, id);
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    if (!slots_[index].busy || slots_[index].keeper != id) continue;
    wire::Detail detail;
    detail.cause = wire::Cause::error;
    detail.error = "how it ended is not known: the process that watches over commands was killed";
    finish(index, detail);
  }
}

void CommandRunner::finish_timed_out(std::size_t index) {
  wire::Detail detail;
  detail.cause = wire::Cause::timeout;
  detail.error = timed_out_;
  finish(index, detail);
}

void CommandRunner::finish(std::size_t index, wire::Detail detail) {
  Slot& slot = slots_[index];
  const Capture& out = slot.streams[0].capture;
  const Capture& err = slot.streams[1].capture;
  const RunContext& context = *slot.context;
  const bool failed = detail.cause != wire::Cause::none;
  wire::ResultView result;
  result.id = slot.task.id;
  result.attempt = slot.task.attempt;
  result.outcome = failed ? Outcome::failed : Outcome::ok;
  result.output = out.kept();
  if (failed || context.wants_detail || context.wants_item || out.dropped() > 0 || !err.kept().empty() ||
      err.dropped() > 0) {
    detail.stderr_text = err.kept();
    detail.slot = static_cast<std::uint32_t>(index + 1);
    detail.started = slot.started_at;
    detail.took = microseconds(Clock::now() - slot.started);
    if (context.wants_item) {
      detail.item = slot.task.payload;
    } else if (failed) {
      detail.item = slot.task.payload.substr(0, failed_item);
    }
    detail.stdout_dropped = out.dropped();
    detail.stderr_dropped = err.dropped();
    result.detail = detail;
  }
  if (!frame_.empty() && (frame_.full() || frame_.context() != slot.context)) {
    finished_.push_back(frame_.take());
  }
  frame_.add(slot.context, result);
  free_slot(index);
}

void CommandRunner::abandon() {
  for (const std::size_t index : put_off_) free_slot(index);
  put_off_.clear();
  try_again_ = lacking_since_ = never;
  for (std::size_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].busy) free_slot(index);
  }
  for (auto& [id, kept] : keepers_) {
    kept.keeper.let_go();
    kept.use = Kept::Use::dying;
  }
  idle_.clear();
  if (!frame_.empty()) static_cast<void>(frame_.take());
  finished_.clear();
  running_ = 0;
}

}  // namespace fanmill::work
