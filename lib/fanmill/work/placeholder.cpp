#include <algorithm>
#include <array>
#include <charconv>

#include <fanmill/base/error.hpp>
#include <fanmill/work/placeholder.hpp>

namespace fanmill::work {

namespace {

struct Spelling {
  std::string_view text;
  Placeholder placeholder;
};

constexpr std::array<Spelling, 7> spellings{{{"{}", Placeholder::item},
                                             {"{.}", Placeholder::no_extension},
                                             {"{/}", Placeholder::name},
                                             {"{//}", Placeholder::folder},
                                             {"{/.}", Placeholder::name_no_extension},
                                             {"{#}", Placeholder::number},
                                             {"{%}", Placeholder::slot}}};

// The length of "{1}", "{-2}", "{3/.}" and their like at the start of `text`, or 0.
std::size_t column_length(std::string_view text) {
  std::size_t at = 1;
  if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  const std::size_t digits = at;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  if (at == digits) return 0;
  while (at < text.size() && (text[at] == '/' || text[at] == '.')) ++at;
  return at < text.size() && text[at] == '}' ? at + 1 : 0;
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

std::optional<PlaceholderMatch> match_placeholder(std::string_view text) {
  if (text.empty() || text.front() != '{') return std::nullopt;
  for (const Spelling& spelling : spellings) {
    if (text.starts_with(spelling.text)) return PlaceholderMatch{spelling.placeholder, spelling.text.size()};
  }
  if (const std::size_t length = column_length(text)) {
    throw usage_error(text.substr(0, length), "columns need --colsep, which is not there yet",
                      "{} is the whole item, and a pattern's repetition can be written as {2,2}");
  }
  return std::nullopt;
}

bool has_placeholder(std::string_view text) {
  for (std::size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    if (match_placeholder(text.substr(at))) return true;
  }
  return false;
}

void append_value(std::string& to, Placeholder placeholder, const TaskPlace& place) {
  switch (placeholder) {
    case Placeholder::item:
      to.append(place.item);
      break;
    case Placeholder::no_extension:
      to.append(without_extension(place.item));
      break;
    case Placeholder::name:
      to.append(name_of(place.item));
      break;
    case Placeholder::folder:
      to.append(folder_of(place.item));
      break;
    case Placeholder::name_no_extension:
      to.append(without_extension(name_of(place.item)));
      break;
    case Placeholder::number:
      append_number(to, place.id + 1);
      break;
    case Placeholder::slot:
      append_number(to, place.slot);
      break;
  }
}

WordTemplate::WordTemplate(std::string_view word) {
  std::string text;
  while (!word.empty()) {
    if (const auto match = match_placeholder(word)) {
      parts_.push_back({std::move(text), match->placeholder});
      text.clear();
      word.remove_prefix(match->length);
    } else {
      text.push_back(word.front());
      word.remove_prefix(1);
    }
  }
  if (!text.empty()) parts_.push_back({std::move(text), std::nullopt});
}

WordTemplate WordTemplate::literal(std::string_view word) {
  WordTemplate result;
  result.parts_.push_back({std::string(word), std::nullopt});
  return result;
}

bool WordTemplate::has_placeholder() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.placeholder.has_value(); });
}

void WordTemplate::append_to(std::string& to, const TaskPlace& place) const {
  for (const Part& part : parts_) {
    to.append(part.text);
    if (part.placeholder) append_value(to, *part.placeholder, place);
  }
}

}  // namespace fanmill::work
