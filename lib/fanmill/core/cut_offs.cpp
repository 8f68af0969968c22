#include <chrono>

#include <fanmill/core/cut_offs.hpp>

namespace fanmill::core {

namespace {
constexpr std::uint64_t worth_a_word = 3;
constexpr Duration patience_with_cut_offs = std::chrono::seconds(10);
}  // namespace

CutOffs::Verdict CutOffs::cut_off(Time now) {
  if (++in_row_ == 1) first_ = now;
  if (in_row_ > worth_a_word && now - first_ >= patience_with_cut_offs) return Verdict::give_up;
  return in_row_ == worth_a_word ? Verdict::say : Verdict::wait;
}

}  // namespace fanmill::core
