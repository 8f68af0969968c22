#include <fanmill/wire/limits.hpp>
#include <fanmill/wire/opening.hpp>

namespace fanmill::wire {

Opening read_opening(Reader& reader) {
  Opening opening{.arity = reader.array()};
  if (opening.arity == 0) reader.fail(Flaw::wrong_arity);
  const std::uint64_t version = reader.number();
  if (version != protocol_version) reader.fail(Flaw::version);
  if (opening.arity == 1) reader.fail(Flaw::wrong_arity);
  const std::uint64_t type = reader.number();
  if (type > 0xff) reader.fail(Flaw::unknown_type);
  opening.type = static_cast<Type>(type);
  return opening;
}

void write_opening(Writer& writer, Type type, std::size_t arity) {
  writer.array(arity);
  writer.number(protocol_version);
  writer.number(static_cast<std::uint64_t>(type));
}

}  // namespace fanmill::wire
