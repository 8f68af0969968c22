#include <algorithm>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/work/command.hpp>
#include <fanmill/work/quoted_word.hpp>

namespace fanmill::work {

namespace {

constexpr std::size_t read_size = std::size_t{64} << 10;  // a pipe's capacity
// So many tasks wait behind a short one, of as many as credit brings where each takes a millisecond.
constexpr std::size_t most_waiting = 7;
// And so many behind all: each takes two descriptors or three, here and at the keeper.
constexpr std::size_t most_waiting_in_all = 64;
// What takes less is short.
constexpr auto longest_short = std::chrono::milliseconds(10);
// What has no more to say fits into any pipe, and so many commands in a row that had not let us expect the
// next one to be like them.
constexpr std::size_t quiet_output = std::size_t{4} << 10;
constexpr int quiet_in_a_row = 128;
// A keeper that was told to kill says after five seconds what it could not.
constexpr auto longest_killing = std::chrono::seconds(10);
constexpr std::string_view no_keeper = "the process that watches over it ends at once";
// How much of a failed task's item stands in its detail.
constexpr std::size_t failed_item = std::size_t{4} << 10;
// What an epoll event carries: a job's index and a source, a keeper's id with this bit, or that all are set.
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
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      slots_(settings.slots),
      read_buffer_(read_size) {
  assert(settings.slots > 0);
  if (!wake_) throw Error(ErrorCode::unavailable, "start", "commands", reason_of(errno));
  if (timeout_) timed_out_ = "timed out after " + format_duration(*timeout_);
  epoll_.add(wake_.fd(), EPOLLIN, wake_event);
  // A keeper that ends what is left of one command must not have begun with another.
  const std::size_t most =
      settings.slots + (timeout_ ? 0 : std::min(most_waiting * settings.slots, most_waiting_in_all));
  jobs_.reserve(most);
  for (JobIndex index = 0; index < most; ++index) {
    jobs_.emplace_back(CommandPipes(epoll_, index, settings.max_output, settings.max_stderr));
  }
  programs_ = std::vector<SharedProgram>(jobs_.size());
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
  auto opened = Keeper::open({.programs = programs_,
                              .most = commands_per_keeper(),
                              .waiting = most_waiting,
                              .folder = folder_.fd(),
                              .limits = limits_});
  if (const int* const error = std::get_if<int>(&opened)) return *error;
  const KeeperId id = ++last_keeper_;
  Kept& kept = keepers_.emplace(id, Kept{std::move(std::get<Keeper>(opened))}).first->second;
  epoll_.add(kept.keeper.fd(), EPOLLIN, keeper_event | id);
  idle_.push_back(id);
  return 0;
}

std::size_t CommandRunner::room() const {
  const std::size_t all = is_short_ ? jobs_.size() : slots_.size();
  return all > running_ ? all - running_ : 0;
}

void CommandRunner::start(Handout handout, Time now) {
  assert(handout.tasks.size() <= room());
  // A keeper that is dying may still look at what it was told to start.
  if (std::exchange(are_programs_left_, false)) programs_ = std::vector<SharedProgram>(jobs_.size());
  JobIndex index = 0;
  for (const wire::TaskView task : handout.tasks) {
    while (jobs_[index].is_used) ++index;
    Job& job = jobs_[index];
    job.is_used = true;
    job.number = ++last_number_;
    job.owner = handout.owner;
    job.context = handout.context;
    job.task = task;
    queue_.emplace(job.number, index);
    ++running_;
  }
  if (try_again_ == never) order_queued(now);
}

void CommandRunner::order_queued(Time now) {
  try_again_ = never;
  has_ended_ = false;
  const auto has_room = [this](const Slot& slot) {
    return slot.jobs.empty() || (is_short_ && !slot.is_long && slot.jobs.size() <= most_waiting);
  };
  while (!queue_.empty() && try_again_ == never) {
    const auto slot = std::min_element(slots_.begin(), slots_.end(), [&](const Slot& a, const Slot& b) {
      return has_room(a) && (!has_room(b) || a.jobs.size() < b.jobs.size());
    });
    if (!has_room(*slot)) return;
    const JobIndex index = queue_.begin()->second;
    queue_.erase(queue_.begin());
    jobs_[index].slot = static_cast<SlotIndex>(slot - slots_.begin());
    if (!begin(index, now)) return;
  }
}

void CommandRunner::release(JobIndex index) {
  Job& job = jobs_[index];
  leave_slot(index);
  job.pipes.close();
  job.is_used = false;
  job.owner.reset();
  job.context.reset();
  queue_.erase(job.number);
}

void CommandRunner::leave_slot(JobIndex index) {
  Job& job = jobs_[index];
  if (!job.is_ordered) return;
  job.is_ordered = false;
  Slot& slot = slots_[job.slot];
  if (slot.jobs.front() == index) {
    const bool has_timed_out = std::exchange(slot.timeout, Timeout::none) != Timeout::none;
    slot.due = never;
    slot.ended = slot.is_long = false;
    if (has_timed_out) note_next_due();
  }
  std::erase(slot.jobs, index);
  is_slot_empty_ = is_slot_empty_ || slot.jobs.empty();
}

void CommandRunner::put_off(JobIndex index) {
  leave_slot(index);
  jobs_[index].pipes.close();
  queue_.emplace(jobs_[index].number, index);
}

std::vector<TaskId> CommandRunner::take_back(std::size_t most) {
  std::vector<JobIndex> newest_first;
  for (const auto& [number, index] : queue_) newest_first.push_back(index);
  for (const Slot& slot : slots_) {
    std::copy_if(slot.jobs.begin(), slot.jobs.end(), std::back_inserter(newest_first),
                 [&](JobIndex index) { return index != slot.jobs.front() || !programs_[index].begun(); });
  }
  std::sort(newest_first.begin(), newest_first.end(),
            [this](JobIndex a, JobIndex b) { return jobs_[a].number > jobs_[b].number; });
  std::vector<TaskId> ids;
  for (const JobIndex index : newest_first) {
    if (ids.size() == most) break;
    if (!withdraw(index)) continue;
    ids.push_back(jobs_[index].task.id);
    release(index);
    --running_;
  }
  if (queue_.empty()) {
    try_again_ = never;
    lack_.is_over();
  }
  return ids;
}

bool CommandRunner::withdraw(JobIndex index) {
  const Job& job = jobs_[index];
  if (!job.is_ordered) return true;
  Kept& kept = keepers_.at(job.keeper);
  if (kept.is_silent) return false;
  const auto answer = kept.keeper.take_back(static_cast<std::uint32_t>(index), place_of(job.slot));
  if (kept.keeper.has_report()) ::eventfd_write(wake_.fd(), 1);
  kept.is_silent = answer == Keeper::Answer::none;
  if (answer == Keeper::Answer::none) return false;
  if (answer == Keeper::Answer::gone) kept.keeper.reap();
  if (answer == Keeper::Answer::no || (answer == Keeper::Answer::gone && programs_[index].begun()))
    return false;
  if (timeout_ && answer == Keeper::Answer::failed) idle_.push_back(job.keeper);
  put_off(index);
  return true;
}

// The oldest of those that wait.
void CommandRunner::fill_idle_slots() {
  const auto idle =
      std::count_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.jobs.empty(); });
  for (auto missing = idle - static_cast<std::ptrdiff_t>(queue_.size()); missing > 0; --missing) {
    std::optional<JobIndex> oldest;
    for (const Slot& slot : slots_) {
      if (slot.jobs.size() > 1 && (!oldest || jobs_[slot.jobs[1]].number < jobs_[*oldest].number))
        oldest = slot.jobs[1];
    }
    if (!oldest || !withdraw(*oldest)) return;
  }
}

