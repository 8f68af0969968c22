#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/descendants.hpp>
#include <fanmill/work/keeper_process.hpp>
#include <fanmill/work/short_turns.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

namespace {

constexpr int socket_fd = STDERR_FILENO + 1;
constexpr int first_to_close = socket_fd + 1;

// What cannot be killed (another user's, or stuck in the kernel) is given up after so long.
constexpr long most_ms_of_killing = 5000;
constexpr int ms_between_kills = 10;

long now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

[[noreturn]] void leave() {
  ::_exit(0);
}

void close_inherited() {
  if (::syscall(SYS_close_range, static_cast<unsigned>(first_to_close), ~0U, 0U) == 0) return;
  // Kernels before 5.9.
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  for (rlim_t fd = first_to_close; fd < limit.rlim_cur; ++fd) ::close(static_cast<int>(fd));
}

void settle_in(int socket, pid_t parent, int folder) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_NAME, "fanmill-keeper");
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // It may have ended before, and then no signal comes.
  if (::getppid() != parent) leave();
  // What is sent to the worker's group, SIGKILL above all, is not for us.
  ::setpgid(0, 0);
  if (folder >= 0 && ::fchdir(folder) != 0) leave();
  const int high_socket = ::fcntl(socket, F_DUPFD, first_to_close);
  const int null = ::open("/dev/null", O_RDWR);
  if (high_socket < 0 || null < 0) leave();
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  ::dup3(high_socket, socket_fd, O_CLOEXEC);
  close_inherited();
}

class KeeperProcess {
 public:
  explicit KeeperProcess(const KeeperSettings& settings)
      : program_(*settings.program), limits_(settings.limits) {
    const std::size_t bytes = 2 * settings.most * sizeof(Command);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) leave();
    commands_ = static_cast<Command*>(memory);
    ended_ = commands_ + settings.most;
    sigset_t some;
    sigemptyset(&some);
    sigaddset(&some, SIGCHLD);
    sigaddset(&some, SIGTERM);
    signals_.reset(::signalfd(-1, &some, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) leave();
  }

  [[noreturn]] void run() {
    for (;;) {
      std::array<pollfd, 2> fds{pollfd{socket_fd, POLLIN, 0}, pollfd{signals_.fd(), POLLIN, 0}};
      ::poll(fds.data(), fds.size(), -1);
      // The end of a command before the next order: it may be what the order is about.
      if (fds[1].revents != 0) heed_signals();
      if (fds[0].revents != 0) obey();
    }
  }

 private:
  struct Command {
    pid_t pid;
    std::uint32_t tag;
    std::int32_t code;
    bool signalled;
  };

  void say(const KeeperReport& report) const {
    while (::send(socket_fd, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  void obey() {
    KeeperOrder order;
    iovec bytes{&order, sizeof order};
    std::array<int, 3> fds{-1, -1, -1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> control{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    if (size < 0 && errno == EINTR) return;
    if (size <= 0) kill_all_and_leave();
    if (const cmsghdr* const header = CMSG_FIRSTHDR(&message)) {
      std::memcpy(fds.data(), CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    }
    const Descriptor out(fds[0]);
    const Descriptor err(fds[1]);
    const Descriptor in(fds[2]);
    switch (order.kind) {
      case KeeperOrder::Kind::start:
        start(order.tag, in.fd(), out.fd(), err.fd(), (message.msg_flags & MSG_CTRUNC) != 0);
        break;
      case KeeperOrder::Kind::terminate:
        signal_descendants(SIGTERM);
        signal_descendants(SIGCONT);
        break;
      case KeeperOrder::Kind::kill:
        owes_cleared_ = false;
        const bool left = !kill_all();
        owes_cleared_ = false;
        say({.kind = KeeperReport::Kind::cleared, .left = left});
        break;
    }
  }

  void start(std::uint32_t tag, int in, int out, int err, bool lacks_descriptors) {
    KeeperReport report{.kind = KeeperReport::Kind::not_started, .tag = tag};
    if (lacks_descriptors || err < 0) {
      report.code = EMFILE;
      return say(report);
    }
    Program program = program_.get();
    program.stdin_fd = in;
    program.stdout_fd = out;
    program.stderr_fd = err;
    program.limits = limits_;
    const auto spawned = spawner_.spawn(program);
    if (const int* const error = std::get_if<int>(&spawned)) {
      report.code = *error;
    } else {
      report.kind = KeeperReport::Kind::started;
      commands_[count_++] = {std::get<Child>(spawned).pid, tag, 0, false};
    }
    say(report);
  }

  void heed_signals() {
    signalfd_siginfo signal{};
    while (::read(signals_.fd(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGTERM) kill_all_and_leave();
    }
    if (!reap() && owes_cleared_) {
      owes_cleared_ = false;
      say({.kind = KeeperReport::Kind::cleared});
    }
  }

  // Reaps what has ended, and says of commands how. Whether there are children still.
  bool reap() {
    bool has_children = false;
    std::size_t ended = 0;
    siginfo_t information{};
    for (;;) {
      information.si_pid = 0;
      if (::waitid(P_ALL, 0, &information, WEXITED | WNOHANG | __WALL) != 0) {
        if (errno == EINTR) continue;
        break;
      }
      has_children = information.si_pid == 0;
      if (has_children) break;
      Command* const end = commands_ + count_;
      Command* const command =
          std::find_if(commands_, end, [&](const Command& one) { return one.pid == information.si_pid; });
      if (command == end) continue;
      command->code = information.si_status;
      command->signalled = information.si_code != CLD_EXITED;
      ended_[ended++] = *command;
      *command = *(end - 1);
      --count_;
    }
    const bool left = has_children && count_ == 0;
    for (std::size_t i = 0; i < ended; ++i) {
      say({.kind = KeeperReport::Kind::ended,
           .tag = ended_[i].tag,
           .code = ended_[i].code,
           .signalled = ended_[i].signalled,
           .left = left});
      owes_cleared_ = left;
    }
    return has_children;
  }

  // Again and again: some may be making others. Whether all have gone.
  bool kill_all() {
    const long until = now_ms() + most_ms_of_killing;
    do {
      if (!reap()) return true;
      // A group at once, which leaves a command that forks all the time no chance.
      for (std::size_t i = 0; i < count_; ++i) ::kill(-commands_[i].pid, SIGKILL);
      signal_descendants(SIGKILL);
      if (!reap()) return true;
      pollfd child_ended{signals_.fd(), POLLIN, 0};
      ::poll(&child_ended, 1, ms_between_kills);
      signalfd_siginfo signal{};
      while (::read(signals_.fd(), &signal, sizeof signal) == sizeof signal) {
      }
    } while (now_ms() < until);
    return false;
  }

  [[noreturn]] void kill_all_and_leave() {
    kill_all();
    leave();
  }

  const SharedProgram& program_;
  const Limits limits_;
  Spawner spawner_;
  Descriptor signals_;
  Command* commands_ = nullptr;  // that run
  std::size_t count_ = 0;
  Command* ended_ = nullptr;   // room for reap()
  bool owes_cleared_ = false;  // a command has ended and left some behind
};

}  // namespace

void keep_commands(int socket, pid_t parent, const KeeperSettings& settings) {
  settle_in(socket, parent, settings.folder);
  // While it waits behind one command, the place of another that has ended is empty.
  if (settings.most > 1) take_short_turns();
  KeeperProcess(settings).run();
}

}  // namespace fanmill::work
