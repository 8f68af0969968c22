// fanmill-worker that takes its time: its one function waits as many seconds as the item says, times FACTOR,
// the first argument. The rest is fanmill-worker's command line. For scripts/bench balance: workers of
// unequal speed.

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include <worker/worker_program.hpp>

#include <fanmill/app/run_main.hpp>
#include <fanmill/base/error.hpp>

namespace {

using namespace fanmill;

double number(std::string_view text) {
  double value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc()) throw std::runtime_error("no number");
  return value;
}

int run(app::Process& process) {
  process.become(app::Program::worker);
  if (process.arguments.empty()) throw usage_error("FACTOR", "is missing");
  const double factor = number(process.arguments.front());
  process.arguments.erase(process.arguments.begin());
  return app::run_worker_with(process, [factor](ByteView item, work::FunctionCall& call) {
    const std::chrono::duration<double> seconds(number(item) * factor);
    static_cast<void>(call.pause(std::chrono::duration_cast<Duration>(seconds)));
    return ByteView();
  });
}

}  // namespace

int main(int argc, char** argv) {
  return app::run_main(argc, argv, "paced_worker", run);
}