void CommandRunner::look_for_long_ones(Time now) {
  next_look_ = never;
  for (Slot& slot : slots_) {
    if (slot.jobs.empty() || (slot.jobs.size() == 1 && jobs_[slot.jobs.front()].pipes.is_watched())) continue;
    const auto beginning = programs_[slot.jobs.front()].begun();
    const Time due = (beginning ? beginning->time : now) + longest_short;
    if (due > now) {
      next_look_ = std::min(next_look_, due);
      continue;
    }
    slot.is_long = true;
    jobs_[slot.jobs.front()].pipes.watch_output();
    while (slot.jobs.size() > 1 && withdraw(slot.jobs.back())) {
    }
    // It has just ended, and the next one runs.
    if (slot.jobs.size() > 1) next_look_ = std::min(next_look_, now + longest_short);
  }
}

bool CommandRunner::begin(JobIndex index, Time now) {
  Job& job = jobs_[index];
  const TaskPlace place{job.task.payload, job.task.id, static_cast<std::uint32_t>(job.slot + 1),
                        job.context->separator};
  if (const std::optional<std::string> trouble = command_.expand(place, arguments_)) {
    fail(index, *trouble);
    return true;
  }
  if (dry_run_) {
    write_command(job.pipes.out());
    finish(index, {}, now);
    ::eventfd_write(wake_.fd(), 1);
    return true;
  }
  const std::string_view name = arguments_[0];
  const auto file = path_.find(name);
  const auto ahead = slots_[job.slot].jobs.size();
  if (const int* const error = std::get_if<int>(&file)) {
    // One that is ahead of it may put it there.
    if (ahead > 0) {
      put_off(index);
      return false;
    }
    fail_to_start(index, *error, name);
  } else if (const int reason = spawn(index, std::get<const char*>(file)); reason == EPIPE) {
    wait_for_room(index, now);
    // What it had said counts, and what it had goes before this one.
    const KeeperId id = idle_.back();
    hear(id, now);
    if (keepers_.contains(id)) lose_keeper(id, now);
    ::eventfd_write(wake_.fd(), 1);
    check_lack(name, no_keeper, now);
  } else if (is_lack(reason)) {
    wait_for_room(index, now);
    check_lack(name, reason_of(reason), now);
  } else if (reason != 0) {
    fail_to_start(index, reason, name);
  } else if (ahead > 0 || !job.pipes.is_watched()) {
    next_look_ = std::min(next_look_, now + longest_short);
  }
  return true;
}

