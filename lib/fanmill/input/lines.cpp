#include <bit>
#include <cstring>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <fanmill/input/lines.hpp>

namespace fanmill::input {

namespace {

#ifdef __SSE2__
constexpr std::ptrdiff_t at_once = 64;

// Which of `at_once` bytes are `byte`, the first one in the lowest bit.
[[nodiscard]] std::uint64_t places_of(char byte, const char* bytes) {
  const __m128i wanted = _mm_set1_epi8(byte);
  std::uint64_t places = 0;
  for (int part = 0; part < 4; ++part) {
    const __m128i some = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + part);
    const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(some, wanted)));
    places |= std::uint64_t{found} << (16 * part);
  }
  return places;
}
#endif

// Calls visit(where) for each `byte`. memchr(3) is quick where they are far apart; where they are near, a
// call for each would take as long as all else that is done for it here.
template <class Visit>
void each(char byte, const char* from, const char* end, Visit visit) {
  for (;;) {
#ifdef __SSE2__
    for (; end - from >= at_once; from += at_once) {
      std::uint64_t places = places_of(byte, from);
      if (places == 0) break;
      for (; places != 0; places &= places - 1) visit(from + std::countr_zero(places));
    }
#endif
    const void* const found = std::memchr(from, byte, static_cast<std::size_t>(end - from));
    if (found == nullptr) return;
    visit(static_cast<const char*>(found));
    from = static_cast<const char*>(found) + 1;
  }
}

}  // namespace

std::size_t Lines::cut(ByteView bytes, Items& items) {
  if (bytes.empty()) return 0;
  const char* item = bytes.data();
  const char* const end = item + bytes.size();
  const auto add_to = [&](const char* delimiter) {
    items.add({item, static_cast<std::size_t>(delimiter - item)});
    item = delimiter + 1;
  };
  if (per_task_ == 1) {
    each(delimiter_, item + searched_, end, add_to);
  } else {
    each(delimiter_, item + searched_, end, [&](const char* delimiter) {
      if (++lines_ < per_task_) return;
      lines_ = 0;
      add_to(delimiter);
    });
  }
  searched_ = static_cast<std::size_t>(end - item);
  items.check(without_last_delimiter({item, searched_}).size());
  return static_cast<std::size_t>(item - bytes.data());
}

void Lines::end(ByteView rest, Items& items) {
  lines_ = searched_ = 0;
  if (!rest.empty()) items.add(without_last_delimiter(rest));
}

ByteView Lines::without_last_delimiter(ByteView lines) const {
  if (lines.ends_with(delimiter_)) lines.remove_suffix(1);
  return lines;
}

}  // namespace fanmill::input
