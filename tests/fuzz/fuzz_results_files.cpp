// A results file of anybody's bytes: audited, exported, and taken up again, or refused in words.

#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "fuzz_target.hpp"
#include <fanmill/base/error.hpp>
#include <fanmill/store/results_audit.hpp>
#include <fanmill/store/results_file.hpp>
#include <fanmill/store/stored_run.hpp>

using namespace fanmill;
using namespace fanmill::store;
using fanmill::fuzz::require;

namespace {

// A file in memory, where there is such a place; goes with the process.
class Place {
 public:
  Place()
      : path_((::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + std::string("/fanmill-fuzz-XXXXXX")) {
    const int made = ::mkstemp(path_.data());
    require(made >= 0, "a file can be made");
    ::close(made);
  }
  ~Place() { remove(); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  void fill(ByteView bytes) {
    remove();
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(file >= 0 && ::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
            "a file can be written");
    ::close(file);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void remove() {
    for (const char* ending : {"", "-journal", "-wal", "-shm", ".lock"}) ::unlink((path_ + ending).c_str());
  }
  std::string path_;
};

template <class Use>
void use(Use file) {
  try {
    file();
  } catch (const Error& error) {
    require(std::string_view(error.what()).size() > 10, "what is wrong with a file is said");
  }
}

void go_on(const std::string& path, ResultsMode mode) {
  ResultsFileSettings settings;
  settings.path = path;
  settings.mode = mode;
  const std::unique_ptr<DurableStore> store = open_results_file(settings);
  store->begin(RunId{7}, "\n");
  Announced answer;
  constexpr std::array<Key, 2> keys{{{1, 2}, {3, 4}}};
  store->announce(0, keys, answer);
  wire::ResultView result;
  result.id = 0;
  result.output = "output";
  store->accept({RunId{7}, LaneToken{1}, "worker", false}, result);
  store->flush(Clock::now());
  store->set_count(2);
  store->finish(false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Place place;
  fuzz::Bytes bytes(data, size);
  const unsigned choice = bytes.number();
  place.fill(bytes.rest());
  switch (choice % 3) {
    case 0:
      use([] { require(!audit_results(place.path()).statement.empty(), "an audit says something"); });
      break;
    case 1:
      use([] {
        const StoredRun run(place.path());
        run.read([](const wire::ResultsHeader& header, const wire::ResultView& result) {
          require(result.attempt <= wire::max_attempt && result.id <= max_task_id &&
                      header.worker.size() < size_t{1} << 30,
                  "what is read is in bounds");
        });
      });
      break;
    default:
      use([&] { go_on(place.path(), choice % 2 == 0 ? ResultsMode::resume : ResultsMode::retry_failed); });
      break;
  }
  return 0;
}
