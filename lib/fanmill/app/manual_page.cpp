#include <algorithm>
#include <cctype>
#include <string_view>

#include <fmt/format.h>

#include <fanmill/app/manual_page.hpp>
#include <fanmill/app/usage_text.hpp>

namespace fanmill::app {

namespace {

// Text that roff prints as it is.
std::string plain(std::string_view text) {
  std::string result;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
    line_begins = c == '\n';
  }
  return result;
}

// Lines that stay lines.
std::string as_it_is(std::string_view text) {
  return fmt::format(".nf\n{}.fi\n", plain(text));
}

std::string option_entry(const Option& option) {
  std::string names = option.letter == 0 ? "" : fmt::format("\\fB\\-{}\\fR, ", option.letter);
  names += fmt::format("\\fB{}\\fR", plain(option.name));
  if (!option.is_flag()) names += fmt::format(" \\fI{}\\fR", plain(option.argument));
  return fmt::format(".TP\n{}\n{}\n", names, plain(option.help));
}

}  // namespace

std::string manual_page(Program program) {
  const Frame& frame = frame_of(program);
  std::string name(command_name(program));
  std::replace(name.begin(), name.end(), ' ', '-');
  std::string title = name;
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const std::string about = about_text(program);
  std::string page = fmt::format(".TH {} 1 \"\" \"{}\" \"Fanmill\"\n", title,
                                 version_text().substr(0, version_text().size() - 1));
  page += fmt::format(".SH NAME\n{} \\- {}\n", plain(name), plain(what_is(program)));
  page += fmt::format(".SH SYNOPSIS\n{}\n", plain(frame.usage));
  page += fmt::format(".SH DESCRIPTION\n{}", plain(about));
  for (const auto& [section, heading] : headings) {
    const std::vector<const Option*> options = options_of(program, section);
    if (options.empty()) continue;
    page += fmt::format(".SH {}\n", heading);
    for (const Option* const option : options) page += option_entry(*option);
  }
  page += ".SH EXAMPLES\n" + as_it_is(frame.examples);
  page += ".SH EXIT STATUS\n" + as_it_is(frame.exit_status);
  return page;
}

}  // namespace fanmill::app
