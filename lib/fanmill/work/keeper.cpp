#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/work/blocked_signals.hpp>
#include <fanmill/work/keeper.hpp>
#include <fanmill/work/keeper_process.hpp>

namespace fanmill::work {

namespace {
// A keeper answers in microseconds. One that does not was stopped, or waits for a disk together with what it
// starts.
constexpr auto longest_wait = std::chrono::milliseconds(200);
}  // namespace

std::variant<Keeper, int> Keeper::open(const KeeperSettings& settings) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return errno;
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  const pid_t parent = ::getpid();
  const BlockedSignals blocked;
  // As fork(2), but without a signal at its end: wait(2) is for children that are the program's business. And
  // without what a library may want to do in a process that goes on with it, which this one does not.
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone, 0, nullptr, nullptr, nullptr, nullptr));
  if (pid == 0) keep_commands(theirs.fd(), parent, settings);
  if (pid < 0) return errno;
  return Keeper(std::move(ours), pid);
}

int Keeper::send(KeeperOrder order, int stdin_fd, int stdout_fd, int stderr_fd) {
  iovec bytes{&order, sizeof order};
  const std::array<int, 3> fds{stdout_fd, stderr_fd, stdin_fd};
  const std::size_t fds_size = (stdin_fd < 0 ? 2 : 3) * sizeof(int);
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fds)> control{};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(fds_size);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds_size);
  std::memcpy(CMSG_DATA(header), fds.data(), fds_size);
  return send(message);
}

// While it has too much to read it may be waiting for us to do so.
int Keeper::send(const msghdr& message) {
  while (::sendmsg(socket_.fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EAGAIN) {
      pollfd waiting{socket_.fd(), POLLIN | POLLOUT, 0};
      if (::poll(&waiting, 1, static_cast<int>(longest_wait.count())) == 0) return EAGAIN;
      KeeperReport report;
      if ((waiting.revents & POLLIN) != 0 && receive(report)) {
        if (report.kind == KeeperReport::Kind::gone) return EPIPE;
        reports_.push_back(report);
      }
    } else if (errno != EINTR) {
      return errno == ECONNRESET ? EPIPE : errno;
    }
  }
  return 0;
}

int Keeper::order(std::uint32_t tag, std::uint32_t place, int stdin_fd, int stdout_fd, int stderr_fd) {
  return send({KeeperOrder::Kind::start, tag, place}, stdin_fd, stdout_fd, stderr_fd);
}

Keeper::Answer Keeper::take_back(std::uint32_t tag, std::uint32_t place) {
  tell({KeeperOrder::Kind::take_back, tag, place});
  const auto report = answer({KeeperReport::Kind::taken_back}, tag, longest_wait);
  if (!report) return Answer::none;
  if (report->kind == KeeperReport::Kind::gone) return Answer::gone;
  if (!report->left) return Answer::yes;
  const auto said = std::find_if(reports_.begin(), reports_.end(), [tag](const KeeperReport& one) {
    return one.kind == KeeperReport::Kind::not_started && one.tag == tag;
  });
  if (said == reports_.end()) return Answer::no;
  reports_.erase(said);
  return Answer::failed;
}

int Keeper::start(int stdin_fd, int stdout_fd, int stderr_fd) {
  const KeeperOrder order{.kind = KeeperOrder::Kind::start, .is_waited_for = true};
  if (const int error = send(order, stdin_fd, stdout_fd, stderr_fd)) return error;
  const auto report =
      answer({KeeperReport::Kind::started, KeeperReport::Kind::not_started}, order.tag, Duration::max());
  if (report->kind == KeeperReport::Kind::gone) return EPIPE;
  return report->kind == KeeperReport::Kind::not_started ? report->code : 0;
}

std::optional<KeeperReport> Keeper::answer(std::initializer_list<KeeperReport::Kind> kinds, std::uint32_t tag,
                                           Duration most) {
  const Time until = most == Duration::max() ? never : Clock::now() + most;
  for (;;) {
    KeeperReport report;
    if (!receive(report)) {
      pollfd waiting{socket_.fd(), POLLIN, 0};
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
      if (until != never && left.count() <= 0) return std::nullopt;
      ::poll(&waiting, 1, until == never ? -1 : static_cast<int>(left.count()));
      continue;
    }
    // That it has gone is said as often as it is asked for.
    if (report.kind == KeeperReport::Kind::gone) return report;
    if (report.tag == tag && std::find(kinds.begin(), kinds.end(), report.kind) != kinds.end()) return report;
    reports_.push_back(report);
  }
}

// Where it fails the keeper has gone, which next() says.
void Keeper::tell(KeeperOrder order) {
  iovec bytes{&order, sizeof order};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  static_cast<void>(send(message));
}

bool Keeper::receive(KeeperReport& report) const {
  for (;;) {
    const ssize_t size = ::recv(socket_.fd(), &report, sizeof report, MSG_DONTWAIT);
    if (size == static_cast<ssize_t>(sizeof report)) return true;
    // One that was killed with orders unread; what it had said before can be read after that.
    if (size < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
    if (size < 0 && errno == EAGAIN) return false;
    report = {};
    return true;
  }
}

bool Keeper::next(KeeperReport& report) {
  if (reports_.empty()) return receive(report);
  report = reports_.front();
  reports_.pop_front();
  return true;
}

void Keeper::let_go() const {
  ::shutdown(socket_.fd(), SHUT_WR);
}

void Keeper::kill_it() const {
  ::kill(pid_, SIGKILL);
}

void Keeper::reap() const {
  // It may have more to say than the socket takes, and waits then.
  ::shutdown(socket_.fd(), SHUT_RDWR);
  while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

}  // namespace fanmill::work
