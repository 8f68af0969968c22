#include <algorithm>
#include <array>
#include <utility>

#include <fanmill/work/answers.hpp>

namespace fanmill::work {

namespace {

constexpr std::array<std::pair<std::string_view, Framing>, 3> names{
    {{"line", Framing::line}, {"null", Framing::null}, {"length", Framing::length}}};
constexpr std::size_t prefix = 4;
// What is kept of the memory of long answers.
constexpr std::size_t small = std::size_t{1} << 20;

}  // namespace

std::optional<Framing> framing_of(std::string_view name) {
  for (const auto& [known, framing] : names) {
    if (known == name) return framing;
  }
  return std::nullopt;
}

std::string_view name_of(Framing framing) {
  return names[static_cast<std::size_t>(framing)].first;
}

std::string_view why_not_framed(Framing framing, ByteView item) {
  if (framing == Framing::line && item.find('\n') != ByteView::npos) {
    return "the item holds a newline, which would end it on its way to the co-process; --framing length "
           "takes "
           "any item";
  }
  if (framing == Framing::null && item.find('\0') != ByteView::npos) {
    return "the item holds a NUL, which would end it on its way to the co-process; --framing length takes "
           "any "
           "item";
  }
  return {};
}

void append_framed(std::string& to, Framing framing, ByteView item) {
  if (framing == Framing::length) {
    for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<char>(item.size() >> shift & 0xff));
  }
  to.append(item);
  if (framing != Framing::length) to.push_back(framing == Framing::line ? '\n' : '\0');
}

std::optional<Answers::Place> Answers::next() {
  if (too_long_) return std::nullopt;
  switch (framing_) {
    case Framing::line:
      return next_delimited('\n');
    case Framing::null:
      return next_delimited('\0');
    case Framing::length:
      break;
  }
  return next_prefixed();
}

std::optional<Answers::Place> Answers::next_delimited(char delimiter) {
  const std::size_t end = bytes_.find(delimiter, std::max(taken_, scanned_));
  const std::size_t size = std::min(end, bytes_.size()) - taken_;
  too_long_ = size > limit_;
  if (end == std::string::npos || too_long_) {
    scanned_ = bytes_.size();
    return std::nullopt;
  }
  return Place{std::exchange(taken_, end + 1), size};
}

std::optional<Answers::Place> Answers::next_prefixed() {
  if (bytes_.size() - taken_ < prefix) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 0; i < prefix; ++i) size = size << 8 | static_cast<unsigned char>(bytes_[taken_ + i]);
  too_long_ = size > limit_;
  if (too_long_ || bytes_.size() - taken_ - prefix < size) return std::nullopt;
  const std::size_t at = taken_ + prefix;
  taken_ = at + size;
  return Place{at, size};
}

void Answers::forget() {
  bytes_.erase(0, taken_);
  scanned_ -= std::min(scanned_, taken_);
  taken_ = 0;
  if (bytes_.empty() && bytes_.capacity() > small) bytes_.shrink_to_fit();
}

void Answers::clear() {
  taken_ = bytes_.size();
  forget();
  scanned_ = 0;
  too_long_ = false;
}

}  // namespace fanmill::work