void CommandRunner::fail_to_start(JobIndex index, int error, std::string_view name) {
  path_.forget(name);
  lack_.is_over();
  fail(index, why_not_run(name, error, folder_));
}

// That there is no room for a process just now says nothing about the task, so it is not its outcome.
void CommandRunner::wait_for_room(JobIndex index, Time now) {
  put_off(index);
  try_again_ = now + wait_in_lack;
}

void CommandRunner::write_command(Capture& out) const {
  out.append(quoted_command(arguments_[0]));
  for (std::size_t word = 1; word < arguments_.count(); ++word) {
    out.append(" ");
    out.append(quoted_word(arguments_[word], "%+,-./:=@_"));
  }
  out.append("\n");
}

// That one could not be started is said sooner than it is tried again, so one that has just begun does not
// run.
void CommandRunner::check_lack(std::string_view name, std::string_view reason, Time now) {
  const auto runs = [this, now](const Slot& slot) {
    const auto beginning = slot.jobs.empty() ? std::nullopt : programs_[slot.jobs.front()].begun();
    return beginning && now - beginning->time > wait_in_lack;
  };
  lack_.found(name, reason, std::any_of(slots_.begin(), slots_.end(), runs), now);
}

int CommandRunner::spawn(JobIndex index, const char* file) {
  Job& job = jobs_[index];
  if (const int error = job.pipes.open(output_ == OutputGoes::to_results, item_ == ItemGoes::to_stdin))
    return error;
  const Program program{
      .file = file,
      .argv = arguments_.argv(),
      .environment = environment_.of_task(job.context->run, job.task.id, job.task.attempt,
                                          static_cast<std::uint32_t>(job.slot + 1)),
  };
  if (!programs_[index].put(program)) return E2BIG;
  // What a pipe takes is in it before anybody can close the other end.
  job.pipes.write_input(job.task.payload);
  if (const int error = order(index)) return error;
  job.pipes.close_theirs();
  if (!is_short_ || quiet_ < quiet_in_a_row) job.pipes.watch_output();
  job.pipes.watch_input();
  return 0;
}

