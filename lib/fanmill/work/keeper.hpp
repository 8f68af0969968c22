#pragma once
// A process of ours between a worker and its commands, so that nothing they start is ever out of reach.
//
// It starts commands when it is told to, and it is the reaper of all their descendants
// (PR_SET_CHILD_SUBREAPER, prctl(2)): one that leaves its process group, its session or its parent becomes
// the keeper's own child, and is found. When the worker ends, however it does, the keeper's socket closes,
// and it kills all that is below it before it ends itself.
//
// A keeper that is given one command at a time knows whose the descendants are: that is what a timeout
// needs. One for all commands of a worker is enough to clear up behind it.
//
// It is forked once and then starts programs as quickly as its parent could (see Spawner). It is no child
// that wait(2) would find, and must be used on the thread that made it, with which it ends.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <span>
#include <variant>

#include <sys/socket.h>
#include <sys/types.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/work/shared_program.hpp>

namespace fanmill::work {

// What a keeper is told. The program is in shared memory; its stdout, stderr and, if it has one, stdin come
// along as descriptors.
struct KeeperOrder {
  enum class Kind : std::uint32_t {
    start,      // as soon as no command runs in its place
    take_back,  // if it has not been started
    terminate,  // SIGTERM to all descendants
    kill,       // SIGKILL to all of them, until there are none
  };
  Kind kind = Kind::start;
  std::uint32_t tag = 0;    // of the command, for reports, and which of the programs it is
  std::uint32_t place = 0;  // below `most`
  bool is_waited_for = false;
};

// What it says.
struct KeeperReport {
  enum class Kind : std::uint32_t {
    started,      // where that is waited for
    not_started,  // code: the errno value
    taken_back,   // or, with `left`, it had been started
    ended,        // signalled, code, at: how and when. left: descendants of it are there still
    cleared,      // none are any more; or, with `left`, there are some that cannot be killed
    gone,         // the keeper itself has ended
  };
  Kind kind = Kind::gone;
  std::uint32_t tag = 0;
  std::int32_t code = 0;
  bool signalled = false;
  bool left = false;
  Time at{};
};

struct KeeperSettings {
  std::span<const SharedProgram> programs;  // by tag; they outlive the keeper
  std::size_t most = 1;                     // places: commands at a time
  std::size_t waiting = 0;                  // at most so many in each
  int folder = -1;                          // the commands' working directory; −1: as it is now
  Limits limits{};                          // of the commands
};

class Keeper {
 public:
  // Forks. The errno value if that fails.
  [[nodiscard]] static std::variant<Keeper, int> open(const KeeperSettings& settings);

  // Readable when next() has something to say.
  [[nodiscard]] int fd() const { return socket_.fd(); }

  // Orders that a program be started in a place, behind those that were ordered there before: one runs, and
  // `waiting` can wait. Nothing is heard of it before its end, unless it cannot be started. The errno value
  // if it cannot be ordered: EPIPE where the keeper has gone, EAGAIN where it does not read its orders.
  [[nodiscard]] int order(std::uint32_t tag, std::uint32_t place, int stdin_fd, int stdout_fd, int stderr_fd);
  // Whether it has not been started, and will not be; `failed` where it could not be, which next() does not
  // say any more: it would be taken for the next order of that tag. Waits for the keeper's word, but not for
  // one that stands still: its answer is for next() then.
  enum class Answer : std::uint8_t { yes, no, failed, none, gone };
  [[nodiscard]] Answer take_back(std::uint32_t tag, std::uint32_t place);
  // Starts the program 0 and waits until it runs. The errno value if it does not; EPIPE where the keeper has
  // gone, and the program may have begun.
  [[nodiscard]] int start(int stdin_fd, int stdout_fd, int stderr_fd);
  void terminate() { tell({KeeperOrder::Kind::terminate}); }
  void kill() { tell({KeeperOrder::Kind::kill}); }

  // Whether a report came while another was waited for, which fd() does not tell.
  [[nodiscard]] bool has_report() const { return !reports_.empty(); }
  // The next report, if there is one. After `gone` there is nothing more to say.
  [[nodiscard]] bool next(KeeperReport& report);

  // It kills everything below it, and ends; `gone` comes then.
  void let_go() const;
  // For one that does not answer. What it watches over goes on then, or is whoever's who reaps above us.
  void kill_it() const;
  // Waits for its end, and hears nothing more.
  void reap() const;

 private:
  Keeper(Descriptor socket, pid_t pid) : socket_(std::move(socket)), pid_(pid) {}

  void tell(KeeperOrder order);
  [[nodiscard]] int send(KeeperOrder order, int stdin_fd, int stdout_fd, int stderr_fd);
  [[nodiscard]] int send(const msghdr& message);
  // Waits for the answer to what was told last of a command, one of these kinds or `gone`; what else is said
  // before it is for next(). None within `most`.
  [[nodiscard]] std::optional<KeeperReport> answer(std::initializer_list<KeeperReport::Kind> kinds,
                                                   std::uint32_t tag, Duration most);
  // False where nothing has come.
  [[nodiscard]] bool receive(KeeperReport& report) const;

  Descriptor socket_;
  pid_t pid_ = 0;
  std::deque<KeeperReport> reports_;  // that came while another was waited for
};

}  // namespace fanmill::work
