#include <array>
#include <atomic>

#include <signal.h>

#include <fanmill/app/signals.hpp>

namespace fanmill::app {

namespace {

constexpr std::array asking{SIGINT, SIGTERM, SIGHUP};

// A handler has no other way to what it is for.
std::atomic<roles::StopRequest*> asked{nullptr};
static_assert(std::atomic<roles::StopRequest*>::is_always_lock_free);

void on_signal(int number) {
  roles::StopRequest& stop = *asked.load();
  if (stop.level() == 1) {
    for (const int one : asking) signal(one, SIG_DFL);
  }
  stop.raise(number);
}

void install() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  // One at a time: two that come together are two requests.
  for (const int one : asking) sigaddset(&action.sa_mask, one);
  for (const int one : asking) {
    struct sigaction before {};
    sigaction(one, nullptr, &before);
    const bool under_nohup = one == SIGHUP && before.sa_handler == SIG_IGN;
    if (!under_nohup) sigaction(one, &action, nullptr);
  }
}

}  // namespace

roles::StopRequest& stop_on_signals() {
  // Never destroyed: a signal may come until the process has ended.
  static roles::StopRequest* const request = [] {
    auto* const made = new roles::StopRequest;
    asked.store(made);
    install();
    return made;
  }();
  return *request;
}

}  // namespace fanmill::app
