#include <memory>
#include <optional>

#include <sys/prctl.h>

#include <fanmill/app/load_keys.hpp>
#include <fanmill/transport/key_file.hpp>

namespace fanmill::app {

void keep_memory_to_ourselves() {
  ::prctl(PR_SET_DUMPABLE, 0);
}

void load_keys(ProgramSettings& settings) {
  if (settings.key_file.empty()) return;
  keep_memory_to_ourselves();
  const auto own = transport::read_secret_key("--key", settings.key_file);
  std::optional<transport::PublicKey> server;
  if (!settings.server_key.empty()) server = transport::public_key_of("--server-key", settings.server_key);
  for_each_stage(settings, [&](roles::CommonSettings& stage) {
    stage.key = own;
    stage.server_key = server;
  });
}

}  // namespace fanmill::app
