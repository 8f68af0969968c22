#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/command.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::work {

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;  // a pipe's capacity
// What is read of one pipe before others have their turn.
constexpr int reads_in_a_row = 16;
// How much of a failed task's item stands in its detail.
constexpr std::size_t failed_item = std::size_t{4} << 10;
// Where the system lacks what a process takes, how soon it is asked again, and how long before that is an
// error although nothing of ours runs.
constexpr auto wait_in_lack = std::chrono::milliseconds(50);
constexpr auto longest_lack = std::chrono::seconds(5);

bool is_lack(int error) {
  return error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM;
}

// What an epoll event carries: a slot's index and a source, or one of these.
constexpr std::uint64_t wake_event = ~std::uint64_t{0};
constexpr std::uint64_t dying_event = wake_event - 1;

struct Pipe {
  Descriptor ours;
  Descriptor theirs;
};

// Both ends lie above the standard descriptors, so that none of them is closed by mistake in a child.
std::optional<Pipe> open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{Descriptor(ends[0]), Descriptor(ends[1])};
  for (Descriptor* end : {&pipe.ours, &pipe.theirs}) {
    if (end->fd() > STDERR_FILENO) continue;
    *end = Descriptor(::fcntl(end->fd(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!*end) return std::nullopt;
  }
  ::fcntl(pipe.ours.fd(), F_SETFL, O_RDONLY | O_NONBLOCK);
  return pipe;
}

std::uint64_t microseconds(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

enum class Reaped : std::uint8_t {
  not_yet,  // with WNOHANG: it is still running
  ended,
  taken,  // by somebody who waits for all children of this process
};

Reaped reap(const Child& child, int options, siginfo_t& information) {
  information.si_pid = 0;
  while (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.fd()), &information, WEXITED | options) != 0) {
    if (errno != EINTR) return Reaped::taken;
  }
  return information.si_pid == 0 ? Reaped::not_yet : Reaped::ended;
}

// How a process ended.
wire::Detail detail_of(Reaped reaped, const siginfo_t& information) {
  wire::Detail detail;
  if (reaped == Reaped::taken) {
    detail.cause = wire::Cause::error;
    detail.error = "its exit status is lost: something else in this process waits for all children";
  } else if (information.si_code != CLD_EXITED) {
    detail.cause = wire::Cause::signal;
    detail.code = static_cast<std::uint32_t>(information.si_status);
  } else if (information.si_status != 0) {
    detail.cause = wire::Cause::exit;
    detail.code = static_cast<std::uint32_t>(information.si_status);
  }
  return detail;
}

}  // namespace

CommandRunner::CommandRunner(CommandLine command, const CommandSettings& settings)
    : command_(std::move(command)),
      dry_run_(settings.dry_run),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      read_buffer_(read_size) {
  assert(settings.slots > 0);
  if (!epoll_ || !wake_) throw Error(ErrorCode::unavailable, "start", "commands", reason_of(errno));
  watch(wake_.fd(), wake_event);
  slots_.reserve(settings.slots);
  for (std::size_t index = 0; index < settings.slots; ++index) {
    Slot& slot = slots_.emplace_back();
    slot.streams[0].capture = Capture(Capture::Keep::first, settings.max_output);
    slot.streams[1].capture = Capture(Capture::Keep::last, settings.max_stderr);
    free_.push_back(index);
  }
}

CommandRunner::~CommandRunner() {
  abandon();
  siginfo_t information{};
  for (const Child& child : dying_) static_cast<void>(reap(child, 0, information));
}

