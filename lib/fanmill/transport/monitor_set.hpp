#pragma once
// Many monitors behind one descriptor: a loop that waits for each of a thousand by itself pays for each at
// every turn, although nothing ever happens to most of them.
//
// One thread.

#include <cstdint>
#include <vector>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/transport/monitor.hpp>

namespace fanmill::transport {

class MonitorSet {
 public:
  // Throws Error where the system has no descriptors left.
  MonitorSet();

  // Whose events have been read to the end, or news() might not tell of the next one. It has to be taken out
  // before it is destroyed. Throws Error where the system has no room for it.
  void add(Monitor& monitor, std::uint64_t key);
  void remove(Monitor& monitor);

  [[nodiscard]] int fd() const { return epoll_.fd(); }  // readable: there is news
  // The keys of monitors that may have events, not always of all; again until they have been read, which has
  // to be to the end.
  [[nodiscard]] std::vector<std::uint64_t> news() const;

 private:
  Descriptor epoll_;
};

}  // namespace fanmill::transport
