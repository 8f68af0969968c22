// A worker with a function of its own, for a ventilator that was started somewhere else:
//
//   seq 1000000 | fanmill-ventilator --bind ipc:///tmp/mill &
//   fanmill-sink --connect ipc:///tmp/mill &
//   worker ipc:///tmp/mill
//
// An item is a number; its output is how many steps of Collatz's rule lead from it to 1.

#include <charconv>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>

#include <fanmill/fanmill.hpp>

std::string steps_of(std::string_view item) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
  if (error != std::errc() || end != item.data() + item.size() || number == 0) {
    throw std::invalid_argument("'" + std::string(item) + "' is not a positive number");
  }
  std::uint64_t steps = 0;
  for (; number != 1; ++steps) number = number % 2 == 0 ? number / 2 : 3 * number + 1;
  return std::to_string(steps);
}

fanmill::Worker* running = nullptr;

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: worker ENDPOINT\n";
    return 2;
  }
  try {
    fanmill::WorkerOptions options;
    options.connect = argv[1];
    options.notice = [](fanmill::Severity, std::string_view text) {
      std::cerr << "worker: " << text << '\n';
    };
    fanmill::Worker worker(steps_of, options);
    running = &worker;
    std::signal(SIGTERM, [](int) { running->stop(); });  // leaves in order; once more, at once
    worker.run();
    std::cerr << "worker: " << worker.returned() << " done\n";
    return 0;
  } catch (const fanmill::Error& error) {
    std::cerr << "worker: " << error.what() << '\n';
    return static_cast<int>(error.code());
  }
}
