#include <utility>

#include <fanmill/input/arguments.hpp>
#include <fanmill/input/blocks.hpp>
#include <fanmill/input/input.hpp>
#include <fanmill/input/length_prefixed.hpp>
#include <fanmill/input/lines.hpp>
#include <fanmill/input/msgpack_values.hpp>
#include <fanmill/input/records.hpp>

namespace fanmill::input {

namespace {

std::unique_ptr<Framing> framing_of(const Settings& settings) {
  switch (settings.form) {
    case Form::lines:
      break;
    case Form::blocks:
      return std::make_unique<Blocks>(settings.delimiter, settings.block);
    case Form::msgpack:
      return std::make_unique<MsgpackValues>();
    case Form::length_prefixed:
      return std::make_unique<LengthPrefixed>();
  }
  return std::make_unique<Lines>(settings.delimiter, settings.lines_per_task);
}

}  // namespace

std::unique_ptr<Input> open_input(const Settings& settings) {
  if (settings.items_given) return std::make_unique<Arguments>(settings.items, settings.max_item);
  std::vector<std::string> files = settings.files;
  if (files.empty()) files.emplace_back("-");
  return std::make_unique<Records>(std::move(files), framing_of(settings), settings.max_item);
}

}  // namespace fanmill::input
