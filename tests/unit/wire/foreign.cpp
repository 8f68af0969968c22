#include "foreign.hpp"

#include <limits>
#include <stdexcept>
#include <type_traits>

namespace fanmill::wire::test {

namespace {

using Packer = msgpack::packer<msgpack::sbuffer>;

template <class Integer>
[[nodiscard]] bool fits(std::uint64_t value) {
  return value <= static_cast<std::uint64_t>(std::numeric_limits<Integer>::max());
}

void pack_number(Packer& packer, std::uint64_t value, Form form) {
  if (form == Form::uint8 && fits<std::uint8_t>(value)) {
    packer.pack_fix_uint8(static_cast<std::uint8_t>(value));
  } else if (form == Form::uint16 && fits<std::uint16_t>(value)) {
    packer.pack_fix_uint16(static_cast<std::uint16_t>(value));
  } else if (form == Form::uint32 && fits<std::uint32_t>(value)) {
    packer.pack_fix_uint32(static_cast<std::uint32_t>(value));
  } else if (form == Form::uint64) {
    packer.pack_fix_uint64(value);
  } else if (form == Form::int8 && fits<std::int8_t>(value)) {
    packer.pack_fix_int8(static_cast<std::int8_t>(value));
  } else if (form == Form::int16 && fits<std::int16_t>(value)) {
    packer.pack_fix_int16(static_cast<std::int16_t>(value));
  } else if (form == Form::int32 && fits<std::int32_t>(value)) {
    packer.pack_fix_int32(static_cast<std::int32_t>(value));
  } else if (form == Form::int64 && fits<std::int64_t>(value)) {
    packer.pack_fix_int64(static_cast<std::int64_t>(value));
  } else {
    packer.pack_uint64(value);
  }
}

// A marker and a size of 1, 2 or 4 bytes; the packer has no such choice.
void put_size(msgpack::sbuffer& buffer, unsigned char marker, std::size_t width, std::uint64_t size) {
  std::string header(1, static_cast<char>(marker));
  while (width-- > 0) header.push_back(static_cast<char>(size >> (8 * width)));
  buffer.write(header.data(), header.size());
}

[[nodiscard]] std::size_t width_of(Form form) {
  if (form == Form::size8) return 1;
  if (form == Form::size16) return 2;
  return form == Form::size32 ? 4 : 0;
}

void pack_value(msgpack::sbuffer& buffer, const msgpack::object& value, Form form) {
  Packer packer(buffer);
  const std::size_t width = width_of(form);
  const auto marker = [width](unsigned char of_width_1) {
    return static_cast<unsigned char>(of_width_1 + (width == 4 ? 2 : width - 1));
  };
  switch (value.type) {
    case msgpack::type::POSITIVE_INTEGER:
      return pack_number(packer, value.via.u64, form);
    case msgpack::type::STR:
      if (width == 0 || value.via.str.size >= std::uint64_t{1} << (8 * width)) break;
      put_size(buffer, marker(0xd9), width, value.via.str.size);
      return buffer.write(value.via.str.ptr, value.via.str.size);
    case msgpack::type::BIN:
      if (width == 0 || value.via.bin.size >= std::uint64_t{1} << (8 * width)) break;
      put_size(buffer, marker(0xc4), width, value.via.bin.size);
      return buffer.write(value.via.bin.ptr, value.via.bin.size);
    case msgpack::type::ARRAY:
      if (width < 2) {
        packer.pack_array(value.via.array.size);
      } else {
        put_size(buffer, width == 2 ? 0xdc : 0xdd, width, value.via.array.size);
      }
      for (std::uint32_t i = 0; i < value.via.array.size; ++i) {
        pack_value(buffer, value.via.array.ptr[i], form);
      }
      return;
    default:
      break;
  }
  packer.pack(value);
}

}  // namespace

msgpack::object_handle unpack(ByteView frame) {
  std::size_t offset = 0;
  msgpack::object_handle handle = msgpack::unpack(frame.data(), frame.size(), offset);
  if (offset != frame.size()) throw std::runtime_error("bytes after the frame's value");
  return handle;
}

std::string pack(const msgpack::object& value) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, value);
  return {buffer.data(), buffer.size()};
}

msgpack::type::raw_ref bin(ByteView bytes) {
  return {bytes.data(), static_cast<std::uint32_t>(bytes.size())};
}

std::vector<msgpack::object*> elements(msgpack::object& root) {
  std::vector<msgpack::object*> all{&root};
  if (root.type == msgpack::type::ARRAY) {
    for (std::uint32_t i = 0; i < root.via.array.size; ++i) {
      const std::vector<msgpack::object*> below = elements(root.via.array.ptr[i]);
      all.insert(all.end(), below.begin(), below.end());
    }
  }
  return all;
}

std::string pack_as(const msgpack::object& value, Form form) {
  msgpack::sbuffer buffer;
  pack_value(buffer, value, form);
  return {buffer.data(), buffer.size()};
}

}  // namespace fanmill::wire::test
