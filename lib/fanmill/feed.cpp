#include <system_error>
#include <utility>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/feed.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::detail {

void Feed::start(Run run) {
  const auto body = [this, run = std::move(run)] {
    std::exception_ptr failure;
    std::string why = "the run has ended";
    try {
      run(submissions_, stop_);
    } catch (const Error& error) {
      failure = std::current_exception();
      why = std::string("the run has ended: ") + error.what();
    } catch (...) {
      failure = std::current_exception();
      why = "the run has ended by an exception, which close() throws";
    }
    submissions_.end(why);
    {
      const std::lock_guard lock(mutex_);
      failure_ = failure;
      ended_ = true;
    }
    over_.notify_all();
  };
  try {
    thread_ = std::thread(body);
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::unavailable, "start", "a thread for a run", reason_of(error.code().value()));
  }
}

void Feed::join() {
  thread_.join();
}

void Feed::require_here() const {
  if (is_here()) return;
  throw Error(ErrorCode::unavailable, "use", "what another process has made",
              "this one was forked from it, and has none of its threads", "make it after the fork");
}

std::optional<std::uint64_t> Feed::try_submit(std::string_view payload) {
  require_here();
  if (payload.size() > wire::default_max_message) {
    throw usage_error("submit", "a payload of " + format_count(payload.size(), "byte"),
                      "the most is " + format_size(wire::default_max_message));
  }
  return submissions_.try_add(payload);
}

std::uint64_t Feed::wait_and_submit(std::string_view payload, bool may_wait) {
  if (!may_wait) {
    throw Error(ErrorCode::unavailable, "submit", "a task",
                "the window is full, and a handler or the callback cannot wait for what it is in the way of",
                "use try_submit there, or a larger window");
  }
  return submissions_.add(payload);
}

void Feed::close() {
  require_here();
  submissions_.close();
}

void Feed::wait() {
  require_here();
  std::unique_lock lock(mutex_);
  over_.wait(lock, [this] { return ended_; });
  if (failure_) std::rethrow_exception(failure_);
}

void Feed::cancel() {
  require_here();
  submissions_.close();
  // In order, and then at once.
  stop_.raise(0);
  stop_.raise(0);
}

}  // namespace fanmill::detail
