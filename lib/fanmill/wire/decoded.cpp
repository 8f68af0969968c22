#include <fanmill/wire/decoded.hpp>

namespace fanmill::wire {

std::string_view name_of(Flaw flaw) {
  switch (flaw) {
    case Flaw::not_msgpack:
      return "not msgpack";
    case Flaw::truncated:
      return "truncated";
    case Flaw::trailing:
      return "trailing bytes";
    case Flaw::version:
      return "another protocol version";
    case Flaw::unknown_type:
      return "unknown message type";
    case Flaw::wrong_type:
      return "wrong element type";
    case Flaw::wrong_arity:
      return "wrong array length";
    case Flaw::out_of_range:
      return "out of range";
  }
  return "unknown flaw";
}

}  // namespace fanmill::wire
