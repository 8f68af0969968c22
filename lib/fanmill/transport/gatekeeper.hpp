#pragma once
// Keeps strangers out of the sockets of a context: answers libzmq's questions about each key that knocks
// (https://rfc.zeromq.org/spec/27/, ZAP), with those in a directory.

#include <atomic>
#include <deque>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/notice.hpp>
#include <fanmill/base/time.hpp>
#include <fanmill/core/refusals.hpp>
#include <fanmill/transport/allow_list.hpp>
#include <fanmill/transport/context.hpp>

namespace fanmill::transport {

class Gatekeeper {
 public:
  // Reads `directory` (Error as AllowList), starts a thread that answers until the end of this object, and
  // sees for itself that a key drawn at random and a peer without one are refused: Error{unavailable} if not.
  // To be made before the context's sockets are bound, and to go after them. `notice` is called from the
  // thread: who was refused and why, at a bounded rate. A refusal is answered a tenth of a second late, for
  // 64 strangers at a time: who knocks on and on takes little of the time of those who are let in.
  Gatekeeper(Context& context, const std::string& directory, Notice notice);
  ~Gatekeeper();
  Gatekeeper(const Gatekeeper&) = delete;
  Gatekeeper& operator=(const Gatekeeper&) = delete;

  // The ZAP domain of a socket at which only the key of this name is let in; of all that are, for an empty
  // one.
  [[nodiscard]] static std::string domain_for(std::string_view key_name);

 private:
  using Frames = std::vector<zmq::message_t>;
  struct Late {
    Time due;
    Frames answer;
  };

  void answer_until_end();
  void answer(const Frames& question);
  void send(Frames& answer);
  void send_late(Time now);
  [[nodiscard]] long wait_in_ms() const;
  void end();

  AllowList allowed_;
  Notice notice_;
  zmq::socket_t questions_;
  Descriptor end_;
  core::Refusals refusals_;          // the thread's
  std::deque<Late> late_;            // the thread's; what is due first is in front
  std::atomic<bool> tells_ = false;  // not in the trial at the start
  std::thread thread_;
};

}  // namespace fanmill::transport
