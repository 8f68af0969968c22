#pragma once
// Runs tasks to their end and keeps what came back; and runs a program by itself.

#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>

#include <fanmill/work/runner.hpp>

namespace fanmill::work {

// A result that owns its bytes. The detail is empty where there was none.
struct Ran {
  TaskId id = 0;
  std::uint32_t attempt = 0;
  Outcome outcome = Outcome::ok;
  std::string output;
  bool has_detail = false;
  wire::Cause cause = wire::Cause::none;
  std::uint32_t code = 0;
  std::string error;
  std::string stderr_text;
  std::uint32_t slot = 0;
  std::uint64_t started = 0;
  std::uint64_t took = 0;
  std::string item;
  std::uint64_t stdout_dropped = 0;
  std::uint64_t stderr_dropped = 0;
};

// Tasks that keep themselves alive, with the ids first, first + 1, …
[[nodiscard]] Handout handout_of(const std::vector<std::string>& payloads, RunContext context = {},
                                 TaskId first = 0);

// Those that follow the first one.
[[nodiscard]] std::vector<ByteView> frames_of(const FinishedFrame& finished);

// Waits until collect() has given something, and appends it; each frame is checked against what it says of
// itself.
void collect_some(Runner& runner, std::vector<Ran>& results, std::vector<FinishedFrame>* frames = nullptr);

// Hands over as many at a time as there is room for. Results come in the order in which they were collected.
[[nodiscard]] std::vector<Ran> run_all(Runner& runner, const std::vector<std::string>& payloads,
                                       const RunContext& context = {});
[[nodiscard]] Ran run_one(Runner& runner, const std::string& payload, const RunContext& context = {});

// What a program writes to stdout and stderr, by way of the Spawner.
[[nodiscard]] std::string output_of(const std::vector<std::string>& argv);

// Lets this process open so many more descriptors.
class FewDescriptors {
 public:
  explicit FewDescriptors(std::size_t more);
  ~FewDescriptors();
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;

 private:
  rlimit before_{};
};

// A folder of its own as the working directory; both go with it.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::size_t entries() const;
  void write(const std::string& name, std::string_view content, int mode = 0600) const;

 private:
  std::string path_;
  std::string before_;
};

// Open descriptors of this process.
[[nodiscard]] std::size_t open_descriptors();

}  // namespace fanmill::work
