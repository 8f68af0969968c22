#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/transport/gatekeeper.hpp>
#include <fanmill/transport/monitor.hpp>
#include <fanmill/transport/poller.hpp>
#include <fanmill/transport/random.hpp>
#include <fanmill/transport/uninterrupted.hpp>

namespace fanmill::transport {

namespace {

constexpr const char* questions_at = "inproc://zeromq.zap.01";
constexpr std::string_view everybody = "fanmill";
constexpr Duration refusals_wait = std::chrono::milliseconds(100);
constexpr std::size_t most_waiting = 64;  // each is a connection, and has a descriptor

Error cannot_start(std::string_view reason) {
  return {ErrorCode::unavailable, "keep strangers out of", "this program's sockets", reason};
}

// Connects to `server` without its leave, and says what came of it.
std::optional<Monitor::What> knock(Context& context, Monitor& monitor, const Endpoint& server,
                                   const SocketSettings& settings) {
  Socket stranger(context, Kind::push, settings);
  stranger.connect(server);
  Poller poller;
  poller.watch_readable(monitor);
  const Time until = Clock::now() + std::chrono::seconds(10);
  do {
    while (const auto event = monitor.next()) {
      using What = Monitor::What;
      if (event->what == What::up || event->what == What::refused || event->what == What::other_mechanism) {
        return event->what;
      }
    }
    poller.wait(Clock::now(), until);
  } while (Clock::now() < until);
  return std::nullopt;
}

// The frames of a message; none if there is no message.
std::vector<zmq::message_t> receive(zmq::socket_t& socket) {
  std::vector<zmq::message_t> frames;
  do {
    zmq::message_t frame;
    if (uninterrupted([&] { return zmq_msg_recv(frame.handle(), socket.handle(), ZMQ_DONTWAIT); }) < 0)
      return frames;
    frames.push_back(std::move(frame));
  } while (frames.back().more());
  return frames;
}

// What libzmq lets in by default, should it not have found us, or not asked.
void check_that_strangers_are_refused(Context& context) {
  SocketSettings own;
  own.key = KeyPair::make();
  own.linger = std::chrono::milliseconds(0);
  Socket server(context, Kind::pull, own);
  Monitor monitor(context, server);
  Endpoint endpoint;
  endpoint.scheme = Scheme::ipc;
  endpoint.path = "@fanmill-check-" + random_name(16);  // abstract, unix(7): no file
  endpoint = server.bind(endpoint);

  SocketSettings with_key;
  with_key.linger = own.linger;
  with_key.reconnects = false;
  SocketSettings without = with_key;
  with_key.key = KeyPair::make();
  with_key.server = own.key->public_key();
  if (knock(context, monitor, endpoint, with_key) != Monitor::What::refused) {
    throw cannot_start("a key that nobody knows was not refused in a trial at the start");
  }
  if (knock(context, monitor, endpoint, without) != Monitor::What::other_mechanism) {
    throw cannot_start("a peer without a key was not refused in a trial at the start");
  }
}

}  // namespace

Gatekeeper::Gatekeeper(Context& context, const std::string& directory, Notice notice)
    : allowed_("--allow", directory, notice),
      notice_(std::move(notice)),
      end_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!end_) throw cannot_start(reason_of(errno));
  try {
    questions_ = zmq::socket_t(context.handle(), zmq::socket_type::router);
    questions_.set(zmq::sockopt::linger, 0);
    questions_.bind(questions_at);
  } catch (const zmq::error_t& error) {
    throw cannot_start(reason_of(error.num()));
  }
  if (allowed_.size() == 0) {
    notice_(Severity::warning, "there is no key in '" + directory + "' yet: nobody is let in");
  }
  try {
    thread_ = std::thread([this] { answer_until_end(); });
  } catch (const std::system_error& error) {
    throw cannot_start(reason_of(error.code().value()));
  }
  try {
    check_that_strangers_are_refused(context);
  } catch (...) {
    end();
    throw;
  }
  tells_ = true;
}

