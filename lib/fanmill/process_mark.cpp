#include <cerrno>

#include <sys/mman.h>

#include <fanmill/base/error.hpp>
#include <fanmill/process_mark.hpp>

namespace fanmill::detail {

namespace {
constexpr std::size_t size = sizeof(int);  // the kernel makes it a page
}

ProcessMark::ProcessMark() {
  void* const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw Error(ErrorCode::unavailable, "start", "a run", reason_of(errno));
  // Where there is none of it (Linux before 4.14), a child is taken for its parent.
  ::madvise(page, size, MADV_WIPEONFORK);
  page_ = static_cast<int*>(page);
  *page_ = 1;
}

ProcessMark::~ProcessMark() {
  ::munmap(const_cast<int*>(page_), size);
}

}  // namespace fanmill::detail