int CommandRunner::order(JobIndex index) {
  Job& job = jobs_[index];
  if (idle_.empty()) {
    if (const int error = open_keeper()) return error;
  }
  const KeeperId id = idle_.back();
  Keeper& keeper = keepers_.at(id).keeper;
  const auto [in, out, err] = job.pipes.theirs();
  const int error = keeper.order(static_cast<std::uint32_t>(index), place_of(job.slot), in, out, err);
  if (keeper.has_report()) ::eventfd_write(wake_.fd(), 1);
  if (error != 0) return error;
  Slot& slot = slots_[job.slot];
  slot.jobs.push_back(index);
  job.is_ordered = true;
  job.keeper = id;
  if (timeout_) {
    idle_.pop_back();
    slot.due = Clock::now() + *timeout_;
    next_due_ = std::min(next_due_, slot.due);
  }
  return 0;
}

void CommandRunner::collect(Time now, std::vector<FinishedFrame>& finished) {
  fill_idle_slots();
  for (const epoll_event& event : epoll_.ready()) {
    const std::uint64_t what = event.data.u64;
    if (what == wake_event) {
      eventfd_t value = 0;
      ::eventfd_read(wake_.fd(), &value);
      hear_all(now);
    } else if ((what & keeper_event) != 0) {
      hear(static_cast<KeeperId>(what), now);
    } else {
      Job& job = jobs_[CommandPipes::owner_of(what)];
      // It may have ended a few events ago, in this very round, and another task's may be there.
      const auto which = CommandPipes::which_of(what);
      if (which == CommandPipes::Which::in) {
        job.pipes.write_input(job.task.payload);
      } else {
        job.pipes.read(which, read_buffer_);
      }
    }
  }
  if (now >= next_due_) check_timeouts(now);
  if (now >= next_look_) look_for_long_ones(now);
  // One that has ended may have made room.
  if (!queue_.empty() && (try_again_ == never || has_ended_ || now >= try_again_)) order_queued(now);
  // To be looked at once more, when the loop has had its chance to hand something over.
  const auto has_waiting = [](const Slot& slot) { return slot.jobs.size() > 1; };
  if (std::exchange(is_slot_empty_, false) && std::any_of(slots_.begin(), slots_.end(), has_waiting)) {
    ::eventfd_write(wake_.fd(), 1);
  }
  if (!frame_.empty()) finished_.push_back(frame_.take());
  for (FinishedFrame& frame : finished_) {
    running_ -= frame.count;
    finished.push_back(std::move(frame));
  }
  finished_.clear();
}

void CommandRunner::hear_all(Time now) {
  std::vector<KeeperId> ids;
  for (const auto& [id, kept] : keepers_) {
    if (kept.keeper.has_report()) ids.push_back(id);
  }
  for (const KeeperId id : ids) hear(id, now);
}

void CommandRunner::hear(KeeperId id, Time now) {
  KeeperReport report;
  for (auto kept = keepers_.find(id); kept != keepers_.end() && kept->second.keeper.next(report);
       kept = keepers_.find(id)) {
    kept->second.is_silent = false;
    if (report.kind == KeeperReport::Kind::gone) {
      lose_keeper(id, now);
    } else if (kept->second.use == Kept::Use::dying) {
      continue;
    } else if (report.kind == KeeperReport::Kind::ended) {
      on_ended(id, report);
    } else if (report.kind == KeeperReport::Kind::not_started) {
      on_not_started(id, report, now);
    } else if (report.kind == KeeperReport::Kind::cleared && timeout_) {
      on_cleared(id, report);
    } else if (report.kind == KeeperReport::Kind::taken_back && !report.left) {
      on_taken_back_late(id, report);
    }
  }
}