Gatekeeper::~Gatekeeper() {
  end();
}

std::string Gatekeeper::domain_for(std::string_view key_name) {
  // Short: a file's name may take 251 of the 255 bytes that libzmq allows. None begins with a slash.
  return key_name.empty() ? std::string(everybody) : "/" + std::string(key_name);
}

void Gatekeeper::end() {
  ::eventfd_write(end_.fd(), 1);
  thread_.join();
}

void Gatekeeper::answer_until_end() {
  for (;;) {
    std::array<zmq_pollitem_t, 2> items{
        {{questions_.handle(), 0, ZMQ_POLLIN, 0}, {nullptr, end_.fd(), ZMQ_POLLIN, 0}}};
    uninterrupted([&] { return zmq_poll(items.data(), static_cast<int>(items.size()), wait_in_ms()); });
    for (Frames question; !(question = receive(questions_)).empty();) answer(question);
    send_late(Clock::now());
    const bool is_end = items[1].revents != 0;
    for (const std::string& line : is_end ? refusals_.rest() : refusals_.due(Clock::now())) {
      notice_(Severity::warning, line);
    }
    if (is_end) return;
  }
}

long Gatekeeper::wait_in_ms() const {
  const Time due = std::min(refusals_.next(), late_.empty() ? never : late_.front().due);
  if (due == never) return -1;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(due - Clock::now());
  return std::max<long>(0, wait.count());
}

// Frames of a question: who asks (of libzmq's sessions), nothing, version, number, domain, address, routing
// id, mechanism, credentials. Of the answer: whom it is for, nothing, version, number, status, text, user,
// metadata.
void Gatekeeper::answer(const Frames& question) {
  constexpr std::size_t envelope = 2;
  const auto text = [&](std::size_t index) {
    index += envelope;
    return index < question.size() ? question[index].to_string_view() : std::string_view();
  };

  std::string reason;
  std::string kind;  // a stranger may have a new key each time
  std::optional<std::string> name;
  if (text(5) != "CURVE") {
    reason = "it has no key";
  } else if (const auto key = PublicKey::of_bytes(text(6))) {
    name = allowed_.name_of(*key);
    if (!name) {
      kind = "stranger";
      reason = "its key " + key->text() + " is not in '" + allowed_.directory() + "'";
    } else if (text(2) != everybody && text(2) != domain_for(*name)) {
      reason = "the key " + *name + " is not the one that this lane is for";
      name.reset();
    }
  } else {
    reason = "its key is none";
  }
  const Time now = Clock::now();
  if (!name && tells_) {
    // Over ipc libzmq gives the user and process of the other side in place of an address.
    if (const auto line = refusals_.refused(std::string(text(3)), reason, now, kind)) {
      notice_(Severity::warning, *line);
    }
  }

  const std::string_view user = name ? std::string_view(*name) : std::string_view();
  Frames reply;
  for (const std::string_view frame :
       {question.front().to_string_view(), std::string_view(), text(0), text(1),
        std::string_view(name ? "200" : "400"), std::string_view(), user, std::string_view()}) {
    reply.emplace_back(frame.data(), frame.size());
  }
  if (name || !tells_) {
    send(reply);
  } else {
    late_.push_back({now + refusals_wait, std::move(reply)});
  }
}

// To one that has gone meanwhile nothing is sent.
void Gatekeeper::send(Frames& answer) {
  for (zmq::message_t& frame : answer) {
    const int flags = ZMQ_DONTWAIT | (&frame == &answer.back() ? 0 : ZMQ_SNDMORE);
    uninterrupted([&] { return zmq_msg_send(frame.handle(), questions_.handle(), flags); });
  }
}

void Gatekeeper::send_late(Time now) {
  while (!late_.empty() && (late_.front().due <= now || late_.size() > most_waiting)) {
    send(late_.front().answer);
    late_.pop_front();
  }
}

}  // namespace fanmill::transport
