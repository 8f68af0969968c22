#pragma once
// Frames as somebody else writes and reads them: by msgpack-c, and in the forms that msgpack allows but
// nobody has to use.

#include <string>
#include <utility>
#include <vector>

#include <msgpack.hpp>

#include <fanmill/base/ids.hpp>

namespace fanmill::wire::test {

// Throws where msgpack-c does not take all of the frame as one value.
[[nodiscard]] msgpack::object_handle unpack(ByteView frame);
[[nodiscard]] std::string pack(const msgpack::object& value);

// Packs an array of whatever msgpack-c knows to pack.
template <class... Values>
[[nodiscard]] std::string packed(const Values&... values) {
  msgpack::sbuffer buffer;
  msgpack::packer packer(buffer);
  packer.pack_array(sizeof...(Values));
  static_cast<void>((packer.pack(values), ...));
  return {buffer.data(), buffer.size()};
}

// Marks bytes that are to be packed as bin.
[[nodiscard]] msgpack::type::raw_ref bin(ByteView bytes);

// All that an array holds, at any depth, itself first.
[[nodiscard]] std::vector<msgpack::object*> elements(msgpack::object& root);

// The same value in a longer form than it needs.
enum class Form { uint8, uint16, uint32, uint64, int8, int16, int32, int64, size8, size16, size32 };
inline constexpr Form all_forms[] = {Form::uint8, Form::uint16, Form::uint32, Form::uint64,
                                     Form::int8,  Form::int16,  Form::int32,  Form::int64,
                                     Form::size8, Form::size16, Form::size32};
// Numbers that do not fit the form, and all that the form says nothing about, are in their shortest one.
[[nodiscard]] std::string pack_as(const msgpack::object& value, Form form);

}  // namespace fanmill::wire::test
