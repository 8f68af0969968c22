#include <fmt/format.h>

#include <fanmill/app/status_directory.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/transport/ipc_path.hpp>

namespace fanmill::app {

std::string status_directory(const Log& log) {
  try {
    return transport::runtime_directory();
  } catch (const Error& error) {
    log.info(fmt::format("fanmill status will not find this run: {}", error.what()));
    return "";
  }
}

}  // namespace fanmill::app
