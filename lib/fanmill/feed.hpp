#pragma once
// What a Pipeline and a Ventilator have in common: tasks that come from the program's threads, and one thread
// that takes them through a run.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include <fanmill/input/submissions.hpp>
#include <fanmill/process_mark.hpp>
#include <fanmill/roles/stop.hpp>

namespace fanmill::detail {

class Feed {
 public:
  // The whole run, on the feed's thread; what it throws is thrown again by wait().
  using Run = std::function<void(input::Submissions&, roles::StopRequest&)>;

  explicit Feed(const input::Submissions::Window& window) : submissions_(window) {}
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Starts the thread. Whoever does so has to join() or detach().
  void start(Run run);
  void join();
  // The thread ends by itself; `run` has to own what it looks at, this object too.
  void detach() { thread_.detach(); }
  // Whether this process is the one that made it, and not forked from that: there the thread is missing, and
  // nothing is left to be done but to forget it all.
  [[nodiscard]] bool is_here() const { return mark_.is_here(); }

  // As in <fanmill/pipeline.hpp>; `may_wait()`: whether this thread is another than those that make the room.
  std::optional<std::uint64_t> try_submit(std::string_view payload);
  template <class MayWait>
  std::uint64_t submit(std::string_view payload, MayWait may_wait) {
    if (const auto id = try_submit(payload)) return *id;
    return wait_and_submit(payload, may_wait());
  }
  // No more tasks.
  void close();
  // Waits until the run is over, and throws what has ended it early.
  void wait();
  // Ends the run at once.
  void cancel();
  [[nodiscard]] std::uint64_t submitted() const { return submissions_.added(); }
  // As input::Submissions has them.
  [[nodiscard]] TaskId read_to() const { return submissions_.read_to(); }
  std::size_t delivered(IdRange ids) { return submissions_.delivered(ids); }

 private:
  void require_here() const;
  std::uint64_t wait_and_submit(std::string_view payload, bool may_wait);

  ProcessMark mark_;
  input::Submissions submissions_;
  roles::StopRequest stop_;
  std::mutex mutex_;
  std::condition_variable over_;
  bool ended_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace fanmill::detail
