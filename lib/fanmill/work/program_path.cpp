#include <cerrno>
#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/work/program_path.hpp>

namespace fanmill::work {

namespace {

// An item may be the command's name, and then there is no end to them.
constexpr std::size_t most_remembered = 1024;

bool is_program(const std::string& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(file.c_str(), X_OK) == 0;
}

}  // namespace

ProgramPath::ProgramPath() {
  const char* const path = std::getenv("PATH");
  path_ = path != nullptr ? path : "/bin:/usr/bin";
}

std::variant<const char*, int> ProgramPath::find(std::string_view name) {
  current_ = name;
  if (name.empty()) return ENOENT;
  if (name.find('/') != std::string_view::npos) return current_.c_str();
  if (const auto known = found_.find(current_); known != found_.end()) return known->second.c_str();
  int reason = ENOENT;
  std::string_view rest = path_;
  while (true) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    std::string file = folder.empty() ? std::string(".") : std::string(folder);
    file.append("/").append(name);
    if (is_program(file)) {
      if (found_.size() >= most_remembered) found_.clear();
      return found_.insert_or_assign(current_, std::move(file)).first->second.c_str();
    }
    if (::access(file.c_str(), F_OK) == 0) reason = EACCES;
    if (colon == std::string_view::npos) return reason;
    rest.remove_prefix(colon + 1);
  }
}

}  // namespace fanmill::work
