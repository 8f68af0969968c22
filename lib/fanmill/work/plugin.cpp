#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/plugin.h>
#include <fanmill/wire/limits.hpp>
#include <fanmill/work/plugin.hpp>
#include <fanmill/work/plugin_file.hpp>

namespace fanmill::work {

namespace {

constexpr std::array crashes{SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

// Handlers have no other way to these. The board is that of the one plugin that a process has.
std::atomic<Board*> the_board{nullptr};
static_assert(std::atomic<Board*>::is_always_lock_free);
thread_local std::uint32_t slot_of_thread = 0;

void blame_this_thread() {
  Board* const board = the_board.load();
  if (board != nullptr && slot_of_thread != 0) board->blame(slot_of_thread);
}

void on_crash(int number) {
  blame_this_thread();
  // The instruction is tried again, and ends the process as if nobody had looked.
  ::signal(number, SIG_DFL);
  if (number == SIGABRT) ::raise(number);
}

// The plugin's exit() must not tear down what other threads use, nor look like an end in order.
void on_exit_called(int status, void*) {
  const Board* const board = the_board.load();
  if (board == nullptr || board->ending() != Board::Ending::unexpected) return;
  blame_this_thread();
  ::_exit(status);
}

void watch_over(Board& board) {
  static bool installed = false;
  the_board.store(&board);
  if (std::exchange(installed, true)) return;
  for (const int number : crashes) {
    struct sigaction before {};
    // A sanitizer's own handler says more than we could.
    if (::sigaction(number, nullptr, &before) != 0 || before.sa_handler != SIG_DFL) continue;
    struct sigaction action {};
    action.sa_handler = on_crash;
    sigemptyset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
  }
  ::on_exit(on_exit_called, nullptr);
}

ByteView view_of(const fanmill_bytes& bytes) {
  return bytes.size == 0 ? ByteView{} : ByteView{static_cast<const char*>(bytes.data), bytes.size};
}

constexpr std::string_view nothing_said = "the plugin says that it failed, and not why";

}  // namespace

Plugin::Plugin(const std::string& file, std::size_t slots, std::size_t max_output,
               std::shared_ptr<Board> board)
    : file_(file), states_(slots + 1), max_output_(max_output), board_(std::move(board)) {
  plugin_ = &load_plugin(file);
  watch_over(*board_);  // not before: what throws here has no destructor that would end it
}

Plugin::~Plugin() {
  the_board.store(nullptr);
}

void Plugin::release(void* state, const void* data, std::size_t size) const {
  if (data != nullptr && plugin_->release != nullptr) plugin_->release(state, {data, size});
}

void Plugin::begin(std::uint32_t slot) {
  slot_of_thread = slot;
  if (plugin_->init == nullptr) return;
  std::string failure;
  try {
    fanmill_bytes error{};
    if (plugin_->init(slot, &states_[slot], &error) == 0) return;
    if (error.data != nullptr) failure.assign(view_of(error).substr(0, wire::max_text));
    release(states_[slot], error.data, error.size);
    if (failure.empty()) failure = nothing_said;
  } catch (const std::exception& exception) {
    failure = fmt::format("it threw a C++ exception: {}", exception.what());
  } catch (...) {
    failure = "it threw something that is not an exception";
  }
  throw Error(ErrorCode::unavailable, "start", "the plugin '" + file_ + "'", failure);
}

ByteView Plugin::perform(ByteView payload, FunctionCall& call) {
  const std::uint32_t slot = call.slot();
  void* const state = states_[slot];
  const fanmill_task task{
      .payload = {payload.data(), payload.size()}, .id = call.id(), .attempt = call.attempt(), .slot = slot};
  fanmill_bytes answer{};
  int status = 0;
  board_->begin(slot, call.id());
  try {
    status = plugin_->perform(state, &task, &answer);
  } catch (...) {
    board_->end(slot);
    throw;
  }
  board_->end(slot);
  if (answer.data == nullptr && answer.size > 0) {
    throw std::runtime_error(fmt::format("the plugin gave {} bytes at a null pointer", answer.size));
  }
  ByteView bytes = view_of(answer);
  const bool too_large = status == 0 && bytes.size() > max_output_;
  if (status != 0) bytes = bytes.substr(0, wire::max_text);
  // Until the next call it stays as it is, if nobody releases it.
  if (!too_large && status == 0 && plugin_->release == nullptr) return bytes;
  const std::size_t size = answer.size;
  if (!too_large) bytes = call.buffer().assign(bytes);
  release(state, answer.data, answer.size);
  if (status != 0) throw std::runtime_error(std::string(bytes.empty() ? nothing_said : bytes));
  if (too_large) {
    throw std::runtime_error(fmt::format("the plugin's answer has {} bytes, more than --max-output", size));
  }
  return bytes;
}

void Plugin::finish(std::uint32_t slot) {
  if (plugin_->finish != nullptr) plugin_->finish(states_[slot]);
}

}  // namespace fanmill::work
