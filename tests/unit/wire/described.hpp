#pragma once
// Messages as docs/protocol-vectors/ writes them: the names and values of their fields, in the order of the
// wire. bin is {"bin": HEX}, str is a string, an array of fields with names is an object.

#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

namespace fanmill::wire::test {

using Json = nlohmann::ordered_json;

[[nodiscard]] Json described(const Control& message);

// What a peer that takes any message makes of a frame: its fields, and the frame that we would write for
// them.
struct Understood {
  Json fields;
  std::string written;
};
// `more`: the frames behind it in the same message.
[[nodiscard]] Decoded<Understood> understand(ByteView frame, std::span<const ByteView> more = {});

}  // namespace fanmill::wire::test
