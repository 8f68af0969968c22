#pragma once
// How items and answers stand in the pipes of a co-process. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <fanmill/base/ids.hpp>

namespace fanmill::work {

enum class Framing : std::uint8_t {
  line,    // a newline ends each
  null,    // a NUL does
  length,  // each comes after its length: 32 bits, big-endian
};

// line, null, length; nothing for anything else.
[[nodiscard]] std::optional<Framing> framing_of(std::string_view name);
[[nodiscard]] std::string_view name_of(Framing framing);

// Why an item cannot be framed: it holds what would end it. Empty: it can.
[[nodiscard]] std::string_view why_not_framed(Framing framing, ByteView item);
// Appends an item that can be.
void append_framed(std::string& to, Framing framing, ByteView item);

// Takes a stream of answers apart. What it has found stays where it is until forget().
class Answers {
 public:
  struct Place {
    std::size_t at = 0;
    std::size_t size = 0;
  };

  // An answer of more than `limit` bytes is too long.
  Answers(Framing framing, std::size_t limit) : framing_(framing), limit_(limit) {}

  void append(ByteView bytes) { bytes_.append(bytes); }
  // The next whole answer.
  [[nodiscard]] std::optional<Place> next();
  // Whether what comes next is longer than an answer may be; next() gives nothing more then.
  [[nodiscard]] bool too_long() const { return too_long_; }
  // Whether there is something behind the answers that next() gave: one more, or its beginning.
  [[nodiscard]] bool has_more() const { return taken_ < bytes_.size(); }
  // Valid until append() or forget().
  [[nodiscard]] ByteView text(Place place) const { return ByteView(bytes_).substr(place.at, place.size); }
  // Drops the answers that next() gave.
  void forget();
  void clear();

 private:
  [[nodiscard]] std::optional<Place> next_delimited(char delimiter);
  [[nodiscard]] std::optional<Place> next_prefixed();

  Framing framing_;
  std::size_t limit_;
  std::string bytes_;
  std::size_t taken_ = 0;    // given by next()
  std::size_t scanned_ = 0;  // without a delimiter from taken_ to there
  bool too_long_ = false;
};

}  // namespace fanmill::work