void CommandRunner::watch(int fd, std::uint64_t what) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = what;
  // It fails for want of memory alone, and then there is no way to go on.
  if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) {
    throw Error(ErrorCode::unavailable, "watch", "a command", reason_of(errno));
  }
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
  slot.busy = false;
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
    if (error != 0) trouble = why_not_run(name, error);
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
  std::optional<Pipe> out = open_pipe();
  std::optional<Pipe> err = out ? open_pipe() : std::nullopt;
  if (!err) return errno;
  const Program program{
      .file = std::get<const char*>(file),
      .argv = arguments_.argv(),
      .environment = environment_.of_task(slot.context->run, slot.task.id, slot.task.attempt,
                                          static_cast<std::uint32_t>(index + 1)),
      .stdout_fd = out->theirs.fd(),
      .stderr_fd = err->theirs.fd(),
  };
  auto spawned = spawner_.spawn(program);
  if (const int* const error = std::get_if<int>(&spawned)) {
    path_.forget(name);
    return *error;
  }
  slot.busy = true;
  slot.child = std::move(std::get<Child>(spawned));
  slot.streams[0].pipe = std::move(out->ours);
  slot.streams[1].pipe = std::move(err->ours);
  watch(slot.streams[0].pipe.fd(), index << 2 | static_cast<std::uint64_t>(Source::out));
  watch(slot.streams[1].pipe.fd(), index << 2 | static_cast<std::uint64_t>(Source::err));
  watch(slot.child.pidfd.fd(), index << 2 | static_cast<std::uint64_t>(Source::process));
  return 0;
}

std::string CommandRunner::why_not_run(std::string_view name, int error) const {
  std::string reason = reason_of(error);
  struct stat status {};
  if (error == E2BIG) {
    reason = "its arguments and the environment are too long together";
  } else if (name.find('/') != std::string_view::npos && ::stat(std::string(name).c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) reason = "it is a directory";
    if (error == ENOENT) reason = "the interpreter that it names was not found";
  }
  constexpr std::size_t longest = 256;
  return fmt::format("cannot run '{}{}': {}", name.substr(0, longest), name.size() > longest ? "…" : "",
                     reason);
}

void CommandRunner::close_stream(Stream& stream) const {
  if (!stream.pipe) return;
  // Closing alone would not do it where another thread has just forked, and holds a copy.
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, stream.pipe.fd(), nullptr);
  stream.pipe.reset();
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
    } else if (what == dying_event) {
      reap_dying();
    } else {
      const std::size_t index = what >> 2;
      Slot& slot = slots_[index];
      // Its process may have ended a few events ago, in this very round.
      if (!slot.busy) continue;
      switch (static_cast<Source>(what & 3)) {
        case Source::process:
          end_process(index);
          break;
        case Source::out:
          read_stream(slot.streams[0]);
          break;
        case Source::err:
          read_stream(slot.streams[1]);
          break;
      }
    }
  }
  // One that has ended may have made room.
  if (!put_off_.empty() && (count > 0 || now >= try_again_)) begin_put_off(now);
  if (!frame_.empty()) finished_.push_back(frame_.take());
  for (FinishedFrame& frame : finished_) {
    running_ -= frame.count;
    finished.push_back(std::move(frame));
  }
  finished_.clear();
}

void CommandRunner::end_process(std::size_t index) {
  Slot& slot = slots_[index];
  siginfo_t information{};
  const Reaped reaped = reap(slot.child, WNOHANG, information);
  if (reaped == Reaped::not_yet) return;
  ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, slot.child.pidfd.fd(), nullptr);
  slot.child = {};
  for (Stream& stream : slot.streams) read_rest(stream);
  finish(index, detail_of(reaped, information));
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
    Slot& slot = slots_[index];
    if (!slot.busy) continue;
    // Not reaped, so neither number can be somebody else's by now.
    ::kill(-slot.child.pid, SIGKILL);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = dying_event;
    ::epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, slot.child.pidfd.fd(), &event);
    dying_.push_back(std::exchange(slot.child, {}));
    free_slot(index);
  }
  if (!frame_.empty()) static_cast<void>(frame_.take());
  finished_.clear();
  running_ = 0;
}

void CommandRunner::reap_dying() {
  std::erase_if(dying_, [this](const Child& child) {
    siginfo_t information{};
    if (reap(child, WNOHANG, information) == Reaped::not_yet) return false;
    ::epoll_ctl(epoll_.fd(), EPOLL_CTL_DEL, child.pidfd.fd(), nullptr);
    return true;
  });
}

}  // namespace fanmill::work
