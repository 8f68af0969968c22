#include <cassert>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fanmill/base/error.hpp>
#include <fanmill/work/builtin.hpp>
#include <fanmill/work/command.hpp>
#include <fanmill/work/coprocess.hpp>
#include <fanmill/work/function_runner.hpp>
#include <fanmill/work/plugin.hpp>
#include <fanmill/work/work.hpp>

namespace fanmill::work {

WorkKind kind_of(const std::vector<std::string>& words) {
  // Braces are not among them: a lone {} is a command that is an item.
  constexpr std::string_view for_the_shell = " \t\n|&;<>()$`\\\"'*?[]~";
  const bool is_text = words.size() == 1 && words.front().find_first_of(for_the_shell) != std::string::npos;
  return is_text ? WorkKind::shell : WorkKind::command;
}

namespace {
std::unique_ptr<Runner> runner_of(CommandLine command, const WorkSettings& settings) {
  if (settings.item == ItemGoes::to_coprocess) {
    return std::make_unique<CoprocessRunner>(std::move(command), settings);
  }
  return std::make_unique<CommandRunner>(std::move(command), settings);
}

std::unique_ptr<Runner> runner_of_plugin(const WorkSettings& settings) {
  auto board = settings.board ? settings.board : std::make_shared<Board>(settings.slots);
  const auto plugin =
      std::make_shared<Plugin>(settings.words.front(), settings.slots, settings.max_output, std::move(board));
  return std::make_unique<FunctionRunner>(
      [plugin](ByteView payload, FunctionCall& call) { return plugin->perform(payload, call); },
      settings.slots,
      FunctionCare{.begin = [plugin](std::uint32_t slot) { plugin->begin(slot); },
                   .end = [plugin](std::uint32_t slot) { plugin->finish(slot); },
                   .timeout = settings.timeout});
}
}  // namespace

std::unique_ptr<Runner> make_runner(const WorkSettings& settings) {
  assert(settings.slots > 0);
  switch (settings.kind) {
    case WorkKind::command:
      return runner_of(CommandLine::of_words(settings.words, settings.item), settings);
    case WorkKind::shell:
      assert(settings.words.size() == 1);
      return runner_of(CommandLine::of_shell_text(settings.words.front(), settings.item), settings);
    case WorkKind::plugin:
      assert(settings.words.size() == 1);
      return runner_of_plugin(settings);
    case WorkKind::function:
      break;
  }
  assert(settings.words.size() == 1);
  const std::string& name = settings.words.front();
  Function function = settings.own ? settings.own : find_builtin(name);
  if (!function) {
    throw usage_error("--function", fmt::format("there is no function '{}'", name),
                      fmt::format("there are {}", fmt::join(builtin_names(), ", ")));
  }
  return std::make_unique<FunctionRunner>(
      std::move(function), settings.slots,
      FunctionCare{.timeout = settings.timeout, .returns = settings.own != nullptr});
}

std::vector<std::string> function_names() {
  return builtin_names();
}

}  // namespace fanmill::work
