#pragma once
// Where a command is: the search through PATH that execvp(3) does for every call, done once per name.

#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

namespace fanmill::work {

class ProgramPath {
 public:
  // Takes PATH as it is now.
  ProgramPath();

  // The file to execute for a command of this name, or the errno value that says why there is none. A name
  // with a slash is a path already, and is not looked at. The text is valid until the next call.
  [[nodiscard]] std::variant<const char*, int> find(std::string_view name);
  // The file that was found for it is not there any more: look again next time.
  void forget(std::string_view name) { found_.erase(std::string(name)); }

 private:
  std::string path_;
  std::unordered_map<std::string, std::string> found_;
  std::string current_;
};

}  // namespace fanmill::work
