#pragma once
// The functions that every worker has, for trials and benchmarks:
//
//   echo       the payload as it is
//   fail       fails, always
//   sha256     of the payload, in hexadecimal
//   sleep      for as many seconds as the payload says, "0.25"; no output
//   wordcount  the words in the file that the payload names, as `wc -w` counts them in the C locale

#include <string>
#include <string_view>
#include <vector>

#include <fanmill/work/function.hpp>

namespace fanmill::work {

// An empty function where there is none of this name.
[[nodiscard]] Function find_builtin(std::string_view name);

// In alphabetical order.
[[nodiscard]] std::vector<std::string> builtin_names();

}  // namespace fanmill::work
