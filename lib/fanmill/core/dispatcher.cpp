#include <algorithm>
#include <cassert>
#include <limits>

#include <fanmill/core/dispatcher.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::core {

namespace {
constexpr std::size_t page_bytes = std::size_t{64} << 10;
constexpr std::size_t page_tasks = 2048;
constexpr std::size_t spare_pages = 64;
// A lane carries this many bytes at the most, or its slots and one task more, whichever is more.
constexpr std::size_t lane_bytes = std::size_t{1} << 20;
// Waiting tasks beyond what the lanes have room for: enough for a full batch, few enough to stay in the
// cache.
constexpr std::size_t read_ahead_bytes = std::size_t{256} << 10;
}  // namespace

// --- input

bool Dispatcher::wants_input() const {
  if (input_ended_) return false;
  if (out_ + pending_ >= settings_.window_tasks || bytes_ >= settings_.window_bytes) return false;
  return fresh_bytes_ < read_ahead_bytes &&
         pending_ < std::max<std::uint64_t>(wire::batch_tasks, 2 * room_total_);
}

Dispatcher::Page& Dispatcher::page_for_add(std::size_t size) {
  if (filling_ != nullptr && filling_->entries.size() < page_tasks &&
      (filling_->entries.empty() || filling_->bytes.size() + size <= page_bytes)) {
    return *filling_;
  }
  Page* full = filling_;
  std::unique_ptr<Page> page;
  if (spare_.empty()) {
    page = std::make_unique<Page>();
  } else {
    page = std::move(spare_.back());
    spare_.pop_back();
  }
  page->first = next_id_;
  filling_ = page.get();
  pages_.emplace_hint(pages_.end(), next_id_, std::move(page));
  if (full != nullptr && full->live == 0) retire(full->first);
  return *filling_;
}

TaskId Dispatcher::add(ByteView payload) {
  assert(!input_ended_);
  assert(payload.size() <= std::numeric_limits<std::uint32_t>::max());
  Page& page = page_for_add(payload.size());
  Entry& entry = page.entries.emplace_back();
  entry.offset = static_cast<std::uint32_t>(page.bytes.size());
  entry.size = static_cast<std::uint32_t>(payload.size());
  page.bytes.append(payload);
  ++page.live;
  ++pending_;
  bytes_ += payload.size();
  fresh_bytes_ += payload.size();
  return next_id_++;
}

Dispatcher::Page* Dispatcher::page_of(TaskId id) {
  auto above = pages_.upper_bound(id);
  if (above == pages_.begin()) return nullptr;
  Page* page = std::prev(above)->second.get();
  return id - page->first < page->entries.size() ? page : nullptr;
}

void Dispatcher::retire(TaskId first) {
  const auto found = pages_.find(first);
  assert(found != pages_.end());
  std::unique_ptr<Page> page = std::move(found->second);
  pages_.erase(found);
  if (sending_ == page.get()) sending_ = nullptr;
  // A page that held one large item would keep its block for ever.
  if (spare_.size() < spare_pages && page->bytes.capacity() <= 2 * page_bytes) {
    page->bytes.clear();
    page->entries.clear();
    spare_.push_back(std::move(page));
  }
}

// --- lanes

LaneIndex Dispatcher::open(const Limits& limits) {
  assert(limits.slots > 0 && limits.max_batch > 0);
  LaneIndex lane = 0;
  if (unused_.empty()) {
    lane = static_cast<LaneIndex>(lanes_.size());
    lanes_.emplace_back(limits, settings_.prefetch);
  } else {
    lane = unused_.back();
    unused_.pop_back();
    Lane fresh(limits, settings_.prefetch);
    fresh.in_idle = lanes_[lane].in_idle;
    fresh.in_roomy = lanes_[lane].in_roomy;
    lanes_[lane] = fresh;
  }
  ++open_lanes_;
  if (open_lanes_ >= settings_.min_lanes) started_ = true;
  refresh(lane);
  return lane;
}

