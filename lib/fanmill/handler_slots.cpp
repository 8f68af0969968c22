#include <algorithm>
#include <utility>

#include <fanmill/base/error.hpp>
#include <fanmill/base/quantity.hpp>
#include <fanmill/handler_slots.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::detail {

namespace {
// Of a counter that one thread writes.
void count_up(std::atomic<std::uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}
}  // namespace

HandlerSlots::HandlerSlots(const Handler& handler, std::size_t count) {
  for (std::size_t slot = 1; slot <= count; ++slot) {
    auto own = std::make_unique<Slot>();
    own->function = handler.for_slot(slot);
    own->task.slot = slot;
    slots_.push_back(std::move(own));
  }
}

work::WorkSettings HandlerSlots::work(std::optional<Duration> timeout) {
  work::WorkSettings work;
  work.kind = work::WorkKind::function;
  work.words = {"handler"};
  work.slots = slots_.size();
  work.timeout = timeout;
  work.own = [this](ByteView payload, const work::FunctionCall& call) { return handle(payload, call); };
  return work;
}

ByteView HandlerSlots::handle(ByteView payload, const work::FunctionCall& call) {
  Slot& slot = *slots_[call.slot() - 1];
  const Presence presence(slot.thread);
  if (slot.stop != call.stop()) {
    const std::lock_guard lock(mutex_);
    slot.stop = call.stop();
    slot.task.stop = slot.stop.get_token();
  }
  // What was still waiting then starts no more.
  if (stopped_) return {};
  slot.task.payload = payload;
  slot.task.id = call.id();
  slot.task.attempt = call.attempt() + 1;
  ByteView output;
  try {
    output = slot.function(slot.task, slot.buffer);
    if (output.size() > wire::default_max_message) {
      throw Error(ErrorCode::unavailable, "send", "an output of " + format_count(output.size(), "byte"),
                  "the most is " + format_size(wire::default_max_message));
    }
  } catch (...) {
    count_up(slot.thrown);
    throw;
  }
  count_up(slot.returned);
  return output;
}

std::uint64_t HandlerSlots::sum(std::atomic<std::uint64_t> Slot::*counter) const {
  std::uint64_t all = 0;
  for (const auto& slot : slots_) all += ((*slot).*counter).load(std::memory_order_relaxed);
  return all;
}

void HandlerSlots::stop() {
  std::vector<std::stop_source> stops;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    for (const auto& slot : slots_) stops.push_back(slot->stop);
  }
  for (std::stop_source& stop : stops) stop.request_stop();
}

bool HandlerSlots::is_own_thread() const {
  return std::any_of(slots_.begin(), slots_.end(),
                     [](const auto& slot) { return Presence::is_here(slot->thread); });
}

}  // namespace fanmill::detail
