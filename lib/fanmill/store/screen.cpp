#include <chrono>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/store/screen.hpp>

namespace fanmill::store {

namespace {
constexpr std::size_t usual_columns = 80;
// Behind text the line comes back at once, unless there is so much text that it would only flicker.
constexpr auto between_draws = std::chrono::milliseconds(50);

// Of a job in the background of a shell the terminal is somebody else's.
bool is_ours(int fd) {
  const pid_t foreground = tcgetpgrp(fd);
  return foreground < 0 || foreground == getpgrp();
}
}  // namespace

void Screen::show(const std::string& line) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || (shown_ && line == line_)) return;
  line_ = line;
  draw();
}

void Screen::take_away() {
  const std::lock_guard lock(mutex_);
  erase();
  line_.clear();
}

std::size_t Screen::columns() const {
  winsize size{};
  return ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual_columns;
}

bool Screen::is_at(int fd) const {
  struct stat here {};
  struct stat there {};
  return isatty(fd) == 1 && fstat(fd_, &here) == 0 && fstat(fd, &there) == 0 && here.st_rdev == there.st_rdev;
}

void Screen::draw() {
  if (!at_line_start_ || line_.empty() || !is_ours(fd_)) return;
  // What was there is written over, and what is left of it is cleared then: it is never blank between.
  if (!put("\r" + line_ + "\x1b[K")) return;
  shown_ = true;
  drawn_ = Clock::now();
}

void Screen::erase() {
  if (shown_ && put("\r\x1b[K")) shown_ = false;
}

bool Screen::put(const std::string& bytes) const {
  pollfd room{fd_, POLLOUT, 0};
  return ::poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0 &&
         ::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

Screen::Text::Text(Screen* screen) : screen_(screen) {
  if (screen_ == nullptr) return;
  lock_ = std::unique_lock(screen_->mutex_);
  screen_->erase();
}

Screen::Text::~Text() {
  if (screen_ != nullptr && Clock::now() - screen_->drawn_ > between_draws) screen_->draw();
}

void Screen::Text::wrote(ByteView text) {
  if (screen_ != nullptr && !text.empty()) screen_->at_line_start_ = text.back() == '\n';
}

}  // namespace fanmill::store
