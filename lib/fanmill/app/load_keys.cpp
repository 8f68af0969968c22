#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include <fanmill/app/load_keys.hpp>
#include <fanmill/transport/key_file.hpp>

namespace fanmill::app {

namespace {

// The 40 characters of a key may be the name of a file: if that is there, it is meant.
transport::PublicKey server_key(const std::string& given) {
  std::error_code unknown;
  const auto text = transport::PublicKey::of_text(given);
  if (text && !std::filesystem::exists(given, unknown)) return *text;
  return transport::read_public_key("--server-key", given);
}

}  // namespace

void load_keys(ProgramSettings& settings) {
  if (settings.key_file.empty()) return;
  const auto own = transport::read_secret_key("--key", settings.key_file);
  std::optional<transport::PublicKey> server;
  if (!settings.server_key.empty()) server = server_key(settings.server_key);
  for_each_stage(settings, [&](roles::CommonSettings& stage) {
    stage.key = own;
    stage.server_key = server;
  });
}

}  // namespace fanmill::app
