#include <fanmill/input/arguments.hpp>
#include <fanmill/input/input.hpp>
#include <fanmill/input/lines.hpp>

namespace fanmill::input {

std::unique_ptr<Input> open_input(const Settings& settings) {
  if (settings.items_given) return std::make_unique<Arguments>(settings.items, settings.max_item);
  std::vector<std::string> files = settings.files;
  if (files.empty()) files.emplace_back("-");
  return std::make_unique<Lines>(std::move(files), settings.delimiter, settings.max_item);
}

}  // namespace fanmill::input
