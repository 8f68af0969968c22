#pragma once
// An output file that is there whole or not at all: written beside its place as FILE.partial, and renamed
// when the run is complete. Where it is not, FILE is as it was before, and what there is stays in
// FILE.partial; nothing of it does if there is nothing in it.

#include <string>
#include <string_view>

#include <fanmill/base/descriptor.hpp>

namespace fanmill::store {

class ResultFile {
 public:
  // `action` is for errors, which read as "cannot ACTION 'FILE': …".
  // Throws Error{unavailable} where FILE could not be made: a directory, in a missing directory, not ours to
  // write, or being written by another run.
  explicit ResultFile(const std::string& path, std::string action = "write results to");
  ~ResultFile();
  ResultFile(ResultFile&&) noexcept = default;
  ResultFile& operator=(ResultFile&&) = delete;

  // Open for writing, empty.
  [[nodiscard]] int fd() const { return file_.fd(); }
  // Its path until then.
  [[nodiscard]] const std::string& partial() const { return partial_; }

  // Everything is written: makes it last, and gives it its name. Throws Error{unavailable}.
  void complete();
  // It will not be: FILE.partial goes.
  void discard() noexcept;

 private:
  [[noreturn]] void fail(int error_number, std::string_view next = {}) const;

  std::string action_;
  std::string title_;    // FILE as it was given, in quotes
  std::string target_;   // what it leads to, symbolic links followed
  std::string partial_;  // target_ + ".partial"
  Descriptor file_;
  bool settled_ = false;
};

}  // namespace fanmill::store
