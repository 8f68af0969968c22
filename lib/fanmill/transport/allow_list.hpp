#pragma once
// Who is let in: the public keys in a directory, as it is at the moment of the question. One thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fanmill/base/error.hpp>
#include <fanmill/base/notice.hpp>
#include <fanmill/transport/curve_key.hpp>

namespace fanmill::transport {

class AllowList {
 public:
  // All files *.key in it, and no others. Throws Error{unavailable} naming `option` where it cannot be read,
  // one of its keys is none, or others than owner and group may write to it or to one of its keys. What goes
  // wrong later is told by `notice`, once: then such a directory lets nobody in, and such a file nobody by
  // it.
  AllowList(std::string option, std::string directory, Notice notice);

  // What its file is called, without the ending; nothing for a stranger. Looks whether the directory has
  // changed: a system call for it and one for each key.
  [[nodiscard]] std::optional<std::string> name_of(const PublicKey& key);
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  // What tells one content of a file from another without reading it.
  struct Seen {
    std::string name;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed = 0;  // ns since 1970
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  [[nodiscard]] Error unusable(std::string_view reason, std::string_view next = {}) const;
  void look(std::vector<Seen>& seen) const;
  void read(const std::vector<Seen>& seen);
  void look_again();
  void tell_new_flaws(std::string_view what_it_means);

  std::string option_;
  std::string directory_;
  Notice notice_;
  std::vector<Seen> seen_;
  bool settled_ = false;      // a change from now on shows in what is seen
  std::vector<Error> flaws_;  // of the directory, or of each of its files
  std::vector<std::string> told_;
  std::map<PublicKey, std::string> names_;
};

}  // namespace fanmill::transport
