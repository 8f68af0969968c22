#include <string>

#include <fmt/format.h>

#include <fanmill/app/status_directory.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/transport/ipc_path.hpp>

namespace fanmill::app {

std::string status_directory(const Log& log) {
  try {
    std::string directory = transport::runtime_directory();
    transport::remove_dead_sockets(directory);
    return directory;
  } catch (const Error& error) {
    log.info(fmt::format("fanmill status will not find this run: {}", error.what()));
    return "";
  }
}

}  // namespace fanmill::app
