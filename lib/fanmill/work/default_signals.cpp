#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

#include <fanmill/work/default_signals.hpp>

namespace fanmill::work {

FANMILL_IN_CHILD void set_signals_to_default() {
  // struct sigaction as the kernel has it: the handler comes first, and zero is SIG_DFL with no flags.
  unsigned long now[8];
  unsigned long by_default[8] = {};
  for (int signal = 1; signal < NSIG; ++signal) {
    if (::syscall(SYS_rt_sigaction, signal, nullptr, now, signal_set_size) != 0 || now[0] == 0) continue;
    ::syscall(SYS_rt_sigaction, signal, by_default, nullptr, signal_set_size);
  }
}

}  // namespace fanmill::work
