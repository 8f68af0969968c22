#pragma once
// Tells the process that made something from those that were forked from it.

namespace fanmill::detail {

// A page that the kernel wipes in a child (madvise(2), MADV_WIPEONFORK): to look costs a read, where getpid()
// costs a system call.
class ProcessMark {
 public:
  ProcessMark();  // throws Error{unavailable}
  ~ProcessMark();
  ProcessMark(const ProcessMark&) = delete;
  ProcessMark& operator=(const ProcessMark&) = delete;

  [[nodiscard]] bool is_here() const { return *page_ != 0; }

 private:
  volatile int* page_;
};

}  // namespace fanmill::detail
