#include <array>

#include <unistd.h>

#include <fanmill/app/open_store.hpp>

namespace fanmill::app {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

std::unique_ptr<store::Store> open_store(const ClosedStreams& closed, const ProgramSettings& settings) {
  if (!settings.results_file.path.empty()) {
    store::ResultsFileSettings file = settings.results_file;
    file.host = host_name();
    file.version = FANMILL_VERSION;
    return store::open_results_file(file);
  }
  require_output(closed, settings.results);
  return store::open_stream(settings.results);
}

}  // namespace fanmill::app
