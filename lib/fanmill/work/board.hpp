#pragma once
// What a worker's process and the one that watches over it both see: which task is in whose hands, and how
// the process means to end. What is on the board outlives a crash, so that the culprit can be named.
//
// Memory that both have mapped. Each place has one writer: a slot's its executor, the ending's the process's
// main thread. All members may be called on any thread, and those that write in a signal's handler too.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/ids.hpp>

namespace fanmill::work {

class Board {
 public:
  // Throws Error{unavailable} where there is no memory.
  explicit Board(std::size_t slots);
  // The board behind a descriptor that another process made; its own is kept. None if it is something else.
  [[nodiscard]] static std::optional<Board> open(Descriptor memory);
  Board(Board&& other) noexcept;
  Board& operator=(Board&&) = delete;
  ~Board();

  [[nodiscard]] int fd() const { return memory_.fd(); }

  // A slot (from 1) has taken a task into its hands, and is done with it.
  void begin(std::uint32_t slot, TaskId task);
  void end(std::uint32_t slot);
  // The process is about to die, by what this slot does. The first one counts.
  void blame(std::uint32_t slot);

  // How the process means to end; where it says nothing it has been ended.
  enum class Ending : std::uint32_t {
    unexpected,
    in_order,    // with its exit status
    with_error,  // text() says why
    to_restart,  // it is of no use any more: another one has to take its place
    asked,       // in order, since a signal has asked it to; and not, perhaps, the supervisor
  };
  void say(Ending ending, std::string_view text = {});
  [[nodiscard]] Ending ending() const;
  [[nodiscard]] std::string text() const;

  // Tasks, of all slots.
  [[nodiscard]] std::uint64_t begun() const;
  [[nodiscard]] std::uint64_t done() const;
  // What was in hand: of the slot that is to blame, where that is known.
  [[nodiscard]] std::vector<TaskId> in_hand() const;

 private:
  struct Slot;
  struct Page;
  Board(Descriptor memory, Page* page, std::size_t bytes)
      : memory_(std::move(memory)), page_(page), bytes_(bytes) {}
  [[nodiscard]] Slot& slot(std::uint32_t number) const;

  Descriptor memory_;
  Page* page_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace fanmill::work
