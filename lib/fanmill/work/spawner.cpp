#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/blocked_signals.hpp>
#include <fanmill/work/default_signals.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

namespace {

constexpr std::size_t stack_size = std::size_t{64} << 10;
constexpr std::size_t guard_size = std::size_t{64} << 10;  // ≥ a page of any machine

struct Birth {
  const Program* program = nullptr;
  int stdin_fd = -1;
  pid_t parent = 0;
  bool resets_signals = true;
  int error = 0;  // the child's word to its parent
};

FANMILL_IN_CHILD bool set_limit(int resource, std::size_t most) {
  if (most == 0) return true;
  unsigned long limit[2] = {};  // struct rlimit64 as the kernel has it: soft and hard
  if (::syscall(SYS_prlimit64, 0, resource, nullptr, limit) != 0) return false;
  if (most < limit[1]) limit[1] = most;
  limit[0] = limit[1];
  return ::syscall(SYS_prlimit64, 0, resource, limit, nullptr) == 0;
}

FANMILL_IN_CHILD int run_child(void* argument) {
  Birth& birth = *static_cast<Birth*>(argument);
  const Program& program = *birth.program;
  bool ready = ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
  // It may have ended before the call above, and then no signal comes.
  ready = ready && ::syscall(SYS_getppid) == birth.parent;
  ready = ready && ::syscall(SYS_setpgid, 0, 0) == 0;
  // dup2() is not on every machine; these descriptors differ from 0, 1 and 2.
  ready = ready && ::syscall(SYS_dup3, birth.stdin_fd, STDIN_FILENO, 0) >= 0;
  ready = ready && ::syscall(SYS_dup3, program.stdout_fd, STDOUT_FILENO, 0) >= 0;
  ready = ready && ::syscall(SYS_dup3, program.stderr_fd, STDERR_FILENO, 0) >= 0;
  ready = ready && set_limit(RLIMIT_DATA, program.limits.memory);
  ready = ready && set_limit(RLIMIT_NPROC, program.limits.processes);
  if (ready) {
    // Kernels before 5.11 do not have it; ours are opened with O_CLOEXEC anyway.
    ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    if (birth.resets_signals) set_signals_to_default();
    const unsigned long none = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, signal_set_size);
    ::syscall(SYS_execve, program.file, program.argv, program.environment);
    if (errno == ENOEXEC) {
      char shell[] = "/bin/sh";
      char* const name = program.argv[0];
      program.argv[-1] = shell;
      program.argv[0] = const_cast<char*>(program.file);
      ::syscall(SYS_execve, shell, program.argv - 1, program.environment);
      program.argv[0] = name;
      program.argv[-1] = nullptr;
    }
  }
  birth.error = errno;
  ::syscall(SYS_exit_group, 127);
  return 127;
}

Descriptor above_standard_ones(int fd) {
  if (fd < 0 || fd > STDERR_FILENO) return Descriptor(fd);
  const Descriptor low(fd);
  return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace

Spawner::Spawner(Signals signals)
    : resets_signals_(signals != Signals::are_default),
      null_(above_standard_ones(::open("/dev/null", O_RDONLY | O_CLOEXEC))) {
  if (!null_) throw Error(ErrorCode::unavailable, "open", "/dev/null", reason_of(errno));
  stack_ =
      ::mmap(nullptr, guard_size + stack_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack_ == MAP_FAILED ||
      ::mprotect(static_cast<char*>(stack_) + guard_size, stack_size, PROT_READ | PROT_WRITE) != 0) {
    throw Error(ErrorCode::unavailable, "start", "commands", reason_of(errno));
  }
  // A parent may have had us ignore it, and then the kernel would keep no exit status for us.
  struct sigaction child_ended {};
  ::sigaction(SIGCHLD, nullptr, &child_ended);
  if (child_ended.sa_handler == SIG_IGN || (child_ended.sa_flags & SA_NOCLDWAIT) != 0) {
    ::signal(SIGCHLD, SIG_DFL);
  }
}

Spawner::~Spawner() {
  ::munmap(stack_, guard_size + stack_size);
}

std::variant<Child, int> Spawner::spawn(const Program& program) {
  assert(program.stdout_fd > STDERR_FILENO && program.stderr_fd > STDERR_FILENO);
  Birth birth{.program = &program,
              .stdin_fd = program.stdin_fd < 0 ? null_.fd() : program.stdin_fd,
              .parent = ::getpid(),
              .resets_signals = resets_signals_};
  int pidfd = -1;
  Child child;
  {
    // Handlers of ours must not run in the child before it has reset them.
    const BlockedSignals blocked;
    char* const stack_top = static_cast<char*>(stack_) + guard_size + stack_size;
    child.pid = ::clone(run_child, stack_top, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, &birth, &pidfd);
  }
  if (child.pid < 0) return errno;
  child.pidfd.reset(pidfd);
  if (birth.error == 0) return child;
  siginfo_t information{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd), &information, WEXITED) != 0 && errno == EINTR) {
  }
  return birth.error;
}

}  // namespace fanmill::work
