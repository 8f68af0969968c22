#pragma once
// A plugin (fanmill/plugin.h), loaded into this process, as a function that executors call.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fanmill/work/board.hpp>
#include <fanmill/work/function.hpp>

struct fanmill_plugin;

namespace fanmill::work {

// One at a time in a process. The library stays loaded until that ends: what it has started may not be over.
class Plugin {
 public:
  // Loads FILE, which is looked for where it says and nowhere else. Throws Error{unavailable} where it is not
  // there, no library for this machine, or no plugin of this version. From here on a crash, or an exit() that
  // is not ours, puts the slot at fault on the board, and does not run what exit() would.
  Plugin(const std::string& file, std::size_t slots, std::size_t max_output, std::shared_ptr<Board> board);
  ~Plugin();
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  // On the slot's own thread, each of them. What the plugin says of its failure, or throws, is thrown as
  // Error{unavailable} by begin(), and by perform() as what the task has failed of.
  void begin(std::uint32_t slot);
  [[nodiscard]] ByteView perform(ByteView payload, FunctionCall& call);
  void finish(std::uint32_t slot);

 private:
  void release(void* state, const void* data, std::size_t size) const;

  std::string file_;
  const fanmill_plugin* plugin_ = nullptr;
  std::vector<void*> states_;  // by slot, from 1
  std::size_t max_output_;
  std::shared_ptr<Board> board_;
};

}  // namespace fanmill::work
