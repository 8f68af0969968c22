#pragma once
// A process per task, all of them watched by the loop's own thread.
//
// A task is finished when its process has ended: what its pipes hold then is read, and no more is waited for.
// Whoever holds them open beyond that (a process left in the background) goes on living, and what it writes
// later is lost: it gets SIGPIPE.
//
// Must be used and destroyed on the thread that made it: its children are killed when that thread ends (see
// Spawner).

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string_view>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/capture.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/environment.hpp>
#include <fanmill/work/program_path.hpp>
#include <fanmill/work/results_frame.hpp>
#include <fanmill/work/runner.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

struct CommandSettings {
  std::size_t slots = 1;
  std::size_t max_output = 0;  // bytes of stdout that are kept of a task
  std::size_t max_stderr = 0;  // and of stderr, the last ones
  bool dry_run = false;        // starts nothing: a task's stdout is what would run, as a line for sh
};

class CommandRunner final : public Runner {
 public:
  // Throws Error where the system gives no descriptors.
  CommandRunner(CommandLine command, const CommandSettings& settings);
  // Kills what runs, and waits for it.
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
  [[nodiscard]] Time deadline() const override { return try_again_; }
  // Throws Error{unavailable} where no process can be had although none of ours runs, for seconds.
  void collect(Time now, std::vector<FinishedFrame>& finished) override;
  // Kills each child's process group; a descendant that has left it is out of reach. The runner can be used
  // again at once. What was killed is reaped by collect() or by the destructor.
  void abandon() override;

 private:
  // Of a slot, what an event is about.
  enum class Source : std::uint8_t { process, out, err };

  struct Stream {
    Descriptor pipe;  // our end
    Capture capture{Capture::Keep::first, 0};
  };

  struct Slot {
    bool busy = false;
    Child child;
    std::array<Stream, 2> streams;  // stdout, stderr
    // The task, and what keeps its bytes alive.
    std::shared_ptr<const void> owner;
    std::shared_ptr<const RunContext> context;
    wire::TaskView task;
    Time started{};
    std::uint64_t started_at = 0;  // µs since 1970
  };

  [[nodiscard]] std::size_t take_free_slot();
  // Starts the task of a slot, or puts it off where the system lacks what a process takes.
  void begin(std::size_t index, Time now);
  void write_command(Capture& out) const;
  void put_off(std::size_t index, std::string_view name, int error, Time now);
  void begin_put_off(Time now);
  // The errno value that says why not, or 0.
  [[nodiscard]] int spawn(std::size_t index);
  [[nodiscard]] std::string why_not_run(std::string_view name, int error) const;
  void watch(int fd, std::uint64_t what) const;
  void read_stream(Stream& stream);
  void read_rest(Stream& stream);
  void close_stream(Stream& stream) const;
  void end_process(std::size_t index);
  void finish(std::size_t index, wire::Detail detail);
  void free_slot(std::size_t index);
  void reap_dying();

  CommandLine command_;
  bool dry_run_;
  ProgramPath path_;
  Environment environment_;
  Spawner spawner_;
  Descriptor epoll_;
  Descriptor wake_;  // readable where a task has finished that no child is behind
  std::vector<Slot> slots_;
  std::vector<std::size_t> free_;    // a heap, the lowest first
  std::vector<Child> dying_;         // killed by abandon() and not reaped yet
  std::deque<std::size_t> put_off_;  // slots whose tasks are to be started when the system can
  Time try_again_ = never;           // them, at the latest
  Time lacking_since_ = never;       // since when nothing at all could be started
  std::size_t running_ = 0;          // handed over and not collected
  Arguments arguments_;              // of the task being started
  std::vector<char> read_buffer_;
  ResultsFrame frame_{OutputForm::stream};
  std::vector<FinishedFrame> finished_;
};

}  // namespace fanmill::work
