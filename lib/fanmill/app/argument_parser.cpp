#include <algorithm>
#include <iterator>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <fanmill/app/argument_parser.hpp>
#include <fanmill/app/jobs.hpp>
#include <fanmill/app/nearest.hpp>
#include <fanmill/app/rules.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/processors.hpp>

namespace fanmill::app {

namespace {

struct Given {
  const Option* option;
  std::vector<std::string> values;  // one for each occurrence
};

struct Split {
  std::vector<Given> given;
  std::vector<std::string> command;
};

bool is_named(const Option& option, std::string_view word) {
  return word == option.name || (option.letter != 0 && word == std::string{'-', option.letter});
}

// The name in "--name=value", "-n" and "-nvalue".
std::string_view name_in(std::string_view word) {
  return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
}

Error unknown_option(Program program, std::string_view word) {
  const std::string_view name = name_in(word);
  std::vector<std::string_view> known;
  for (const Option& option : option_table()) {
    if (option.is_known_to(program)) {
      known.push_back(option.name);
    } else if (is_named(option, name)) {
      return usage_error(name, fmt::format("{} does not take it", command_name(program)));
    }
  }
  const std::string_view meant = nearest(name, known);
  return usage_error(name, "no such option", meant.empty() ? "" : fmt::format("did you mean {}?", meant));
}

Error missing_value(std::string_view last_word) {
  for (const Option& option : option_table()) {
    // In a cluster, "-kj", it is the last letter's.
    const bool in_cluster = !last_word.starts_with("--") && last_word.back() == option.letter;
    if (!option.is_flag() && (in_cluster || is_named(option, last_word))) {
      return usage_error(option.name, "a value is missing", fmt::format("it takes {}", option.argument));
    }
  }
  return usage_error(last_word, "a value is missing");
}

// CLI11 reads "--name=" as if the value were the next word.
void refuse_empty_values(std::span<const std::string> words) {
  for (const std::string& word : words) {
    if (!word.ends_with('=')) continue;
    const std::string_view name = std::string_view(word).substr(0, word.size() - 1);
    for (const Option& option : option_table()) {
      if (option.name == name) throw usage_error(name, "the value is empty");
    }
  }
}

Split split(Program program, const std::vector<std::string>& arguments) {
  CLI::App parser;
  parser.set_help_flag();  // ours is in the table
  // A command's words may look like options of ours; those of a reader of files are a file's name.
  const bool has_command = program != Program::status && program != Program::audit &&
                           program != Program::export_results && program != Program::keygen;
  if (has_command) {
    parser.prefix_command();
  } else {
    parser.allow_extras();
  }
  std::vector<std::pair<const Option*, CLI::Option*>> declared;
  for (const Option& option : option_table()) {
    if (!option.is_known_to(program)) continue;
    std::string names(option.name);
    if (option.letter != 0) names.append(",-").push_back(option.letter);
    CLI::Option* const made = option.is_flag() ? parser.add_flag(names) : parser.add_option(names);
    declared.emplace_back(&option, made->take_all());
  }

  const auto end = has_command ? arguments.end() : std::find(arguments.begin(), arguments.end(), "--");
  try {
    parser.parse(std::vector<std::string>(std::reverse_iterator(end), arguments.rend()));
  } catch (const CLI::ArgumentMismatch&) {
    throw missing_value(*std::prev(end));
  }

  Split result;
  result.command = parser.remaining();
  const auto is_option = [](const std::string& word) { return word.size() > 1 && word.front() == '-'; };
  if (has_command) {
    refuse_empty_values(std::span(arguments).first(arguments.size() - result.command.size()));
    if (!result.command.empty() && result.command.front() == "--") {
      result.command.erase(result.command.begin());
    } else if (!result.command.empty() && is_option(result.command.front())) {
      throw unknown_option(program, result.command.front());
    }
  } else {
    refuse_empty_values(std::span(arguments.begin(), end));
    const auto unknown = std::find_if(result.command.begin(), result.command.end(), is_option);
    if (unknown != result.command.end()) throw unknown_option(program, *unknown);
    if (end != arguments.end()) result.command.insert(result.command.end(), std::next(end), arguments.end());
  }
  for (const auto& [option, made] : declared) {
    if (made->count() > 0) result.given.push_back({option, made->results()});
  }
  return result;
}

}  // namespace

ProgramSettings parse_command_line(Program program, const std::vector<std::string>& arguments) {
  const Split words = split(program, arguments);
  ProgramSettings settings;
  settings.program = program;
  settings.command.slots = usable_processors();

  std::vector<const Option*> given;
  for (const Given& one : words.given) given.push_back(one.option);
  for (const std::string_view request : {"--help", "--help-all", "--version"}) {
    for (const Option* option : given) {
      if (option->name != request) continue;
      option->set(settings, option->name, {});
      return settings;
    }
  }

  for (const auto& [option, values] : words.given) {
    for (const std::string& value : values) {
      if (!option->is_flag()) {
        option->set(settings, option->name, value);
      } else if (value == "true") {  // how CLI11 says that a flag is there
        option->set(settings, option->name, {});
      } else {
        throw usage_error(option->name, fmt::format("it takes no value, and not '{}'", value));
      }
    }
  }
  apply_rules(settings, given, words.command);
  return settings;
}

}  // namespace fanmill::app
