// A plugin that does what its items say, good or bad; and at its start what the environment's TEST_PLUGIN
// says.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <unistd.h>

#include <fanmill/plugin.h>

namespace {

struct Slot {
  std::uint32_t number;
  std::thread::id thread = std::this_thread::get_id();
  std::string text;
  std::uint64_t released = 0;
};

int* volatile nowhere = nullptr;

int fail(fanmill_bytes* bytes, std::string_view why) {
  *bytes = {why.data(), why.size()};
  return 1;
}

[[noreturn]] void block() {
  for (;;) ::pause();
}

void crash() {
  *nowhere = 1;
}

int init(std::uint32_t slot, void** state, fanmill_bytes* error) {
  const char* const told = std::getenv("TEST_PLUGIN");
  const std::string_view what = told == nullptr ? "" : told;
  if (what == "fail" && slot == 1) return fail(error, "the table is not there");
  if (what == "fail in silence") return 1;
  if (what == "throw") throw std::runtime_error("no luck");
  if (what == "crash") crash();
  if (what == "exit") std::exit(7);
  if (what == "block") block();
  *state = new Slot{slot};
  return 0;
}

int answer_with(fanmill_bytes* answer, Slot& slot, std::string text) {
  slot.text = std::move(text);
  *answer = {slot.text.data(), slot.text.size()};
  return 0;
}

int perform(void* state, const fanmill_task* task, fanmill_bytes* answer) {
  Slot& slot = *static_cast<Slot*>(state);
  const std::string_view what(static_cast<const char*>(task->payload.data), task->payload.size);
  if (slot.thread != std::this_thread::get_id()) return fail(answer, "another thread");
  if (slot.number != task->slot) return fail(answer, "another slot's state");
  if (what.starts_with("segfault")) crash();
  if (what == "abort") std::abort();
  if (what == "exit") std::exit(0);
  if (what == "_exit") ::_exit(0);
  if (what.starts_with("block")) block();
  if (what == "throw") throw std::runtime_error("thrown at task " + std::to_string(task->id));
  if (what == "throw an int") throw 3;
  if (what == "fail") return fail(answer, "told to fail");
  if (what == "fail in silence") return 1;
  if (what == "fail at length") {
    slot.text.assign(100'000, 'x');
    return fail(answer, slot.text);
  }
  if (what == "null") return *answer = {nullptr, 5}, 0;
  if (what == "nothing") return 0;
  if (what == "large") return answer_with(answer, slot, std::string(100'000, 'y'));
  if (what == "print") std::puts("printed by a plugin"), std::fflush(stdout);
  if (what == "which")
    return answer_with(answer, slot, std::to_string(task->id) + " " + std::to_string(task->attempt));
  if (what == "released") return answer_with(answer, slot, std::to_string(slot.released));
  if (what == "slot") return answer_with(answer, slot, std::to_string(slot.number));
  return answer_with(answer, slot, "<" + std::string(what) + ">");
}

void release(void* state, fanmill_bytes) {
  if (state != nullptr) ++static_cast<Slot*>(state)->released;
}

void finish(void* state) {
  const char* const told = std::getenv("TEST_PLUGIN");
  if (told != nullptr && std::string_view(told) == "say when it ends") {
    std::fprintf(stderr, "slot %u ends\n", static_cast<Slot*>(state)->number);
  }
  if (told != nullptr && std::string_view(told) == "never end") block();
  delete static_cast<Slot*>(state);
}

}  // namespace

const fanmill_plugin fanmill_plugin_v1 = {
    FANMILL_PLUGIN_VERSION, sizeof(fanmill_plugin), init, perform, release, finish};
