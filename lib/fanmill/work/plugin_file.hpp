#pragma once
// From the name of a shared library to the plugin in it, or to what is wrong with it in plain words.

#include <string>

struct fanmill_plugin;

namespace fanmill::work {

// Loads it, for good. Throws Error{unavailable}. A name without a slash is a file here: unlike dlopen(3) this
// never searches.
[[nodiscard]] const fanmill_plugin& load_plugin(const std::string& file);

}  // namespace fanmill::work
