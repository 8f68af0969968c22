#pragma once
// Starts programs, the quick way: a child that borrows our memory until it executes (clone(2) with
// CLONE_VFORK), as posix_spawn(3) does, because fork(2) copies page tables, which takes longer than all else.
// Unlike posix_spawn's, our children can be told to die with us.
//
// A child gets no descriptor of ours but its stdin, stdout and stderr; a process group of its own; every
// signal at its default and none blocked; and SIGKILL when the *thread* that started it ends
// (PR_SET_PDEATHSIG), so the thread has to outlive its children's use.

#include <cstddef>
#include <variant>

#include <sys/types.h>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::work {

struct Child {
  pid_t pid = 0;     // its process group's number, too
  Descriptor pidfd;  // polls readable when the child has ended; pidfd_open(2)
};

// What each process of a program may take, setrlimit(2); 0: no limit of ours. None goes above what we have.
struct Limits {
  std::size_t memory = 0;     // bytes of its own data, mapped ones included (RLIMIT_DATA)
  std::size_t processes = 0;  // of its user, threads included (RLIMIT_NPROC); the system exempts root
};

// What a program is started with. All of it stays the caller's.
struct Program {
  const char* file = nullptr;
  // Ended by a null pointer. argv[-1] must be there, and is used where the file is a script without a #!
  // line, which the shell then reads, as execvp(3) has it.
  char** argv = nullptr;
  char** environment = nullptr;
  int stdin_fd = -1;   // ≥ 3; −1: /dev/null
  int stdout_fd = -1;  // ≥ 3
  int stderr_fd = -1;  // ≥ 3
  Limits limits{};
};

class Spawner {
 public:
  enum class Signals {
    are_default,      // all of this process's are, and stay so
    are_set_by_each,  // child, to their default
  };

  // Throws Error where /dev/null cannot be opened. Sets SIGCHLD to its default if it is ignored, for all of
  // the process.
  explicit Spawner(Signals signals = Signals::are_set_by_each);
  ~Spawner();
  Spawner(const Spawner&) = delete;
  Spawner& operator=(const Spawner&) = delete;

  // Returns when the program runs, or with the errno value that says why it does not; then there is no child.
  [[nodiscard]] std::variant<Child, int> spawn(const Program& program);

 private:
  bool resets_signals_;
  Descriptor null_;
  void* stack_ = nullptr;
};

}  // namespace fanmill::work