void CommandRunner::on_ended(KeeperId id, const KeeperReport& report) {
  const JobIndex index = report.tag;
  Job& job = jobs_[index];
  // One that could not be killed, and was given up, has ended after all.
  if (!job.is_ordered || job.keeper != id) {
    if (!report.left) take_again(id);
    return;
  }
  lack_.is_over();
  has_ended_ = true;
  Slot& slot = slots_[job.slot];
  if (slot.timeout != Timeout::none && report.left) {
    slot.ended = true;
    return;
  }
  job.pipes.read_rest(read_buffer_);
  if (slot.timeout != Timeout::none) {
    finish_timed_out(index);
  } else {
    const auto beginning = programs_[index].begun();
    is_short_ = !timeout_ && beginning && report.at - beginning->time < longest_short;
    finish(index, detail_of(report), report.at);
  }
  if (!timeout_) return;
  if (report.left) {
    keepers_.at(id).use = Kept::Use::left_behind;
  } else {
    idle_.push_back(id);
  }
}

void CommandRunner::on_not_started(KeeperId id, const KeeperReport& report, Time now) {
  const JobIndex index = report.tag;
  // It was taken back before this was heard.
  if (!jobs_[index].is_ordered || jobs_[index].keeper != id) return;
  if (timeout_) idle_.push_back(id);
  const std::string name = programs_[index].get().argv[0];
  if (!is_lack(report.code)) return fail_to_start(index, report.code, name);
  wait_for_room(index, now);
  check_lack(name, reason_of(report.code), now);
}

void CommandRunner::on_cleared(KeeperId id, const KeeperReport& report) {
  Kept& kept = keepers_.at(id);
  if (kept.use == Kept::Use::left_behind) {
    if (!report.left) take_again(id);
    return;
  }
  const auto slot = std::find_if(slots_.begin(), slots_.end(), [this, id](const Slot& one) {
    return one.timeout != Timeout::none && jobs_[one.jobs.front()].keeper == id;
  });
  // An order to kill may have crossed the news that there was nothing left to be killed.
  if (slot == slots_.end() || (!slot->ended && !report.left)) return;
  const JobIndex index = slot->jobs.front();
  jobs_[index].pipes.read_rest(read_buffer_);
  finish_timed_out(index);
  if (report.left) {
    kept.use = Kept::Use::left_behind;
  } else {
    idle_.push_back(id);
  }
}

// Nothing is left of what it could not kill.
void CommandRunner::take_again(KeeperId id) {
  Kept& kept = keepers_.at(id);
  if (kept.use != Kept::Use::left_behind) return;
  kept.use = Kept::Use::commands;
  idle_.push_back(id);
}

// It had not answered when it was asked.
void CommandRunner::on_taken_back_late(KeeperId id, const KeeperReport& report) {
  const Job& job = jobs_[report.tag];
  if (!job.is_ordered || job.keeper != id) return;
  put_off(report.tag);
  has_ended_ = true;
}

void CommandRunner::note_next_due() {
  next_due_ = never;
  for (const Slot& slot : slots_) next_due_ = std::min(next_due_, slot.due);
}

void CommandRunner::check_timeouts(Time now) {
  for (Slot& slot : slots_) {
    if (slot.due <= now) {
      Keeper& keeper = keepers_.at(jobs_[slot.jobs.front()].keeper).keeper;
      switch (slot.timeout) {
        case Timeout::none:
          keeper.terminate();
          slot.timeout = Timeout::terminated;
          slot.due = now + kill_after_;
          break;
        case Timeout::terminated:
          keeper.kill();
          slot.timeout = Timeout::killed;
          slot.due = now + longest_killing;
          break;
        case Timeout::killed:
          keeper.kill_it();
          slot.due = never;
          break;
      }
    }
  }
  note_next_due();
}

