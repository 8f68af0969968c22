#pragma once
// A process per task, all of them watched by the loop's own thread.
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
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/capture.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/environment.hpp>
#include <fanmill/work/keeper.hpp>
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
  [[nodiscard]] std::size_t room() const override { return slots_.size() - running_; }
  void start(Handout handout, Time now) override;
  // All that it has runs, or will as soon as the system lets it.
  [[nodiscard]] std::vector<TaskId> take_back(std::size_t) override { return {}; }
  [[nodiscard]] std::size_t running() const override { return running_; }
  [[nodiscard]] int wait_fd() const override { return epoll_.fd(); }
  [[nodiscard]] Time deadline() const override { return std::min(try_again_, next_due_); }
  // Throws Error{unavailable} where no process can be had although none of ours runs, for seconds.
  void collect(Time now, std::vector<FinishedFrame>& finished) override;
  // Kills what was left behind, too. The runner can be used again at once.
  void abandon() override;

 private:
  // Of a slot, what an event is about.
  enum class Source : std::uint8_t { out, err, in };

  struct Stream {
    Descriptor pipe;  // our end
    Capture capture{Capture::Keep::first, 0};
  };

  // How far the end of a task has come that has run for too long.
  enum class Timeout : std::uint8_t {
    none,
    terminated,  // its processes have got SIGTERM
    killed,      // and SIGKILL
  };

  using KeeperId = std::uint32_t;

  struct Slot {
    bool busy = false;
    KeeperId keeper = 0;
    std::array<Stream, 2> streams;  // stdout, stderr
    Descriptor input;               // stdin's pipe, as long as there is something to write
    std::size_t input_done = 0;     // bytes
    Timeout timeout = Timeout::none;
    Time due = never;    // when the next step is
    bool ended = false;  // its process, and what is left of it is waited for
    // The task, and what keeps its bytes alive.
    std::shared_ptr<const void> owner;
    std::shared_ptr<const RunContext> context;
    wire::TaskView task;
    Time started{};
    std::uint64_t started_at = 0;  // µs since 1970
  };

  struct Kept {
    enum class Use : std::uint8_t {
      commands,     // starts them
      left_behind,  // its command has ended, and others have not
      dying,
    };
    Keeper keeper;
    Use use = Use::commands;
  };

  [[nodiscard]] std::size_t commands_per_keeper() const { return timeout_ ? 1 : slots_.size(); }
  // Makes an idle one. The errno value if it cannot.
  [[nodiscard]] int open_keeper();
  void lose_keeper(KeeperId id);
  void hear(KeeperId id);
  void hear_all();  // what came while they started others
  void on_ended(KeeperId id, const KeeperReport& report);
  void on_cleared(KeeperId id, const KeeperReport& report);
  void check_timeouts(Time now);

  [[nodiscard]] std::size_t take_free_slot();
  // Starts the task of a slot, or puts it off where the system lacks what a process takes.
  void begin(std::size_t index, Time now);
  void write_command(Capture& out) const;
  void put_off(std::size_t index, std::string_view name, int error, Time now);
  void begin_put_off(Time now);
  // The errno value that says why not, or 0.
  [[nodiscard]] int spawn(std::size_t index);
  [[nodiscard]] int start_by_keeper(std::size_t index, int in, int out, int err);
  void watch(int fd, std::uint32_t events, std::uint64_t what) const;
  void unwatch(int fd) const;
  void write_input(Slot& slot);
  void close_input(Slot& slot) const;
  void read_stream(Stream& stream);
  void read_rest(Stream& stream);
  void close_stream(Stream& stream) const;
  void finish(std::size_t index, wire::Detail detail);
  void finish_timed_out(std::size_t index);
  void free_slot(std::size_t index);

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
  SharedProgram program_;  // that a keeper is to start
  Descriptor epoll_;
  Descriptor wake_;  // readable where a task has finished that no child is behind
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;  // a heap, the lowest first
  std::map<KeeperId, Kept> keepers_;
  KeeperId last_keeper_ = 0;
  std::vector<KeeperId> idle_;       // keepers that can start a command
  std::deque<std::size_t> put_off_;  // slots whose tasks are to be started when the system can
  Time try_again_ = never;           // them, at the latest
  Time next_due_ = never;            // of the slots, or earlier
  Time lacking_since_ = never;       // since when nothing at all could be started
  std::size_t running_ = 0;          // handed over and not collected
  Arguments arguments_;              // of the task being started
  std::vector<char> read_buffer_;
  ResultsFrame frame_{OutputForm::stream};
  std::vector<FinishedFrame> finished_;
};

}  // namespace fanmill::work
