#pragma once
// Tasks that other threads of the process hand in one by one, as many as a window has room for.
//
// read() and wait_fd() are the ventilator's, delivered() is the sink's; all else is for any thread. Those who
// add share a mutex with the ventilator, which takes it for many tasks at a time, and nothing that is written
// for each task with the sink: docs/decisions/0038.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <fanmill/base/bytes.hpp>
#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/ids.hpp>
#include <fanmill/base/ranges.hpp>
#include <fanmill/input/input.hpp>

namespace fanmill::input {

class Submissions final : public Input {
 public:
  // What may have been added and not delivered. A payload larger than the window is taken when nothing else
  // is in it.
  struct Window {
    std::size_t tasks = 0;  // ≥ 1
    std::size_t bytes = 0;  // of payloads
    // What keeps everybody busy: it is full, too, with so many tasks in it and no room left in so many bytes.
    std::size_t enough_tasks = 0;
    std::size_t enough_bytes = std::numeric_limits<std::size_t>::max();
  };

  explicit Submissions(const Window& window);

  // The task's id, or none where the window has no room. Both throw Error{unavailable} after close() or
  // end().
  [[nodiscard]] std::optional<TaskId> try_add(ByteView payload);
  // Waits for room.
  TaskId add(ByteView payload);
  // Nothing more will be added; what is there is still read.
  void close();
  // Nobody reads any more; `why` stands in the errors of those who still add.
  void end(const std::string& why);
  // These tasks leave the window, from the first one on: as many as are in it and have been read, and at most
  // a 64th of what it holds, or one, since what is on its way to whom it is delivered is not counted any
  // more. Returns how many. Ids come from peers, and any may be said.
  std::size_t delivered(IdRange ids);

  [[nodiscard]] std::uint64_t added() const;
  // Ids below this have been read, and can have results.
  [[nodiscard]] TaskId read_to() const { return read_to_.load(std::memory_order_acquire); }

  [[nodiscard]] int wait_fd() const override { return wake_.fd(); }
  bool read(Receiver& receiver) override;
  [[nodiscard]] std::string delimiter() const override { return "\n"; }

 private:
  // Payloads one after the other, so that small ones cost no allocation.
  struct Block {
    Bytes bytes;
    std::vector<std::size_t> sizes;
  };
  struct Amount {
    std::uint64_t tasks = 0;
    std::uint64_t bytes = 0;
  };

  // All of these with add_mutex_ held.
  [[nodiscard]] bool has_room(std::size_t size);
  [[nodiscard]] bool has_room_after(const Amount& delivered, std::size_t size) const;
  void put(ByteView payload);
  [[nodiscard]] TaskId take(ByteView payload, Bytes copy = {});
  void require_open() const;
  void wake();

  [[nodiscard]] Amount delivered_now() const;
  [[nodiscard]] Amount in_window_after(const Amount& delivered) const;
  [[nodiscard]] bool has_much_room() const;

  // What belongs to one side does not share a cache line with what another writes.
  static constexpr std::size_t apart = 64;

  const Window window_;
  Descriptor wake_;

  alignas(apart) std::mutex add_mutex_;
  std::deque<Block> queue_;  // not read yet
  bool signalled_ = false;   // wake_ is readable
  // Ever. Written with the mutex held, and read by the sink where somebody waits for room.
  std::atomic<std::uint64_t> added_{0};
  std::atomic<std::uint64_t> added_bytes_{0};
  Amount seen_;  // of what has been delivered, when it was last looked at
  bool closed_ = false;
  std::optional<std::string> ended_;
  std::condition_variable room_;

  // Set by who waits for room, and taken back by who wakes them: each call for a thread that sleeps is a
  // system call.
  alignas(apart) std::atomic<bool> wanted_{false};

  alignas(apart) std::mutex read_mutex_;
  std::deque<std::size_t>
      sizes_;  // of first_, first_ + 1, …, which have been read; delivered ones are `gone`
  TaskId first_ = 0;
  std::atomic<TaskId> read_to_{0};  // written with that mutex held
  // Ever. Written with that mutex held.
  std::atomic<std::uint64_t> delivered_{0};
  std::atomic<std::uint64_t> delivered_bytes_{0};
};

}  // namespace fanmill::input
