#pragma once
// A process per slot that is started once and kept: items go in, answers come back, one for each and in their
// order.
//
// Short items are asked several at a time (see Depth): all that a batch holds is written at once, and nothing
// more before all of it is answered. Answers are given on when the batch is complete, or when it takes long:
// a process that answers more than it was asked is then found out before anything is made of it. What a
// batch holds beyond the item that a process ended with is asked again, of the next one.
//
// A process is started when there is an item for it, and is given up when it ends, closes a pipe, takes too
// long, answers too much or unasked: the item in hand has failed, and what is left of it is killed by its
// keeper before the slot's next process starts. Processes that end one after the other without a single
// answer are an Error.
//
// Must be used and destroyed on the thread that made it. SIGPIPE must be ignored by the program.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/answers.hpp>
#include <fanmill/work/capture.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/depth.hpp>
#include <fanmill/work/environment.hpp>
#include <fanmill/work/epoll.hpp>
#include <fanmill/work/keeper.hpp>
#include <fanmill/work/launch.hpp>
#include <fanmill/work/program_path.hpp>
#include <fanmill/work/results_frame.hpp>
#include <fanmill/work/runner.hpp>
#include <fanmill/work/shared_program.hpp>
#include <fanmill/work/shared_span.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::work {

class CoprocessRunner final : public Runner {
 public:
  // Throws Error where the system gives no descriptors, and where the folder cannot be used.
  CoprocessRunner(CommandLine command, const WorkSettings& settings);
  // Closes the stdin of those that have nothing in hand and gives them time to leave; kills the others, and
  // what is left; waits for the end of all.
  ~CoprocessRunner() override;
  CoprocessRunner(const CoprocessRunner&) = delete;
  CoprocessRunner& operator=(const CoprocessRunner&) = delete;

  [[nodiscard]] std::size_t slots() const override { return slots_.size(); }
  [[nodiscard]] std::size_t room() const override;
  // Throws Error{unavailable} where the command cannot be executed.
  void start(Handout handout, Time now) override;
  [[nodiscard]] std::vector<TaskId> take_back(std::size_t most) override;
  [[nodiscard]] std::size_t running() const override { return running_; }
  [[nodiscard]] int wait_fd() const override { return epoll_.fd(); }
  [[nodiscard]] Time deadline() const override { return next_due_; }
  // Throws as start() does, and where processes end again and again without an answer.
  void collect(Time now, std::vector<FinishedFrame>& finished) override;
  [[nodiscard]] std::string take_notice() override { return std::exchange(notice_, {}); }
  // Those that have nothing in hand are kept.
  void abandon() override;

 private:
  // Of a slot, what an event is about.
  enum class Source : std::uint8_t { answers, errors, items, keeper };

  enum class State : std::uint8_t {
    absent,
    running,
    doubtful,  // has closed a pipe: it is ending, or else is given up in a moment
    ending,    // nothing that it writes to stdout counts any more
  };

  // Why the item in hand has failed.
  struct Failure {
    wire::Cause cause = wire::Cause::error;
    std::uint32_t code = 0;
    std::string text;
    bool of_process = true;  // and not of an item that asks for too much
    bool of_batch = false;   // it is not known which answer is whose
  };

  struct Queued {
    Handout handout;
    TaskSpan span;
  };

  struct Slot {
    explicit Slot(const WorkSettings& settings)
        : answers(settings.framing, settings.max_output), errors(Capture::Keep::last, settings.max_stderr) {}

    State state = State::absent;
    std::optional<Keeper> keeper;
    Descriptor items_pipe;  // our ends
    Descriptor answers_pipe;
    Descriptor errors_pipe;
    bool waits_to_write = false;
    bool has_answered = false;
    std::optional<Failure> failure;

    Answers answers;
    Capture errors;
    // The batch: what is not answered, or whose answers are held back.
    Handout handout;
    TaskSpan span;
    std::vector<Answers::Place> held;
    std::string question;   // as it is written
    std::size_t asked = 0;  // bytes of it that are
    bool heard = false;     // something came back since then
    std::size_t batch = 0;  // tasks in it at first
    Time batch_began{};
    Time task_began{};

    Time due = never;      // an answer
    Time hold = never;     // until when answers are held back
    Time give_up = never;  // SIGKILL, or what is doubtful is over

    [[nodiscard]] bool is_idle() const { return span.count() == 0; }
  };

  void watch(int fd, std::uint32_t events, std::size_t index, Source source) const;
  // Another thing of one that is watched.
  void expect(int fd, std::uint32_t events, std::size_t index, Source source) const;
  void remind(Time time) { next_due_ = std::min(next_due_, time); }
  void handle_events(Time now);
  void check_times(Time now);

  // Gives those that have nothing in hand something to do.
  void feed(Time now);
  void feed_slot(std::size_t index, Time now);
  [[nodiscard]] bool take_batch(std::size_t index, Time now);
  // False where the system lacks what it takes, for now.
  [[nodiscard]] bool launch(std::size_t index, Time now);
  // The errno value that says why not, or 0.
  [[nodiscard]] int spawn(std::size_t index);
  void write_items(std::size_t index, Time now);
  void read_errors(Slot& slot);
  void read_answers(std::size_t index, Time now);
  void take_answers(std::size_t index, Time now);
  // Gives on the answers that are held back.
  void settle(std::size_t index, Time now);

  void hear(std::size_t index, Time now);
  void doubt(std::size_t index, std::string_view what, Time now);
  void on_ended(std::size_t index, const KeeperReport& report, Time now);
  enum class How : std::uint8_t { politely, at_once };
  void end(std::size_t index, std::optional<Failure> failure, How how, Time now);
  void on_gone(std::size_t index, Time now);

  [[nodiscard]] wire::Detail detail_of(std::size_t index, const wire::TaskView& task,
                                       const RunContext& context, Time began, Duration took) const;
  void fail(std::size_t index, const wire::TaskView& task, const std::shared_ptr<const RunContext>& context,
            const Failure& failure, Time now);
  void add(const std::shared_ptr<const RunContext>& context, const wire::ResultView& result);

  CommandLine command_;
  std::string shown_;  // the command, for people
  Framing framing_;
  std::optional<Duration> timeout_;
  Duration kill_after_;
  ProgramPath path_;
  Environment environment_;
  Descriptor folder_;
  Limits limits_;
  SharedProgram program_;  // that a keeper is to start
  Epoll epoll_{"co-processes"};
  std::vector<Slot> slots_;
  std::deque<Queued> queue_;
  std::size_t queued_ = 0;   // tasks in it
  std::size_t running_ = 0;  // handed over and not collected
  Depth depth_;
  Time next_due_ = never;   // of all that has a time, or earlier
  Time try_again_ = never;  // to start a process
  Time wonder_ = never;     // why there is no answer
  bool wondered_ = false;
  bool answered_ = false;  // one of them, once
  std::string notice_;
  Lack lack_;
  std::size_t misfires_ = 0;  // processes in a row that ended without an answer
  Arguments arguments_;
  std::vector<char> read_buffer_;
  ResultsFrame frame_{OutputForm::records};
  std::vector<FinishedFrame> finished_;
};

}  // namespace fanmill::work
