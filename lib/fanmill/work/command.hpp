#pragma once
// A process per task, all of them watched by the loop's own thread.
//
// Where commands are short, a few wait in each slot behind the one that runs there: then the next one starts
// when that one ends, and not when this thread has heard of it. They can be taken back, which is done where
// the one that runs turns out to be long, and where another slot has nothing to do. With a timeout none
// waits.
//
// A task is finished when its process has ended: what its pipes hold then is read, and no more is waited for.
// Whoever holds them open beyond that (a process left in the background) goes on living until the worker
// ends, and what it writes later is lost: it gets SIGPIPE. A task that has timed out is finished when nothing
// is left of it.
//
// Commands are started by a keeper (see there), which outlives the worker for as long as it takes to kill
// them; with a timeout by one for each slot. Must be used and destroyed on the thread that made it. SIGPIPE
// must be ignored by the program where items go to stdin.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/command_pipes.hpp>
#include <fanmill/work/environment.hpp>
#include <fanmill/work/epoll.hpp>
#include <fanmill/work/keeper.hpp>
#include <fanmill/work/launch.hpp>
#include <fanmill/work/program_path.hpp>
#include <fanmill/work/results_frame.hpp>
#include <fanmill/work/runner.hpp>
#include <fanmill/work/shared_program.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::work {

class CommandRunner final : public Runner {
 public:
  // Throws Error where the system gives no descriptors, and where the folder cannot be used.
  CommandRunner(CommandLine command, const WorkSettings& settings);
  // Kills what runs and what was left behind, and waits for its end.
  ~CommandRunner() override;
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;

  [[nodiscard]] std::size_t slots() const override { return slots_.size(); }
  [[nodiscard]] std::string wanted_column() const override {
    return command_.column() ? spelling_of(*command_.column()) : "";
  }
  [[nodiscard]] std::size_t room() const override;
  void start(Handout handout, Time now) override;
  [[nodiscard]] std::vector<TaskId> take_back(std::size_t most) override;
  [[nodiscard]] std::size_t running() const override { return running_; }
  [[nodiscard]] int wait_fd() const override { return epoll_.fd(); }
  [[nodiscard]] Time deadline() const override { return std::min({try_again_, next_due_, next_look_}); }
  // Throws Error{unavailable} where no process can be had although none of ours runs, for seconds.
  void collect(Time now, std::vector<FinishedFrame>& finished) override;
  // Kills what was left behind, too. The runner can be used again at once.
  void abandon() override;

 private:
  // How far the end of a task has come that has run for too long.
  enum class Timeout : std::uint8_t {
    none,
    terminated,  // its processes have got SIGTERM
    killed,      // and SIGKILL
  };

  using KeeperId = std::uint32_t;
  using JobIndex = std::size_t;  // the keeper's tag for it, too
  using SlotIndex = std::size_t;

  // A task that was handed over.
  struct Job {
    explicit Job(CommandPipes its_pipes) : pipes(std::move(its_pipes)) {}

    bool is_used = false;
    bool is_ordered = false;  // it is in its keeper's hands, and in a slot; otherwise it is queued here
    KeeperId keeper = 0;
    SlotIndex slot = 0;
    std::uint64_t number = 0;  // tasks run in this order
    // The task, and what keeps its bytes alive.
    std::shared_ptr<const void> owner;
    std::shared_ptr<const RunContext> context;
    wire::TaskView task;
    CommandPipes pipes;
  };

  struct Slot {
    std::vector<JobIndex> jobs;  // the first one runs
    // Of the one that runs:
    Timeout timeout = Timeout::none;
    Time due = never;    // when the next step is
    bool ended = false;  // its process, and what is left of it is waited for
    bool is_long = false;
  };

  struct Kept {
    enum class Use : std::uint8_t {
      commands,     // starts them
      left_behind,  // its command has ended, and others have not
      dying,
    };
    Keeper keeper;
    Use use = Use::commands;
    bool is_silent = false;  // it has not answered, and nothing has been heard of it since
  };

  [[nodiscard]] std::size_t commands_per_keeper() const { return timeout_ ? 1 : slots_.size(); }
  [[nodiscard]] std::uint32_t place_of(SlotIndex slot) const {
    return timeout_ ? 0 : static_cast<std::uint32_t>(slot);
  }
  // Makes an idle one. The errno value if it cannot.
  [[nodiscard]] int open_keeper();
  void lose_keeper(KeeperId id, Time now);
  void take_again(KeeperId id);
  void hear(KeeperId id, Time now);
  void hear_all(Time now);  // what came while another word was waited for
  void on_ended(KeeperId id, const KeeperReport& report);
  void on_not_started(KeeperId id, const KeeperReport& report, Time now);
  void on_cleared(KeeperId id, const KeeperReport& report);
  void on_taken_back_late(KeeperId id, const KeeperReport& report);
  void check_timeouts(Time now);
  void note_next_due();

  void order_queued(Time now);
  // Has a job started, if it can be. False: not before those that are ahead of it in its slot.
  [[nodiscard]] bool begin(JobIndex index, Time now);
  void fail_to_start(JobIndex index, int error, std::string_view name);
  void wait_for_room(JobIndex index, Time now);
  void check_lack(std::string_view name, std::string_view reason, Time now);
  void write_command(Capture& out) const;
  // Back to the queue.
  void put_off(JobIndex index);
  // The same, where it has not begun.
  [[nodiscard]] bool withdraw(JobIndex index);
  void fill_idle_slots();
  void look_for_long_ones(Time now);
  // The errno value that says why not, or 0.
  [[nodiscard]] int spawn(JobIndex index, const char* file);
  [[nodiscard]] int order(JobIndex index);
  // At once, without the keeper's saying so.
  void fail(JobIndex index, std::string_view why);
  void finish_timed_out(JobIndex index);
  void finish(JobIndex index, wire::Detail detail, Time end);
  void leave_slot(JobIndex index);
  void release(JobIndex index);

  CommandLine command_;
  bool dry_run_;
  ProgramPath path_;
  Environment environment_;
  ItemGoes item_;
  OutputGoes output_;
  std::optional<Duration> timeout_;
  Duration kill_after_;
  std::string timed_out_;  // what a task is told that has
  Descriptor folder_;      // the commands' working directory, if it is not ours
  Limits limits_;
  Epoll epoll_{"commands"};
  Descriptor wake_;                      // readable where a task has finished that no child is behind
  std::vector<SharedProgram> programs_;  // of the jobs, where keepers see them
  bool are_programs_left_ = false;       // to keepers that were let go
  std::vector<Job> jobs_;
  std::vector<Slot> slots_;
  std::uint64_t last_number_ = 0;
  std::map<KeeperId, Kept> keepers_;
  KeeperId last_keeper_ = 0;
  std::vector<KeeperId> idle_;               // keepers that can start a command
  std::map<std::uint64_t, JobIndex> queue_;  // by number: to be ordered
  Time try_again_ = never;                   // the system could not; when they are, at the latest
  bool is_short_ = false;                    // the command that ended last
  int quiet_ = 0;                            // so many in a row have said little
  bool has_ended_ = false;                   // one, since what is queued was tried last
  bool is_slot_empty_ = false;               // since it was looked whether others have something for it
  Time next_look_ = never;                   // for long ones
  Time next_due_ = never;                    // of the slots, or earlier
  Lack lack_;
  std::size_t running_ = 0;  // handed over and not collected
  Arguments arguments_;      // of the task being started
  std::vector<char> read_buffer_;
  ResultsFrame frame_{OutputForm::stream};
  std::vector<FinishedFrame> finished_;
};

}  // namespace fanmill::work
