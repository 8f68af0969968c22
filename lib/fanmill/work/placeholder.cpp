#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include <fanmill/base/error.hpp>
#include <fanmill/work/placeholder.hpp>

namespace fanmill::work {

namespace {

struct Suffix {
  std::string_view text;
  Part part;
};

constexpr std::array<Suffix, 7> suffixes{{{"", Part::whole},
                                          {".", Part::no_extension},
                                          {"/", Part::name},
                                          {"//", Part::folder},
                                          {"/.", Part::name_no_extension},
                                          {"#", Part::number},
                                          {"%", Part::slot}}};

constexpr std::uint32_t most_columns = 99'999;

// Braces are everywhere in commands, so that most are text. These can hardly mean anything but a placeholder:
// {..}, {+/}, {##} and {= perl =} are GNU parallel's, {.2} is {2.} mistaken.
bool resembles_placeholder(std::string_view inner) {
  if (inner.starts_with('=')) return inner.size() > 1 && inner.ends_with('=');
  const std::size_t digits = inner.find_first_of("0123456789");
  const bool is_range = inner.front() >= '0' && inner.front() <= '9';  // {1..9}, bash's
  return inner.find_first_not_of("./#%+0123456789") == std::string_view::npos &&
         (digits == std::string_view::npos || !is_range);
}

bool is_of_the_item(Part part) {
  return part != Part::number && part != Part::slot;
}

ByteView name_of(ByteView item) {
  return item.substr(item.find_last_of('/') + 1);  // npos + 1 is 0
}

ByteView without_extension(ByteView item) {
  const std::size_t dot = item.find_last_of("./");
  return dot == ByteView::npos || item[dot] == '/' ? item : item.substr(0, dot);
}

// As dirname(1) has it: trailing slashes do not count, and neither do doubled ones.
ByteView folder_of(ByteView item) {
  const std::size_t last = item.find_last_not_of('/');
  if (last == ByteView::npos) return item.empty() ? "." : "/";
  const std::size_t slash = item.substr(0, last).find_last_of('/');
  if (slash == ByteView::npos) return ".";
  const std::size_t end = item.substr(0, slash).find_last_not_of('/');
  return end == ByteView::npos ? "/" : item.substr(0, end + 1);
}

void append_number(std::string& to, std::uint64_t number) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  to.append(digits.data(), written.ptr);
}

}  // namespace

std::string spelling_of(const Placeholder& placeholder) {
  std::string text = "{";
  if (placeholder.column != 0) text += std::to_string(placeholder.column);
  for (const Suffix& suffix : suffixes) {
    if (suffix.part == placeholder.part) text += suffix.text;
  }
  return text += '}';
}

std::optional<ByteView> column_of(ByteView item, ByteView separator, std::int32_t column) {
  const auto end_of = [&](ByteView text) {
    return separator.empty() ? ByteView::npos : text.find(separator);
  };
  std::int32_t wanted = column;
  if (column < 0) {
    std::int32_t count = 1;
    for (ByteView rest = item;; ++count) {
      const std::size_t end = end_of(rest);
      if (end == ByteView::npos) break;
      rest.remove_prefix(end + separator.size());
    }
    wanted = count + 1 + column;
    if (wanted < 1) return std::nullopt;
  }
  for (;; --wanted) {
    const std::size_t end = end_of(item);
    if (wanted == 1) return item.substr(0, end);
    if (end == ByteView::npos) return std::nullopt;
    item.remove_prefix(end + separator.size());
  }
}

std::optional<PlaceholderMatch> match_placeholder(std::string_view text) {
  if (text.empty() || text.front() != '{') return std::nullopt;
  const std::size_t close = text.find('}');
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view whole = text.substr(1, close - 1);
  std::string_view inner = whole;
  const bool backwards = inner.starts_with('-');
  const std::size_t sign = backwards ? 1 : 0;
  const std::size_t digits = std::min(inner.find_first_not_of("0123456789", sign), inner.size()) - sign;
  if (backwards && digits == 0) return std::nullopt;
  const std::string_view number = inner.substr(sign, digits);
  inner.remove_prefix(sign + digits);
  const auto suffix =
      std::find_if(suffixes.begin(), suffixes.end(), [&](const Suffix& one) { return one.text == inner; });
  if (suffix == suffixes.end()) {
    if (!resembles_placeholder(whole)) return std::nullopt;
    throw usage_error(
        text.substr(0, close + 1), "there is no such placeholder",
        "there are {} {.} {/} {//} {/.} {#} {%} and, with --colsep, {1} {2} {1.}; as mere text it can "
        "stand in a variable");
  }
  PlaceholderMatch match{{suffix->part, 0}, close + 1};
  if (digits == 0) return match;
  if (!is_of_the_item(suffix->part)) return std::nullopt;
  std::uint32_t column = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), column);
  if (parsed.ec != std::errc() || column == 0 || column > most_columns) {
    throw usage_error(text.substr(0, match.length), "there is no such column",
                      "columns count from 1, and {-1} is the last one");
  }
  match.placeholder.column =
      backwards ? -static_cast<std::int32_t>(column) : static_cast<std::int32_t>(column);
  return match;
}

bool has_placeholder(std::string_view text) {
  for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    if (match_placeholder(text.substr(at))) return true;
  }
  return false;
}

void append_value(std::string& to, const Placeholder& placeholder, const TaskPlace& place) {
  ByteView item = place.item;
  if (placeholder.column != 0) {
    const auto column = column_of(item, place.separator, placeholder.column);
    if (!column) return;
    item = *column;
  }
  switch (placeholder.part) {
    case Part::whole:
      to.append(item);
      break;
    case Part::no_extension:
      to.append(without_extension(item));
      break;
    case Part::name:
      to.append(name_of(item));
      break;
    case Part::folder:
      to.append(folder_of(item));
      break;
    case Part::name_no_extension:
      to.append(without_extension(name_of(item)));
      break;
    case Part::number:
      append_number(to, place.id + 1);
      break;
    case Part::slot:
      append_number(to, place.slot);
      break;
  }
}

WordTemplate::WordTemplate(std::string_view word) {
  std::string text;
  while (!word.empty()) {
    if (const auto match = match_placeholder(word)) {
      pieces_.push_back({std::move(text), match->placeholder});
      text.clear();
      word.remove_prefix(match->length);
    } else {
      text.push_back(word.front());
      word.remove_prefix(1);
    }
  }
  if (!text.empty()) pieces_.push_back({std::move(text), std::nullopt});
}

WordTemplate WordTemplate::literal(std::string_view word) {
  WordTemplate result;
  result.pieces_.push_back({std::string(word), std::nullopt});
  return result;
}

bool WordTemplate::has_placeholder() const {
  return std::any_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.placeholder.has_value(); });
}

std::optional<Placeholder> WordTemplate::furthest_column() const {
  std::optional<Placeholder> furthest;
  for (const Piece& piece : pieces_) {
    if (!piece.placeholder || piece.placeholder->column == 0) continue;
    if (!furthest || std::abs(piece.placeholder->column) > std::abs(furthest->column)) {
      furthest = piece.placeholder;
    }
  }
  return furthest;
}

std::optional<Placeholder> WordTemplate::of_task() const {
  for (const Piece& piece : pieces_) {
    if (piece.placeholder && piece.placeholder->part != Part::slot) return piece.placeholder;
  }
  return std::nullopt;
}

void WordTemplate::append_to(std::string& to, const TaskPlace& place) const {
  for (const Piece& piece : pieces_) {
    to.append(piece.text);
    if (piece.placeholder) append_value(to, *piece.placeholder, place);
  }
}

}  // namespace fanmill::work
