// A plugin in C++: the prime factors of a number. What takes long, the table, is made once for each slot, and
// is the slot's own: no locks. Answers stand in the slot's memory until its next task, so there is nothing to
// release.
//
//   c++ -std=c++17 -shared -fPIC -O2 -o factors.so factors.cpp     (in a checkout with -I ../../lib)
//   seq 2 100 | fanmill run -k --plugin ./factors.so

#include <charconv>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/plugin.h>

namespace {

constexpr std::uint32_t largest = 1'000'000;

class Factors {
 public:
  Factors() : least_(largest + 1) {
    for (std::uint32_t p = 2; p <= largest; ++p) {
      if (least_[p] != 0) continue;
      for (std::uint32_t multiple = p; multiple <= largest; multiple += p)
        if (least_[multiple] == 0) least_[multiple] = p;
    }
  }

  // False where the text is no such number; then it is the reason.
  bool of(std::string_view text, std::string_view& answer) {
    std::uint32_t number = 0;
    const char* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || number < 2 || number > largest) {
      answer = text_ = "it takes a number from 2 to " + std::to_string(largest);
      return false;
    }
    text_ = std::to_string(number) + ":";
    for (; number > 1; number /= least_[number]) text_ += " " + std::to_string(least_[number]);
    answer = text_;
    return true;
  }

 private:
  std::vector<std::uint32_t> least_;  // prime that divides it
  std::string text_;
};

void put(std::string_view text, fanmill_bytes* bytes) {
  *bytes = {text.data(), text.size()};
}

// No exception may get out of these: whoever calls them may be C.
int init(std::uint32_t, void** state, fanmill_bytes* error) {
  try {
    *state = new Factors;
    return 0;
  } catch (const std::exception&) {
    put("there is no memory for the table", error);
    return 1;
  }
}

int perform(void* state, const fanmill_task* task, fanmill_bytes* answer) {
  try {
    std::string_view text;
    const bool ok = static_cast<Factors*>(state)->of(
        {static_cast<const char*>(task->payload.data), task->payload.size}, text);
    put(text, answer);
    return ok ? 0 : 1;
  } catch (const std::exception&) {
    put("out of memory", answer);
    return 1;
  }
}

void finish(void* state) {
  delete static_cast<Factors*>(state);
}

}  // namespace

const fanmill_plugin fanmill_plugin_v1 = {
    FANMILL_PLUGIN_VERSION, sizeof(fanmill_plugin), init, perform, nullptr, finish};