// Its commands die with it; what they have started goes to whoever reaps above us.
void CommandRunner::lose_keeper(KeeperId id, Time now) {
  const auto kept = keepers_.find(id);
  epoll_.remove(kept->second.keeper.fd());
  kept->second.keeper.reap();
  keepers_.erase(kept);
  std::erase(idle_, id);
  bool has_begun = false;
  std::optional<JobIndex> waiting;
  for (JobIndex index = 0; index < jobs_.size(); ++index) {
    if (!jobs_[index].is_ordered || jobs_[index].keeper != id) continue;
    if (!programs_[index].begun()) {
      put_off(index);
      waiting = index;
      continue;
    }
    has_begun = true;
    jobs_[index].pipes.read_rest(read_buffer_);
    if (slots_[jobs_[index].slot].timeout != Timeout::none) {
      finish_timed_out(index);
      ::eventfd_write(wake_.fd(), 1);
      continue;
    }
    fail(index, "how it ended is not known: the process that watches over commands was killed");
  }
  if (has_begun) {
    has_ended_ = true;
    lack_.is_over();
  }
  if (has_begun || !waiting) return;
  // As likely as not it could not begin: it needs two descriptors itself.
  try_again_ = now + wait_in_lack;
  check_lack(programs_[*waiting].get().argv[0], no_keeper, now);
}

void CommandRunner::finish_timed_out(JobIndex index) {
  wire::Detail detail;
  detail.cause = wire::Cause::timeout;
  detail.error = timed_out_;
  finish(index, detail, Clock::now());
}

void CommandRunner::fail(JobIndex index, std::string_view why) {
  wire::Detail detail;
  detail.cause = wire::Cause::error;
  detail.error = why;
  finish(index, detail, Clock::now());
  ::eventfd_write(wake_.fd(), 1);
}

void CommandRunner::finish(JobIndex index, wire::Detail detail, Time end) {
  Job& job = jobs_[index];
  const Capture& out = job.pipes.out();
  const Capture& err = job.pipes.err();
  const RunContext& context = *job.context;
  const bool failed = detail.cause != wire::Cause::none;
  wire::ResultView result;
  result.id = job.task.id;
  result.attempt = job.task.attempt;
  result.outcome = failed ? Outcome::failed : Outcome::ok;
  result.output = out.kept();
  const bool is_quiet = out.size() <= quiet_output && err.size() <= quiet_output;
  quiet_ = is_quiet ? std::min(quiet_ + 1, quiet_in_a_row) : 0;
  if (failed || context.wants_detail || context.wants_item || out.dropped() > 0 || !err.kept().empty() ||
      err.dropped() > 0) {
    detail.stderr_text = err.kept();
    detail.slot = static_cast<std::uint32_t>(job.slot + 1);
    const auto beginning = job.is_ordered ? programs_[index].begun() : std::nullopt;
    detail.started =
        beginning ? beginning->at : microseconds(std::chrono::system_clock::now().time_since_epoch());
    detail.took = beginning ? microseconds(end - beginning->time) : 0;
    if (context.wants_item) {
      detail.item = job.task.payload;
    } else if (failed) {
      detail.item = job.task.payload.substr(0, failed_item);
    }
    detail.stdout_dropped = out.dropped();
    detail.stderr_dropped = err.dropped();
    result.detail = detail;
  }
  if (!frame_.empty() && (frame_.full() || frame_.context() != job.context)) {
    finished_.push_back(frame_.take());
  }
  frame_.add(job.context, result);
  release(index);
}

void CommandRunner::abandon() {
  try_again_ = next_look_ = never;
  lack_.is_over();
  is_short_ = has_ended_ = false;
  for (JobIndex index = 0; index < jobs_.size(); ++index) {
    if (jobs_[index].is_used) release(index);
  }
  for (auto& [id, kept] : keepers_) {
    kept.keeper.let_go();
    kept.use = Kept::Use::dying;
  }
  idle_.clear();
  are_programs_left_ = true;
  if (!frame_.empty()) static_cast<void>(frame_.take());
  finished_.clear();
  running_ = 0;
}

}  // namespace fanmill::work
