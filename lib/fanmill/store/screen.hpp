#pragma once
// A terminal on which one line is drawn again and again, a run's progress, below text that stays: results,
// what commands say, messages. Whoever writes such text takes the line away first, and it comes back behind
// it.
//
// Threads: all members, and Text, from any thread.

#include <mutex>
#include <string>

#include <fanmill/base/ids.hpp>
#include <fanmill/base/time.hpp>

namespace fanmill::store {

class Screen {
 public:
  // Draws on `fd`, a terminal that stays open and the caller's.
  explicit Screen(int fd) : fd_(fd) {}
  ~Screen() { take_away(); }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Puts `line`, which must fit the terminal's width, in place of the one before. Passed over, and never
  // waited for, where text is being written, where the last text has not ended its line, where the terminal
  // takes nothing now, and where it belongs to another job of the shell.
  void show(const std::string& line);
  void take_away();

  // Columns of the terminal as it is now; 80 where it does not say.
  [[nodiscard]] std::size_t columns() const;
  // Whether what is written to this descriptor appears here.
  [[nodiscard]] bool is_at(int fd) const;

  // While it lives, text is written to the terminal: the line is not there. Null: nothing happens.
  class Text {
   public:
    explicit Text(Screen* screen);
    ~Text();
    Text(const Text&) = delete;
    Text& operator=(const Text&) = delete;
    void wrote(ByteView text);  // and this is what was written

   private:
    Screen* screen_;
    std::unique_lock<std::mutex> lock_;
  };

 private:
  void draw();
  void erase();
  [[nodiscard]] bool put(const std::string& bytes) const;

  int fd_;
  std::mutex mutex_;  // all below
  std::string line_;
  bool shown_ = false;
  bool at_line_start_ = true;
  Time drawn_{};
};

}  // namespace fanmill::store
