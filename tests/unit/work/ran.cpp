#include "ran.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <variant>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/work/command_line.hpp>
#include <fanmill/work/environment.hpp>
#include <fanmill/work/spawner.hpp>

namespace fanmill::work {

namespace {
struct Owned {
  std::vector<std::string> payloads;
  wire::TaskBatch tasks;
};

constexpr int patience = 50'000;  // ms; a test that waits so long has failed
}  // namespace

Handout handout_of(const std::vector<std::string>& payloads, RunContext context, TaskId first) {
  auto owned = std::make_shared<Owned>();
  owned->payloads = payloads;
  for (const std::string& payload : owned->payloads) owned->tasks.add({first++, 0, payload});
  return {owned, std::make_shared<RunContext>(std::move(context)), owned->tasks.list()};
}

std::vector<ByteView> frames_of(const FinishedFrame& finished) {
  std::vector<ByteView> frames;
  for (const auto& frame : finished.more) frames.push_back(frame.bytes);
  return frames;
}

void collect_some(Runner& runner, std::vector<Ran>& results, std::vector<FinishedFrame>* frames) {
  std::vector<FinishedFrame> finished;
  runner.collect(Clock::now(), finished);  // what had finished when start() returned
  while (finished.empty()) {
    pollfd waiting{runner.wait_fd(), POLLIN, 0};
    const bool is_woken = ::poll(&waiting, 1, runner.deadline() == never ? patience : 1) == 1;
    REQUIRE((is_woken || runner.deadline() != never));
    runner.collect(Clock::now(), finished);
  }
  for (FinishedFrame& frame : finished) {
    std::vector<wire::ResultView> views;
    const std::vector<ByteView> more = frames_of(frame);
    const auto header = wire::decode_results(frame.frame, views, more);
    REQUIRE(header);
    REQUIRE(header->token == frame.token);
    REQUIRE(views.size() == frame.count);
    IdSet ids;
    for (const wire::ResultView& view : views) {
      Ran& ran = results.emplace_back();
      ran.id = view.id;
      ran.attempt = view.attempt;
      ran.outcome = view.outcome;
      ran.output = view.output;
      ids.add(view.id);
      if (!view.detail) continue;
      ran.has_detail = true;
      ran.cause = view.detail->cause;
      ran.code = view.detail->code;
      ran.error = view.detail->error;
      ran.stderr_text = view.detail->stderr_text;
      ran.slot = view.detail->slot;
      ran.started = view.detail->started;
      ran.took = view.detail->took;
      ran.item = view.detail->item;
      ran.stdout_dropped = view.detail->stdout_dropped;
      ran.stderr_dropped = view.detail->stderr_dropped;
    }
    REQUIRE(ids.ranges() == frame.ids);
    if (frames != nullptr) frames->push_back(std::move(frame));
  }
}

std::vector<Ran> run_all(Runner& runner, const std::vector<std::string>& payloads,
                         const RunContext& context) {
  const Handout all = handout_of(payloads, context);
  std::vector<Ran> results;
  std::size_t started = 0;
  while (results.size() < payloads.size()) {
    if (const std::size_t count = std::min(runner.room(), payloads.size() - started); count > 0) {
      runner.start({all.owner, all.context, all.tasks.subspan(started, count)}, Clock::now());
      started += count;
    }
    REQUIRE(runner.running() == started - results.size());
    collect_some(runner, results);
  }
  REQUIRE(runner.running() == 0);
  return results;
}

Ran run_one(Runner& runner, const std::string& payload, const RunContext& context) {
  return run_all(runner, {payload}, context).front();
}

FewDescriptors::FewDescriptors(std::size_t more) {
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
  // Up to the number that the one after them would have: there may be gaps.
  std::vector<Descriptor> following;
  for (std::size_t i = 0; i <= more; ++i) following.emplace_back(::fcntl(1, F_DUPFD_CLOEXEC, 0));
  const rlimit few{static_cast<rlim_t>(following.back().fd()), before_.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
}

FewDescriptors::~FewDescriptors() {
  ::setrlimit(RLIMIT_NOFILE, &before_);
}

std::string output_of(const std::vector<std::string>& argv) {
  Arguments arguments;
  for (const std::string& argument : argv) arguments.add([&](std::string& to) { to.append(argument); });
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const Descriptor reader(ends[0]);
  Descriptor writer(ends[1]);
  Spawner spawner;
  Environment environment;
  Program program;
  program.file = argv.front().c_str();
  program.argv = arguments.argv();
  program.environment = environment.of_task(RunId{1}, 0, 0, 1);
  program.stdout_fd = writer.fd();
  program.stderr_fd = writer.fd();
  auto spawned = spawner.spawn(program);
  REQUIRE(std::holds_alternative<Child>(spawned));
  writer.reset();
  std::string output;
  char bytes[4096];
  while (const ssize_t count = ::read(reader.fd(), bytes, sizeof bytes)) {
    REQUIRE(count > 0);
    output.append(bytes, static_cast<std::size_t>(count));
  }
  REQUIRE(::waitpid(std::get<Child>(spawned).pid, nullptr, 0) > 0);
  return output;
}

Folder::Folder() : before_(std::filesystem::current_path()) {
  std::string name = std::filesystem::temp_directory_path() / "fanmill-work-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
  std::filesystem::current_path(path_);
}

Folder::~Folder() {
  std::filesystem::current_path(before_);
  std::filesystem::remove_all(path_);
}

std::size_t Folder::entries() const {
  const std::filesystem::directory_iterator files(path_);
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

void Folder::write(const std::string& name, std::string_view content, int mode) const {
  std::ofstream(path_ + "/" + name) << content;
  REQUIRE(::chmod((path_ + "/" + name).c_str(), static_cast<mode_t>(mode)) == 0);
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace fanmill::work
