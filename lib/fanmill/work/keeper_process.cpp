#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <new>
#include <span>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/work/default_signals.hpp>
#include <fanmill/work/descendants.hpp>
#include <fanmill/work/keeper_process.hpp>
#include <fanmill/work/launch.hpp>
#include <fanmill/work/short_turns.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

namespace {

constexpr int socket_fd = STDERR_FILENO + 1;
constexpr int first_to_close = socket_fd + 1;

// What cannot be killed (another user's, or stuck in the kernel) is given up after so long.
constexpr auto longest_killing = std::chrono::seconds(5);
constexpr int ms_between_kills = 10;
constexpr int ms_between_tries = 1;
// How long nothing is said of a command that has ended while others wait behind it.
constexpr auto longest_unsaid = std::chrono::milliseconds(5);

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
  // Once, and not in each command: 64 system calls are as long as two hundredths of a short one.
  set_signals_to_default();
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
      : programs_(settings.programs),
        limits_(settings.limits),
        places_(array_of<Place>(settings.most)),
        ended_(array_of<KeeperReport>(settings.most * (1 + settings.waiting))) {
    const std::span<Waiting> waiting = array_of<Waiting>(settings.most * settings.waiting);
    for (std::size_t i = 0; i < places_.size(); ++i)
      places_[i].waiting = waiting.subspan(i * settings.waiting, settings.waiting);
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
      ::poll(fds.data(), fds.size(), milliseconds_left());
      // The end of a command before the next order: it may be what the order is about.
      if (fds[1].revents != 0) heed_signals();
      if (ended_count_ > 0 && Clock::now() >= say_by_) say_ended();
      if (fds[0].revents != 0) obey();
    }
  }

 private:
  // A command that is to be started.
  struct Waiting {
    std::uint32_t tag = 0;
    Descriptor in;
    Descriptor out;
    Descriptor err;
  };

  struct Place {
    pid_t pid = 0;  // of the command that runs; 0: none does
    std::uint32_t tag = 0;
    std::span<Waiting> waiting;  // room for them; the first ones wait, in order
    std::size_t waiting_count = 0;
  };

  template <typename T>
  static std::span<T> array_of(std::size_t count) {
    if (count == 0) return {};
    void* const memory =
        ::mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) leave();
    T* const first = static_cast<T*>(memory);
    for (std::size_t i = 0; i < count; ++i) new (first + i) T;
    return {first, count};
  }

  void say(const KeeperReport& report) const {
    while (::send(socket_fd, &report, sizeof report, MSG_NOSIGNAL) < 0) {
      // What is not said is waited for, for ever.
      if (errno == ENOBUFS || errno == ENOMEM) {
        ::poll(nullptr, 0, ms_between_tries);
      } else if (errno != EINTR) {
        return;
      }
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
    Waiting command{order.tag, Descriptor(fds[2]), Descriptor(fds[0]), Descriptor(fds[1])};
    switch (order.kind) {
      case KeeperOrder::Kind::start:
        if ((message.msg_flags & MSG_CTRUNC) != 0 || !command.err) {
          say_not_started(order.tag, EMFILE);
        } else if (Place& place = places_[order.place]; place.pid != 0) {
          place.waiting[place.waiting_count++] = std::move(command);
        } else if (const int error = start(order.place, command)) {
          say_not_started(order.tag, error);
        } else if (order.is_waited_for) {
          say({.kind = KeeperReport::Kind::started, .tag = order.tag});
        }
        break;
      case KeeperOrder::Kind::take_back:
        take_back(order);
        break;
      case KeeperOrder::Kind::terminate:
        signal_descendants(SIGTERM);
        signal_descendants(SIGCONT);
        break;
      case KeeperOrder::Kind::kill:
        owes_cleared_ = false;
        const bool left = !kill_all();
        owes_cleared_ = left;
        say({.kind = KeeperReport::Kind::cleared, .left = left});
        break;
    }
  }

  void say_not_started(std::uint32_t tag, int error) const {
    say({.kind = KeeperReport::Kind::not_started, .tag = tag, .code = error});
  }

  // The errno value if it fails.
  [[nodiscard]] int start(std::uint32_t place, const Waiting& command) {
    const SharedProgram& shared = programs_[command.tag];
    Program program = shared.get();
    program.stdin_fd = command.in.fd();
    program.stdout_fd = command.out.fd();
    program.stderr_fd = command.err.fd();
    program.limits = limits_;
    shared.begin();
    const auto spawned = spawner_.spawn(program);
    if (const int* const error = std::get_if<int>(&spawned)) {
      shared.fail_to_begin();
      return *error;
    }
    places_[place].pid = std::get<Child>(spawned).pid;
    places_[place].tag = command.tag;
    ++running_;
    return 0;
  }

  void take_back(const KeeperOrder& order) {
    Place& place = places_[order.place];
    const auto waiting = place.waiting.first(place.waiting_count);
    const auto found = std::find_if(waiting.begin(), waiting.end(),
                                    [&](const Waiting& one) { return one.tag == order.tag; });
    const bool is_there = found != waiting.end();
    if (is_there) static_cast<void>(take_out(place, static_cast<std::size_t>(found - waiting.begin())));
    say({.kind = KeeperReport::Kind::taken_back, .tag = order.tag, .left = !is_there});
  }

  static Waiting take_out(Place& place, std::size_t index) {
    const auto from_there = place.waiting.subspan(index, place.waiting_count - index);
    Waiting taken = std::move(from_there.front());
    std::move(from_there.begin() + 1, from_there.end(), from_there.begin());
    --place.waiting_count;
    return taken;
  }

  void heed_signals() {
    // The other one, if it has come too, is read in the next turn.
    signalfd_siginfo signal{};
    if (::read(signals_.fd(), &signal, sizeof signal) == sizeof signal && signal.ssi_signo == SIGTERM)
      kill_all_and_leave();
    if (!reap() && owes_cleared_) {
      owes_cleared_ = false;
      say({.kind = KeeperReport::Kind::cleared});
    }
  }

  // Reaps what has ended, starts what has waited for that, and says of commands how they have ended, by and
  // by. Whether there are children still.
  bool reap() {
    bool has_children = false;
    const std::size_t before = ended_count_;
    siginfo_t information{};
    for (;;) {
      information.si_pid = 0;
      if (::waitid(P_ALL, 0, &information, WEXITED | WNOHANG | __WALL) != 0) {
        if (errno == EINTR) continue;
        break;
      }
      has_children = information.si_pid == 0;
      if (has_children) break;
      const auto place = std::find_if(places_.begin(), places_.end(),
                                      [&](const Place& one) { return one.pid == information.si_pid; });
      if (place == places_.end()) continue;
      if (ended_count_ == 0) say_by_ = Clock::now() + longest_unsaid;
      ended_[ended_count_++] = {.kind = KeeperReport::Kind::ended,
                                .tag = place->tag,
                                .code = information.si_status,
                                .signalled = information.si_code != CLD_EXITED,
                                .at = Clock::now()};
      place->pid = 0;
      --running_;
    }
    if (ended_count_ == before) return has_children;
    const auto ended = ended_.subspan(before, ended_count_ - before);
    const auto has_failed = [](const KeeperReport& report) { return report.signalled || report.code != 0; };
    owes_cleared_ = has_children && running_ == 0;
    for (KeeperReport& report : ended) report.left = owes_cleared_;
    const bool is_news = std::any_of(ended.begin(), ended.end(), has_failed);
    start_waiting();
    if (is_news) say_ended();
    return has_children;
  }

  // Before it is said that their places are empty: until then a processor has nothing to do. And where others
  // wait behind them that may be said of several together, since each word costs the processors the same.
  void start_waiting() {
    bool is_waited_for = false;
    for (std::uint32_t index = 0; index < places_.size(); ++index) {
      Place& place = places_[index];
      while (place.pid == 0 && place.waiting_count > 0) {
        const Waiting next = take_out(place, 0);
        const int error = start(index, next);
        if (error == 0) continue;
        say_ended();
        say_not_started(next.tag, error);
        // They come again in their order.
        while (is_lack(error) && place.waiting_count > 0) say_not_started(take_out(place, 0).tag, error);
      }
      is_waited_for = is_waited_for || place.waiting_count == 0;
    }
    if (is_waited_for) say_ended();
  }

  void say_ended() {
    for (const KeeperReport& report : ended_.first(std::exchange(ended_count_, 0))) say(report);
  }

  [[nodiscard]] int milliseconds_left() const {
    if (ended_count_ == 0) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(say_by_ - Clock::now());
    return static_cast<int>(std::max<std::chrono::milliseconds::rep>(left.count(), 0));
  }

  // Again and again: some may be making others. Whether all have gone.
  bool kill_all() {
    for (Place& place : places_) {
      while (place.waiting_count > 0) static_cast<void>(take_out(place, 0));
    }
    const Time until = Clock::now() + longest_killing;
    do {
      if (!reap()) return true;
      // A group at once, which leaves a command that forks all the time no chance.
      for (const Place& place : places_) {
        if (place.pid != 0) ::kill(-place.pid, SIGKILL);
      }
      signal_descendants(SIGKILL);
      if (!reap()) return true;
      pollfd child_ended{signals_.fd(), POLLIN, 0};
      ::poll(&child_ended, 1, ms_between_kills);
      signalfd_siginfo signal{};
      while (::read(signals_.fd(), &signal, sizeof signal) == sizeof signal) {
      }
    } while (Clock::now() < until);
    return !reap();
  }

  [[noreturn]] void kill_all_and_leave() {
    kill_all();
    leave();
  }

  const std::span<const SharedProgram> programs_;
  const Limits limits_;
  Spawner spawner_{Spawner::Signals::are_default};
  Descriptor signals_;
  const std::span<Place> places_;
  std::size_t running_ = 0;
  const std::span<KeeperReport> ended_;  // room for what is to be said of them
  std::size_t ended_count_ = 0;
  Time say_by_{};
  bool owes_cleared_ = false;  // a command has ended and left some behind
};

}  // namespace

void keep_commands(int socket, pid_t parent, const KeeperSettings& settings) {
  settle_in(socket, parent, settings.folder);
  // While it waits behind another command, the place of one that has ended is empty.
  take_short_turns();
  try {
    KeeperProcess(settings).run();
  } catch (...) {
    // The stack above is a copy of the worker's, and not ours to unwind.
    leave();
  }
}

}  // namespace fanmill::work
