#include <array>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/app/command_text.hpp>
#include <fanmill/app/open_store.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/store/job_log.hpp>

namespace fanmill::app {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

// Two who write to one file, each at a place of its own, write over each other.
bool is_standard_output(const std::string& path) {
  struct stat named {};
  struct stat written {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(STDOUT_FILENO, &written) == 0 &&
         S_ISREG(written.st_mode) && named.st_dev == written.st_dev && named.st_ino == written.st_ino;
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
  std::unique_ptr<store::Store> stream = store::open_stream(settings.results);
  if (settings.joblog_file.empty()) return stream;
  if (settings.results.file.empty() && is_standard_output(settings.joblog_file)) {
    throw usage_error("--joblog", fmt::format("'{}' is the file of the results too", settings.joblog_file),
                      "give it one of its own");
  }
  const bool knows_command = settings.hosts_all_stages && !settings.remote_only;
  return store::with_job_log(std::move(stream), settings.joblog_file,
                             knows_command ? command_text(settings.command) : std::string());
}

}  // namespace fanmill::app
