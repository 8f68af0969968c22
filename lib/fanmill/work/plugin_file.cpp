#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/plugin.h>
#include <fanmill/work/plugin_file.hpp>

namespace fanmill::work {

namespace {

// How a later version of the interface would call its object.
constexpr int versions_known_by_name = 9;

// What all ELF headers begin with, whatever machine they are for: identity, type, machine.
struct ElfBeginning {
  std::array<unsigned char, EI_NIDENT> identity{};
  std::uint16_t type = 0;
  std::uint16_t machine = 0;
};

bool read_beginning(const char* path, ElfBeginning& beginning) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  return file && ::read(file.fd(), &beginning, sizeof beginning) == static_cast<ssize_t>(sizeof beginning) &&
         std::memcmp(beginning.identity.data(), ELFMAG, SELFMAG) == 0;
}

// Whether all is there that is to be mapped: the linker would map it anyway, and die of touching it.
bool is_whole(const char* path, std::uint64_t size) {
  const Descriptor file(::open(path, O_RDONLY | O_CLOEXEC));
  ElfW(Ehdr) header{};
  if (::pread(file.fd(), &header, sizeof header, 0) != static_cast<ssize_t>(sizeof header)) return false;
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) part{};
    const auto at = static_cast<off_t>(header.e_phoff + i * header.e_phentsize);
    if (::pread(file.fd(), &part, sizeof part, at) != static_cast<ssize_t>(sizeof part)) return false;
    if (part.p_type == PT_LOAD && (part.p_offset > size || part.p_filesz > size - part.p_offset))
      return false;
  }
  return true;
}

[[noreturn]] void refuse(const std::string& file, std::string_view reason, std::string_view next = {}) {
  throw Error(ErrorCode::unavailable, "load", "the plugin '" + file + "'", reason, next);
}

// The linker's own words for these are less plain, or name another file.
void require_library(const std::string& file, const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) refuse(file, reason_of(errno));
  if (S_ISDIR(status.st_mode)) refuse(file, "it is a directory");
  if (!S_ISREG(status.st_mode)) refuse(file, "it is not a file");
  if (::access(path.c_str(), R_OK) != 0) refuse(file, reason_of(errno));
  ElfBeginning its;
  ElfBeginning ours;
  if (!read_beginning(path.c_str(), its)) {
    refuse(file, "it is not a shared library", "docs/plugins.md has how one is built");
  }
  const bool other_machine =
      read_beginning("/proc/self/exe", ours) &&
      (its.machine != ours.machine || its.identity[EI_CLASS] != ours.identity[EI_CLASS] ||
       its.identity[EI_DATA] != ours.identity[EI_DATA]);
  if (other_machine) refuse(file, "it is built for another kind of machine", "build it here");
  if (its.type != ET_DYN) {
    refuse(file, "it is not a shared library", "it has to be linked with -shared");
  }
  if (!is_whole(path.c_str(), static_cast<std::uint64_t>(status.st_size))) {
    refuse(file, "it is cut off: not all of it is there", "copy or build it again");
  }
}

std::string why_not_loaded(const std::string& path) {
  const char* const said = ::dlerror();  // NOLINT(concurrency-mt-unsafe): per thread in glibc
  std::string text = said == nullptr ? "no reason is known" : said;
  if (text.starts_with(path + ": ")) text.erase(0, path.size() + 2);
  return text;
}

void* symbol(void* library, int version) {
  return ::dlsym(library, fmt::format("fanmill_plugin_v{}", version).c_str());
}

}  // namespace

const fanmill_plugin& load_plugin(const std::string& file) {
  const std::string path = file.find('/') == std::string::npos ? "./" + file : file;
  require_library(file, path);
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) refuse(file, why_not_loaded(path));
  const void* const found = symbol(library, FANMILL_PLUGIN_VERSION);
  if (found == nullptr) {
    for (int version = FANMILL_PLUGIN_VERSION + 1; version <= versions_known_by_name; ++version) {
      if (symbol(library, version) == nullptr) continue;
      refuse(file,
             fmt::format("it is a plugin of version {}, and this Fanmill takes version {}", version,
                         FANMILL_PLUGIN_VERSION),
             "build it with this Fanmill's <fanmill/plugin.h>");
    }
    refuse(file, "it has no fanmill_plugin_v1, and so it is no plugin",
           "<fanmill/plugin.h> says what a plugin defines");
  }
  const auto& plugin = *static_cast<const fanmill_plugin*>(found);
  if (plugin.version != FANMILL_PLUGIN_VERSION) {
    refuse(file,
           fmt::format("its fanmill_plugin_v1 says version {}, and not {}", plugin.version,
                       FANMILL_PLUGIN_VERSION),
           "build it with this Fanmill's <fanmill/plugin.h>");
  }
  if (plugin.size != sizeof(fanmill_plugin)) {
    const bool is_newer = plugin.size > sizeof(fanmill_plugin);
    refuse(file,
           fmt::format("its fanmill_plugin_v1 says that it has {} bytes, and here that has {}", plugin.size,
                       sizeof(fanmill_plugin)),
           is_newer ? "build it with this Fanmill's <fanmill/plugin.h>"
                    : "its second member is sizeof(struct fanmill_plugin)");
  }
  if (plugin.perform == nullptr) refuse(file, "its fanmill_plugin_v1 has no perform");
  return plugin;
}

}  // namespace fanmill::work
