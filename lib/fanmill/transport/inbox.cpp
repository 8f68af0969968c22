#include <cstddef>

#include <fanmill/transport/inbox.hpp>
#include <fanmill/transport/uninterrupted.hpp>

namespace fanmill::transport {

int Inbox::events() {
  int events = 0;
  std::size_t size = sizeof events;
  uninterrupted([&] { return zmq_getsockopt(socket_.handle(), ZMQ_EVENTS, &events, &size); });
  empty_ = (events & ZMQ_POLLIN) == 0;
  return events;
}

}  // namespace fanmill::transport