std::uint64_t Dispatcher::close(LaneIndex lane) {
  assert(lanes_[lane].open);
  std::vector<TaskId> lost;
  if (lanes_[lane].held > 0) {
    lost.reserve(lanes_[lane].held);
    for (auto& [first, page] : pages_) {
      for (std::size_t i = 0; i < page->entries.size(); ++i) {
        Entry& entry = page->entries[i];
        if (entry.state != State::out || entry.lane != lane) continue;
        entry.state = State::again;
        entry.attempt = (entry.attempt + 1) & 0xffffffU;
        lost.push_back(first + i);
      }
    }
  }
  lanes_[lane].open = false;
  lanes_[lane].held = 0;
  lanes_[lane].held_bytes = 0;
  refresh(lane);
  unused_.push_back(lane);
  --open_lanes_;
  redelivered_ += lost.size();
  put_back(lost);
  return lost.size();
}

void Dispatcher::drain(LaneIndex lane) {
  lanes_[lane].draining = true;
  refresh(lane);
}

std::uint64_t Dispatcher::give_back(LaneIndex lane, std::span<const IdRange> ids) {
  std::vector<TaskId> back;
  for (const IdRange& range : ids) {
    auto at = pages_.upper_bound(range.first);
    if (at != pages_.begin()) --at;
    for (; at != pages_.end() && at->first <= range.last; ++at) {
      Page& page = *at->second;
      const TaskId end = std::min(range.last + 1, page.first + page.entries.size());
      for (TaskId id = std::max(range.first, page.first); id < end; ++id) {
        Entry& entry = page.entries[id - page.first];
        if (entry.state != State::out || entry.lane != lane) continue;
        entry.state = State::again;
        --lanes_[lane].held;
        lanes_[lane].held_bytes -= entry.size;
        back.push_back(id);
      }
    }
  }
  put_back(back);
  refresh(lane);
  return back.size();
}

void Dispatcher::put_back(std::vector<TaskId>& ids) {
  again_.insert(again_.begin(), ids.begin(), ids.end());
  out_ -= ids.size();
  pending_ += ids.size();
}

std::uint64_t Dispatcher::room_of(const Lane& lane) const {
  if (!lane.open || lane.draining || lane.held >= lane.credit.tasks()) return 0;
  if (lane.held_bytes >= lane_bytes && lane.held > lane.limits.slots) return 0;
  return lane.credit.tasks() - lane.held;
}

// Brings room_total_ and the two queues up to date after a lane's account has changed.
void Dispatcher::refresh(LaneIndex index) {
  Lane& lane = lanes_[index];
  const std::uint64_t room = room_of(lane);
  room_total_ += room - lane.room;
  lane.room = room;
  if (room == 0) return;
  if (lane.held < lane.limits.slots && !lane.in_idle) {
    lane.in_idle = true;
    idle_.push_back(index);
  }
  if (!lane.in_roomy) {
    lane.in_roomy = true;
    roomy_.push_back(index);
  }
}

// A lane with an empty slot before one that has work; within each kind, the one that has waited longest.
LaneIndex Dispatcher::pick_lane() {
  while (!idle_.empty()) {
    const LaneIndex index = idle_.front();
    Lane& lane = lanes_[index];
    idle_.pop_front();
    lane.in_idle = false;
    if (lane.room > 0 && lane.held < lane.limits.slots) return index;
  }
  while (!roomy_.empty()) {
    const LaneIndex index = roomy_.front();
    Lane& lane = lanes_[index];
    roomy_.pop_front();
    lane.in_roomy = false;
    if (lane.room > 0) return index;
  }
  return no_lane;
}

// --- out

bool Dispatcher::next(Handout& out) {
  out.tasks.clear();
  if (stopped_ || !started_ || pending_ == 0 || out_ >= settings_.window_tasks) return false;
  const LaneIndex index = pick_lane();
  if (index == no_lane) return false;
  Lane& lane = lanes_[index];

  // Where there is less to do than room for it, slots are filled before anything waits behind another task,
  // and nobody gets more than a share.
  const std::uint64_t empty_slots = lane.held < lane.limits.slots ? lane.limits.slots - lane.held : 0;
  std::uint64_t most = lane.room;
  if (pending_ < room_total_) {
    most = empty_slots > 0 ? empty_slots : std::max<std::uint64_t>(1, pending_ / open_lanes_);
  } else if (input_ended_) {
    most = std::max({std::uint64_t{1}, empty_slots, pending_ / (2 * open_lanes_)});
  }
  most = std::min({most, lane.room, std::uint64_t{lane.limits.max_batch}, std::uint64_t{wire::batch_tasks},
                   settings_.window_tasks - out_});

  out.lane = index;
  std::size_t budget = wire::batch_bytes;
  take_again(index, most, budget, out);
  if (again_.empty()) take_fresh(index, most, budget, out);
  refresh(index);
  // `again_` may have held nothing but tasks that are done by now; the count says what is true.
  return !out.tasks.empty();
}

