#include <csignal>
#include <cstdio>
#include <exception>
#include <new>

#include <malloc.h>

#include <fanmill/app/crowd_limit.hpp>
#include <fanmill/app/run_main.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/store/printable.hpp>
#include <fanmill/transport/context.hpp>

namespace fanmill::app {

namespace {

constexpr int cannot_go_on = static_cast<int>(ErrorCode::unavailable);

// glibc gives each large free back to the kernel, and the next frame of that size faults its pages anew: 13
// µs each on a virtual machine. Kept, batches of 64 KiB are three times as fast.
void keep_freed_memory() {
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TOP_PAD, 4 << 20);
}

// Allocates nothing: there may be no memory.
int say(const Process& process, const char* text, const char* more = "") {
  std::fprintf(stderr, "%s: %s%s\n", process.name.c_str(), text, more);
  return cannot_go_on;
}

int report(const Process& process, const Error& error) {
  const std::string more =
      error.code() == ErrorCode::usage ? " (see " + process.help + " --help)" : std::string();
  const std::string_view what = error.what();
  say(process, store::printable(what, what.size()).c_str(), more.c_str());
  return static_cast<int>(error.code());
}

int run_guarded(Process& process, const std::function<int(Process&)>& body) {
  try {
    process.closed = occupy_closed_streams();
    keep_freed_memory();
    limit_crowd(transport::raise_descriptor_limit());
    // What is too large for the system's limit is told by the write too.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    return body(process);
  } catch (const Error& error) {
    return report(process, error);
  } catch (const store::PipeClosed&) {
    return 128 + SIGPIPE;
  } catch (const std::bad_alloc&) {
    return say(process, "out of memory");
  } catch (...) {
    return say(process, "ended by an error that should not be possible: this is a defect of the program");
  }
}

}  // namespace

void Process::become(Program program) {
  name = message_name(program);
  help = command_name(program);
}

int run_main(int argc, const char* const* argv, std::string_view name,
             const std::function<int(Process&)>& body) {
  Process process;
  process.name = process.help = name;
  process.words.assign(argv, argv + argc);
  if (argc > 1) process.arguments.assign(argv + 1, argv + argc);
  return run_guarded(process, body);
}

}  // namespace fanmill::app
