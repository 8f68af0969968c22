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

std::string head(std::string_view name, std::string_view what) {
  std::string title(name);
  std::transform(title.begin(), title.end(), title.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format(".TH {} 1 \"\" \"{}\" \"Fanmill\"\n.SH NAME\n{} \\- {}\n", title,
                     version_text().substr(0, version_text().size() - 1), plain(name), plain(what));
}

}  // namespace

std::string manual_page(Program program) {
  const Frame& frame = frame_of(program);
  const std::string about = about_text(program);
  std::string page = head(page_name(program), what_is(program));
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
  return page + ".SH SEE ALSO\n.BR fanmill (1)\n";
}

std::string overview_page() {
  std::string page = head("fanmill", "task pipeline that loses nothing");
  page +=
      ".SH SYNOPSIS\nfanmill PROGRAM [OPTION]...\n"
      ".SH DESCRIPTION\nA ventilator gives tasks to workers, a sink collects results. PROGRAM is one of "
      "these:\n";
  for (const Program program : all_programs) {
    page += fmt::format(".TP\n\\fB{}\\fR\n{}: \\fB{}\\fR(1)\n",
                        plain(page_name(program).substr(std::string_view("fanmill-").size())),
                        plain(what_is(program)), plain(page_name(program)));
  }
  return page +
         ".SH OPTIONS\n.TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nprint the programs\n"
         ".TP\n\\fB\\-V\\fR, \\fB\\-\\-version\\fR\nprint the version\n";
}

}  // namespace fanmill::app