void Dispatcher::hand_out(Page& page, Entry& entry, TaskId id, LaneIndex lane, Handout& out) {
  entry.state = State::out;
  entry.lane = lane;
  ++lanes_[lane].held;
  lanes_[lane].held_bytes += entry.size;
  --pending_;
  ++out_;
  out.tasks.push_back({id, entry.attempt, page.payload(entry)});
}

void Dispatcher::take_again(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out) {
  while (!again_.empty() && out.tasks.size() < most) {
    const TaskId id = again_.front();
    Page* page = page_of(id);
    Entry* entry = page == nullptr ? nullptr : &page->entries[id - page->first];
    if (entry == nullptr || entry->state != State::again) {
      again_.pop_front();
      continue;
    }
    if (entry->size > budget && !out.tasks.empty()) return;
    again_.pop_front();
    budget -= std::min<std::size_t>(budget, entry->size);
    hand_out(*page, *entry, id, lane, out);
  }
}

void Dispatcher::take_fresh(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out) {
  while (out.tasks.size() < most && next_fresh_ < next_id_) {
    if (sending_ == nullptr) sending_ = page_of(next_fresh_);
    assert(sending_ != nullptr);
    Entry& entry = sending_->entries[next_fresh_ - sending_->first];
    if (entry.size > budget && !out.tasks.empty()) return;
    budget -= std::min<std::size_t>(budget, entry.size);
    fresh_bytes_ -= entry.size;
    hand_out(*sending_, entry, next_fresh_, lane, out);
    ++next_fresh_;
    if (next_fresh_ - sending_->first == sending_->entries.size()) sending_ = nullptr;
  }
}

void Dispatcher::unsent(const Handout& out) {
  std::vector<IdRange> ids;
  std::vector<TaskId> order;
  for (const wire::TaskView& task : out.tasks) order.push_back(task.id);
  std::sort(order.begin(), order.end());
  for (const TaskId id : order) append_id(ids, id);
  give_back(out.lane, ids);
}

// --- acknowledgements

std::uint64_t Dispatcher::acknowledge(std::span<const IdRange> ids, Time now) {
  std::uint64_t forgotten = 0;
  LaneIndex lane = no_lane;
  std::uint64_t of_lane = 0;
  const auto settle = [&] {
    if (of_lane == 0) return;
    lanes_[lane].credit.acknowledged(of_lane, lanes_[lane].held == 0 && pending_ > 0, now);
    refresh(lane);
    of_lane = 0;
  };
  for (const IdRange& range : ids) {
    // By pages, not by ids: a range may claim far more than there is.
    auto at = pages_.upper_bound(range.first);
    if (at != pages_.begin()) --at;
    while (at != pages_.end() && at->first <= range.last) {
      Page& page = *at->second;
      ++at;
      const TaskId end = std::min(range.last + 1, page.first + page.entries.size());
      for (TaskId id = std::max(range.first, page.first); id < end; ++id) {
        Entry& entry = page.entries[id - page.first];
        if (entry.state == State::out) {
          if (entry.lane != lane) {
            settle();
            lane = entry.lane;
          }
          ++of_lane;
          --lanes_[lane].held;
          lanes_[lane].held_bytes -= entry.size;
          --out_;
        } else if (entry.state == State::again) {
          --pending_;
        } else {
          continue;
        }
        entry.state = State::done;
        bytes_ -= entry.size;
        --page.live;
        ++forgotten;
      }
      if (page.live == 0 && &page != filling_) retire(page.first);
    }
  }
  settle();
  acknowledged_ += forgotten;
  return forgotten;
}

}  // namespace fanmill::core
