#pragma once
// Whether a ZeroMQ socket may have something for us, without asking it: to ask (ZMQ_EVENTS) costs system
// calls, and a loop that asks all its sockets at every turn spends more on that than on a task.
//
// libzmq's rule: ZMQ_FD becomes readable when something has happened to the socket, and any call on the
// socket may take that signal away. So once a call has found nothing to receive, there is nothing until the
// descriptor is readable, or until we have called something else on the socket.

#include <zmq.hpp>

namespace fanmill::transport {

class Inbox {
 public:
  explicit Inbox(zmq::socket_t& socket) : socket_(socket), fd_(socket.get(zmq::sockopt::fd)) {}

  void found_empty() { empty_ = true; }  // a receive had nothing
  void touched() { empty_ = false; }     // something else was called, or the descriptor was readable
  [[nodiscard]] bool known_empty() const { return empty_; }

  // ZMQ_EVENTS: ZMQ_POLLIN and ZMQ_POLLOUT as they are now.
  [[nodiscard]] int events();
  [[nodiscard]] int fd() const { return fd_; }

 private:
  zmq::socket_ref socket_;  // the handle stays the same where the socket_t is moved
  int fd_;
  bool empty_ = false;
};

}  // namespace fanmill::transport
