#include <limits>

#include <fanmill/base/error.hpp>
#include <fanmill/codec.hpp>

namespace fanmill {

namespace detail {

void throw_wrong_size(std::size_t bytes, const std::string& wanted) {
  throw std::invalid_argument("it has " + std::to_string(bytes) + " bytes, and " + wanted + " are wanted");
}

void throw_unreadable(const std::string& what, const char* reason) {
  throw Error(ErrorCode::unavailable, "read", what, reason);
}

}  // namespace detail

void Codec<std::vector<std::string>>::write(const std::vector<std::string>& values, std::string& to) {
  for (const std::string& value : values) {
    if (value.size() > std::numeric_limits<std::uint32_t>::max()) {
      throw std::length_error("a string of a vector has 4 GiB or more");
    }
    detail::append_number(to, static_cast<std::uint32_t>(value.size()));
    to.append(value);
  }
}

std::vector<std::string> Codec<std::vector<std::string>>::read(std::string_view bytes) {
  std::vector<std::string> values;
  while (!bytes.empty()) {
    constexpr std::size_t width = sizeof(std::uint32_t);
    if (bytes.size() < width) throw std::invalid_argument("it ends within the size of a string");
    const auto size = detail::number_at<std::uint32_t>(bytes.data());
    bytes.remove_prefix(width);
    if (bytes.size() < size) throw std::invalid_argument("it ends within a string");
    values.emplace_back(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return values;
}

}  // namespace fanmill
