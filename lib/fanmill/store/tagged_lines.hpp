#pragma once
// --tag: the item and a tab before each line of a task's output, as GNU parallel has it.

#include <string>

#include <fanmill/base/ids.hpp>

namespace fanmill::store {

// The last line may lack its newline, and gets none. No text has no line.
inline void append_tagged(std::string& to, ByteView tag, ByteView text) {
  while (!text.empty()) {
    const std::size_t newline = text.find('\n');
    const ByteView line = text.substr(0, newline == ByteView::npos ? newline : newline + 1);
    to.append(tag).append(1, '\t').append(line);
    text.remove_prefix(line.size());
  }
}

}  // namespace fanmill::store
