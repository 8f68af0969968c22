#pragma once
// Lets Catch say which flaw it was.

#include <optional>
#include <string>

#include <catch2/catch.hpp>

#include <fanmill/wire/decoded.hpp>

namespace Catch {
template <>
struct StringMaker<fanmill::wire::Flaw> {
  static std::string convert(fanmill::wire::Flaw flaw) { return std::string(fanmill::wire::name_of(flaw)); }
};
template <>
struct StringMaker<std::optional<fanmill::wire::Flaw>> {
  static std::string convert(const std::optional<fanmill::wire::Flaw>& flaw) {
    return flaw ? StringMaker<fanmill::wire::Flaw>::convert(*flaw) : "no flaw";
  }
};
}  // namespace Catch
