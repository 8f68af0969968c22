#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

#include <fanmill/core/dispatcher.hpp>
#include <fanmill/wire/limits.hpp>

namespace fanmill::core {

namespace {
// Waiting tasks beyond what the lanes have room for: enough for a full batch or two, few enough to stay in
// the cache.
constexpr std::size_t read_ahead_bytes = 2 * wire::batch_bytes;
constexpr std::uint64_t read_ahead_tasks = 4096;
constexpr std::size_t read_ahead_questions = 16;
// Where so many are here, waiting or under way, or as many bytes as a message takes, more comes at once, and
// is not spread thin over however many lanes: docs/decisions/0046.
constexpr std::uint64_t flood_tasks = 1024;
constexpr std::size_t flood_bytes = wire::batch_bytes;
// Where what waits takes longer than this, it is no matter for the cache, and the input is read on for as far
// as the window goes: so that people see how many tasks there are.
constexpr auto long_enough = std::chrono::seconds(1);
constexpr std::uint8_t deaths_to_suspect = 2;
// Most suspects are innocent: they are tried a few at a time, as many as take a fraction of the time that
// credit is measured in. Where that worker dies too, each of them goes alone. docs/decisions/0031.
constexpr std::uint8_t deaths_to_be_alone = 3;
constexpr std::uint32_t most_suspects = 32;
constexpr std::uint32_t suspects_in_credit = 8;
constexpr std::uint8_t solo_deaths_to_die = 3;
constexpr std::uint8_t most_excuses = 3;
// Entries of the queue that are looked at for one that may go to this lane.
constexpr std::size_t look_ahead = 64;
constexpr int most_doublings = 10;
constexpr Duration longest_delay = Duration::max() / (4 << most_doublings);  // at first: 26 days
// A lane that has made no progress for so long, with more than its slots on it, is asked to give some of it
// back when others have nothing to do: twice what it should have in hand, so that quick tasks are left alone.
// After an answer without tasks, which may have been too early, twice as long.
constexpr auto recall_after = std::chrono::milliseconds(8);
constexpr auto longest_patience = std::chrono::seconds(1);
// Who has not answered by then may not know the question: then others are asked for those with nothing to do.
constexpr auto answers_within = std::chrono::seconds(1);

template <class Queue, class Match>
void erase_first(Queue& queue, Match match) {
  const auto found = std::find_if(queue.begin(), queue.end(), match);
  if (found != queue.end()) queue.erase(found);
}
}  // namespace

std::vector<wire::TaskView> Dispatcher::Handout::tasks() const {
  std::vector<wire::TaskView> tasks;
  tasks.reserve(count);
  for (const wire::TaskBlock& block : blocks) {
    for (std::size_t i = 0; i < block.cuts.size(); ++i) tasks.push_back(block[i]);
  }
  return tasks;
}

void Dispatcher::Handout::add(const wire::TaskBlock& block) {
  count += block.cuts.size();
  if (!blocks.empty()) {
    wire::TaskBlock& last = blocks.back();
    const auto& cuts = last.cuts;
    if (last.first + cuts.size() == block.first && last.attempt == block.attempt && last.base == block.base &&
        cuts.data() + cuts.size() == block.cuts.data()) {
      last.cuts = {cuts.data(), cuts.size() + block.cuts.size()};
      return;
    }
  }
  blocks.push_back(block);
}

// --- input

bool Dispatcher::wants_input() const {
  if (input_ended_) return false;
  if (out_ + pending_ >= settings_.window_tasks || tasks_.bytes() >= settings_.window_bytes) return false;
  // The sink is asked while it answers: without a few questions under way each of the two waits for the
  // other.
  const std::size_t ahead = checking_ ? read_ahead_questions : 1;
  if (unchecked_ >= ahead * wire::max_keys) return false;
  return leisure_ || (fresh_bytes_ < ahead * read_ahead_bytes &&
                      pending_ - unchecked_ < std::max(read_ahead_tasks, 2 * room_total_));
}

TaskId Dispatcher::add(ByteView payload) {
  fresh_bytes_ += payload.size();
  tasks_.add(payload, count_added(1));
  return tasks_.next_id() - 1;
}

void Dispatcher::add(std::span<const ByteView> payloads, const Bytes& block) {
  const std::size_t before = tasks_.bytes();
  tasks_.add(payloads, block, count_added(payloads.size()));
  fresh_bytes_ += tasks_.bytes() - before;
}

Dispatcher::State Dispatcher::count_added(std::size_t count) {
  assert(!input_ended_);
  pending_ += count;
  if (checking_) unchecked_ += count;
  return checking_ ? State::unchecked : State::fresh;
}

void Dispatcher::stop() {
  stopped_ = input_ended_ = true;
  for (Lane& lane : lanes_) lane.patience = {};
}

// --- what the sink has already

void Dispatcher::check_everything() {
  checking_ = true;
  next_check_ = 0;
  tasks_.each([&](TaskId, Task& task, TaskPages::Page&) {
    if (task.state != State::fresh) return;
    task.state = State::unchecked;
    ++unchecked_;
  });
}

bool Dispatcher::next_check(TaskId& first, std::vector<ByteView>& payloads) {
  payloads.clear();
  // Neighbours that are owed: a gap ends the question, the end of a page does not.
  while (checking_ && payloads.size() < wire::max_keys) {
    if (payloads.empty()) next_check_ = tasks_.next_held(next_check_);
    TaskPages::Page* page = tasks_.page_of(next_check_);
    if (page == nullptr) break;
    for (; next_check_ < page->end() && payloads.size() < wire::max_keys; ++next_check_) {
      const std::uint32_t index = page->index_of(next_check_);
      if (page->task(index).state == State::done) {
        if (payloads.empty()) continue;
        return true;
      }
      if (payloads.empty()) first = next_check_;
      payloads.push_back(page->payload(index));
    }
  }
  return !payloads.empty();
}

std::size_t Dispatcher::confirm_fresh(std::span<const IdRange> ids) {
  std::vector<TaskId> back;
  for (const IdRange& range : ids) {
    tasks_.each(range, [&](TaskId id, Task& task, TaskPages::Page&) {
      if (task.state == State::unchecked) {
        task.state = State::fresh;
        --unchecked_;
      } else if (task.state == State::kept) {
        // The sink that held its result is gone, and the result with it.
        ++task.attempt;
        back.push_back(id);
      }
    });
  }
  put_back(back);
  return back.size();
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
    fresh.stands_in = lanes_[lane].stands_in;
    lanes_[lane] = fresh;
  }
  lanes_[lane].finishes.start(now_);
  lanes_[lane].busy.start(now_);
  ++open_lanes_;
  if (open_lanes_ >= settings_.min_lanes) started_ = true;
  refresh(lane);
  return lane;
}

std::uint64_t Dispatcher::close(LaneIndex lane, Fate fate, std::vector<TaskId>* lost) {
  assert(lanes_[lane].open);
  const std::uint64_t count = lanes_[lane].held;
  std::vector<TaskId> back;
  if (count > 0) {
    tasks_.each([&](TaskId id, Task& task, TaskPages::Page&) {
      if (task.state != State::out || task.lane != lane) return;
      if (lost != nullptr) lost->push_back(id);
      const bool alone = task.alone;
      task.alone = false;
      if (fate == Fate::vanished && task.excused < most_excuses) {
        ++task.excused;
      } else if (fate != Fate::left) {
        if (task.deaths < deaths_to_be_alone) ++task.deaths;
        if (alone) ++task.solo_deaths;
      }
      if (task.solo_deaths >= solo_deaths_to_die) {
        task.state = State::dead;
        ++dead_;
        return;
      }
      ++task.attempt;
      if (task.deaths >= deaths_to_suspect) {
        suspect(id, task);
      } else {
        back.push_back(id);
      }
    });
  }
  lanes_[lane].open = false;
  lanes_[lane].held = 0;
  lanes_[lane].held_bytes = 0;
  refresh(lane);
  unused_.push_back(lane);
  --open_lanes_;
  redelivered_ += count;
  put_back(back);
  return count;
}

void Dispatcher::drain(LaneIndex lane) {
  lanes_[lane].draining = true;
  refresh(lane);
}

std::uint64_t Dispatcher::give_back(LaneIndex lane, std::span<const IdRange> ids) {
  std::uint64_t count = 0;
  std::vector<TaskId> back;
  for (const IdRange& range : ids) {
    tasks_.each(range, [&](TaskId id, Task& task, TaskPages::Page& page) {
      if (task.state != State::out || task.lane != lane) return;
      off_lane(lane, 1, page.size_of(page.index_of(id)));
      ++count;
      if (task.deaths >= deaths_to_suspect) {
        suspect(id, task);
      } else {
        back.push_back(id);
      }
    });
  }
  put_back(back);
  refresh(lane);
  return count;
}

std::uint64_t Dispatcher::reclaim(LaneIndex lane, std::uint64_t received, const IdSet& held) {
  std::vector<TaskId> back;
  if (lanes_[lane].held > 0) {
    tasks_.each([&](TaskId id, Task& task, TaskPages::Page& page) {
      if (task.state != State::out || task.lane != lane || task.message > received || held.contains(id))
        return;
      off_lane(lane, 1, page.size_of(page.index_of(id)));
      task.alone = false;
      ++task.attempt;
      back.push_back(id);
    });
  }
  const std::uint64_t count = back.size();
  redelivered_ += count;
  put_back(back);
  refresh(lane);
  return count;
}

// Tasks that had been out, in order, to the head of the queue.
void Dispatcher::put_back(std::vector<TaskId>& ids) {
  for (const TaskId id : ids) tasks_.find(id)->state = State::again;
  again_.insert(again_.begin(), ids.begin(), ids.end());
  out_ -= ids.size();
  pending_ += ids.size();
}

// A task that had been out waits for a worker that has nothing else.
void Dispatcher::suspect(TaskId id, Task& task) {
  task.alone = false;
  task.state = State::suspect;
  suspects_.push_back(id);
  --out_;
  ++pending_;
}

void Dispatcher::off_lane(LaneIndex index, std::uint64_t count, std::size_t bytes) {
  Lane& lane = lanes_[index];
  lane.held -= count;
  lane.held_bytes -= bytes;
  if (lane.held == 0) lane.solo = false;
}

std::uint64_t Dispatcher::room_of(const Lane& lane) const {
  if (!lane.open || lane.draining || lane.reserved || lane.solo) return 0;
  if (lane.held >= lane.credit.tasks()) return 0;
  if (lane.held_bytes >= lane.limits.bytes && lane.held > lane.limits.slots) return 0;
  return lane.credit.tasks() - lane.held;
}

Dispatcher::Stock Dispatcher::stock_of(const Lane& lane) {
  if (lane.held < lane.limits.slots) return too_little;
  const bool has_enough = lane.held >= lane.credit.enough() ||
                          (lane.held_bytes >= wire::batch_bytes && lane.held > lane.limits.slots);
  return has_enough ? enough : some;
}

// Enough for who has enough. What goes again is for whoever can take it: others may not.
bool Dispatcher::has_much() const {
  return !again_.empty() || fresh_bytes_ >= wire::batch_bytes / 2 || ready() >= wire::batch_tasks / 2;
}

bool Dispatcher::is_flood() const {
  return !input_ended_ && (ready() + out_ >= flood_tasks || tasks_.bytes() >= flood_bytes);
}

void Dispatcher::count_balance(Lane& lane) {
  const bool usable = lane.open && !lane.draining && !lane.solo;
  const bool has_empty_slots = usable && !lane.reserved && lane.held < lane.limits.slots;
  const std::uint64_t empty_slots = has_empty_slots ? lane.limits.slots - lane.held : 0;
  empty_slots_ += empty_slots - lane.empty_slots;
  lane.empty_slots = empty_slots;
  const bool may_give = usable && lane.held > lane.limits.slots && !lane.recalling;
  if (may_give && !lane.may_give) ++lanes_that_may_give_;
  if (lane.may_give && !may_give) --lanes_that_may_give_;
  lane.may_give = may_give;
}

// Brings what is counted and who waits up to date after a lane's account has changed.
void Dispatcher::refresh(LaneIndex index) {
  Lane& lane = lanes_[index];
  count_balance(lane);
  count_busy(lane, now_);
  const std::uint64_t room = room_of(lane);
  room_total_ += room - lane.room;
  lane.room = room;
  if (room == 0) return;
  const Stock stock = stock_of(lane);
  if (std::exchange(lane.stands_in[stock], true)) return;
  waiting_[stock].push_back(index);
}

// A lane with an empty slot before one that has work, and that before one that has enough, which is not
// bothered with a little; of the same stock, the one that has waited longest.
LaneIndex Dispatcher::pick_lane() {
  for (const Stock stock : {too_little, some, enough}) {
    std::deque<LaneIndex>& waiting = waiting_[stock];
    while (!waiting.empty() && (stock != enough || has_much())) {
      const LaneIndex index = waiting.front();
      Lane& lane = lanes_[index];
      waiting.pop_front();
      lane.stands_in[stock] = false;
      if (lane.room > 0 && stock_of(lane) == stock) return index;
    }
  }
  return no_lane;
}

void Dispatcher::count_busy(Lane& lane, Time now) {
  if (lane.busy_since != never && now > lane.busy_since) {
    lane.busy.add(lane.busy_slots * static_cast<std::uint64_t>((now - lane.busy_since).count()), now);
  }
  if (lane.busy_since == never || now > lane.busy_since) lane.busy_since = now;
  lane.busy_slots = std::min<std::uint64_t>(lane.held, lane.limits.slots);
}

void Dispatcher::finished(Lane& lane, std::uint64_t tasks, Time now) {
  lane.done += tasks;
  lane.finishes.add(tasks, now);
  lane.finished = now;
  count_busy(lane, now);
}

Dispatcher::LaneReport Dispatcher::report(LaneIndex index, Time now) const {
  Lane lane = lanes_[index];
  count_busy(lane, now);
  const double slots_time = 1e9 * lane.limits.slots;
  return {.credit = lane.credit.tasks(),
          .done = lane.done,
          .rate = lane.finishes.per_second(now),
          .busy = std::min(1.0, lane.busy.per_second(now) / slots_time),
          .finished = lane.finished,
          .alone = lane.solo || lane.reserved};
}

// --- balance

void Dispatcher::progressed(Lane& lane, Time now) {
  lane.progress = now;
  lane.patience = recall_after;
}

Dispatcher::Recall Dispatcher::ask(LaneIndex index, std::uint64_t most) {
  Lane& lane = lanes_[index];
  lane.recalled = most;
  lane.recalling = true;
  lane.recalled_at = now_;
  ++lane.recalls;
  refresh(index);
  return {index, lane.recalls, most};
}

// What was on its way when a lane was asked may have come since: it is asked until it has no more than it
// runs.
std::optional<Dispatcher::Recall> Dispatcher::recall_rest() {
  recall_at_ = never;
  for (LaneIndex i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (!lane.may_give) continue;
    if (lane.progress + lane.patience <= now_) return ask(i, lane.held);
    recall_at_ = std::min(recall_at_, lane.progress + lane.patience);
  }
  return std::nullopt;
}

std::optional<Dispatcher::Recall> Dispatcher::recall() {
  if (stopped_) return recall_rest();
  if (ready() > 0 || empty_slots_ == 0 || lanes_that_may_give_ == 0) {
    recall_at_ = never;
    return std::nullopt;
  }
  if (recall_at_ == never) recall_at_ = now_ + recall_after;
  if (now_ < recall_at_) return std::nullopt;
  std::uint64_t coming = 0;  // from those that were asked and will answer
  LaneIndex most = no_lane;
  const auto excess = [this](LaneIndex lane) { return lanes_[lane].held - lanes_[lane].limits.slots; };
  recall_at_ = never;
  for (LaneIndex i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.open && lane.recalling && now_ - lane.recalled_at < answers_within) {
      coming += lane.recalled;
      recall_at_ = std::min(recall_at_, lane.recalled_at + answers_within);
    }
    if (!lane.may_give) continue;
    if (lane.progress + lane.patience > now_) {
      recall_at_ = std::min(recall_at_, lane.progress + lane.patience);
    } else if (most == no_lane || excess(i) > excess(most)) {
      most = i;
    }
  }
  if (most == no_lane || coming >= empty_slots_) return std::nullopt;
  recall_at_ = now_;  // there may be more of them
  // As many as leaves both sides with the same for each slot.
  const std::uint64_t free = empty_slots_ - coming;
  return ask(most, std::max<std::uint64_t>(1, excess(most) * free / (free + lanes_[most].limits.slots)));
}

bool Dispatcher::given(LaneIndex index, std::uint64_t number, std::span<const IdRange> ids) {
  Lane& lane = lanes_[index];
  if (!lane.recalling || number != lane.recalls) return false;
  lane.recalling = false;
  const std::uint64_t count = give_back(index, ids);
  recalled_ += count;
  lane.progress = now_;
  lane.patience =
      count > 0 ? recall_after : std::clamp<Duration>(2 * lane.patience, recall_after, longest_patience);
  refresh(index);
  return true;
}

// --- out

Time Dispatcher::next_wake() const {
  return std::min(recall_at_, delayed_.empty() ? never : delayed_.begin()->first);
}

bool Dispatcher::has_leisure() const {
  return open_lanes_ > 0 && now_ - began_ >= long_enough &&
         finishes_.per_second(now_) * std::chrono::duration<double>(long_enough).count() <
             static_cast<double>(pending_);
}

void Dispatcher::wake(Time now) {
  now_ = now;
  if (began_ == never) {
    began_ = now;
    finishes_.start(now);
  }
  leisure_ = has_leisure();
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const TaskId id = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    tasks_.find(id)->state = State::again;
    again_.push_back(id);
  }
}

bool Dispatcher::next(Handout& out) {
  out.count = 0;
  out.blocks.clear();
  if (stopped_ || !started_ || pending_ == 0) return false;
  if (next_suspects(out)) return true;
  // A lane may get nothing although there is something, since what has failed on it tries others first: then
  // it is their turn.
  std::size_t tries = 0;
  for (const auto& waiting : waiting_) tries += waiting.size();
  for (; tries > 0 && out.count == 0; --tries) {
    if (ready() == 0 || out_ >= settings_.window_tasks) return false;
    const LaneIndex index = pick_lane();
    if (index == no_lane) return false;
    fill(index, out);
  }
  return out.count > 0;
}

void Dispatcher::begin(Handout& out, LaneIndex lane) const {
  out.lane = lane;
  out.takes_frames = lanes_[lane].limits.max_batch >= wire::least_neighbours;
}

void Dispatcher::fill(LaneIndex index, Handout& out) {
  Lane& lane = lanes_[index];

  // Where there is less to do than room for it, slots are filled before anything waits behind another task,
  // and nobody gets more than a share; but for who has something no less than what a message is worth, and of
  // very many no less than a lump.
  const std::uint64_t worth = lane.empty_slots > 0 ? 0 : lane.credit.least_message();
  std::uint64_t most = lane.room;
  if (ready() < room_total_) {
    const std::uint64_t waiting = ready() - std::min(ready(), empty_slots_);
    most = std::max(worth, lane.empty_slots + waiting / open_lanes_);
    if (again_.empty() && is_flood()) most = std::max<std::uint64_t>(most, lane.credit.lump());
  } else if (input_ended_) {
    most = std::max({worth, lane.empty_slots, ready() / (2 * open_lanes_)});
  }
  most = std::min({most, lane.room, std::uint64_t{lane.limits.max_batch}, std::uint64_t{wire::batch_tasks},
                   settings_.window_tasks - out_});

  begin(out, index);
  if (lane.held == 0) progressed(lane, now_);
  std::size_t budget = wire::batch_bytes;
  if (take_again(index, most, budget, out)) take_fresh(index, most, budget, out);
  if (out.count > 0) ++lane.messages;
  refresh(index);
}

// Suspects go to a worker that has nothing, and gets nothing else meanwhile; if there is none, one is kept
// free.
bool Dispatcher::next_suspects(Handout& out) {
  if (suspects_.empty()) return false;
  LaneIndex empty = no_lane;
  LaneIndex least = no_lane;
  std::size_t reserved = 0;
  for (LaneIndex i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    if (lane.open && lane.reserved) ++reserved;
    if (!lane.open || lane.draining || lane.solo) continue;
    if (lane.held == 0 && (empty == no_lane || lane.reserved)) empty = i;
    if (!lane.reserved && (least == no_lane || lane.held < lanes_[least].held)) least = i;
  }
  if (empty == no_lane) {
    if (least != no_lane &&
        reserved < std::min(suspects_.size(), std::max<std::size_t>(1, open_lanes_ / 2))) {
      lanes_[least].reserved = true;
      refresh(least);
    }
    return false;
  }
  begin(out, empty);
  take_suspects(empty, out);
  ++lanes_[empty].messages;
  lanes_[empty].solo = true;
  lanes_[empty].reserved = false;
  refresh(empty);
  release_reserved();
  return true;
}

void Dispatcher::take_suspects(LaneIndex index, Handout& out) {
  const Lane& lane = lanes_[index];
  const std::size_t most =
      std::min({std::size_t{most_suspects}, std::size_t{lane.credit.tasks() / suspects_in_credit},
                std::size_t{lane.limits.max_batch}, suspects_.size() / open_lanes_});
  std::size_t budget = wire::batch_bytes;
  bool may_take_more = true;
  while (may_take_more) {
    const TaskId id = suspects_.front();
    TaskPages::Page* page = tasks_.page_of(id);
    const bool on_its_own = page->task(page->index_of(id)).deaths >= deaths_to_be_alone;
    const std::size_t size = page->size_of(page->index_of(id));
    if (out.count > 0 && (on_its_own || size > budget)) break;
    suspects_.pop_front();
    budget -= std::min(budget, size);
    hand_out(*page, id, index, out);
    may_take_more = !on_its_own && out.count < most && !suspects_.empty();
  }
  if (out.count == 1) tasks_.find(out.blocks.front().first)->alone = true;
}

// Once there is no suspect left, nobody is kept free for one.
void Dispatcher::release_reserved() {
  if (!suspects_.empty()) return;
  for (LaneIndex i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i].reserved) continue;
    lanes_[i].reserved = false;
    refresh(i);
  }
}

void Dispatcher::hand_out(TaskPages::Page& page, TaskId id, LaneIndex lane, Handout& out) {
  const std::uint32_t index = page.index_of(id);
  Task& task = page.task(index);
  task.lane = lane;
  task.state = State::out;
  task.message = lanes_[lane].messages + 1;
  out.add(page.block(index, index + 1, task.attempt));
  count_out(lanes_[lane], 1, page.size_of(index));
}

void Dispatcher::count_out(Lane& lane, std::uint64_t count, std::size_t bytes) {
  lane.held += count;
  lane.held_bytes += bytes;
  pending_ -= count;
  out_ += count;
}

// False if the batch is full, so that nothing fresh overtakes what goes again.
bool Dispatcher::take_again(LaneIndex lane, std::uint64_t most, std::size_t& budget, Handout& out) {
  std::size_t at = 0;
  while (at < again_.size() && at < look_ahead) {
    const TaskId id = again_[at];
    TaskPages::Page* page = tasks_.page_of(id);
    Task* task = page == nullptr ? nullptr : &page->task(page->index_of(id));
    if (task == nullptr || task->state != State::again) {
      again_.erase(again_.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    // What has failed tries another worker first.
    if (task->failures > 0 && task->lane == lane && room_total_ > lanes_[lane].room) {
      ++at;
      continue;
    }
    const std::size_t size = page->size_of(page->index_of(id));
    if (out.count >= most || (size > budget && out.count > 0)) return false;
    again_.erase(again_.begin() + static_cast<std::ptrdiff_t>(at));
    budget -= std::min(budget, size);
    hand_out(*page, id, lane, out);
  }
  return at < look_ahead;
}

void Dispatcher::take_fresh(LaneIndex index, std::uint64_t most, std::size_t& budget, Handout& out) {
  Lane& lane = lanes_[index];
  while (out.count < most) {
    TaskPages::Page* page = tasks_.page_of(next_fresh_);
    if (page == nullptr) {
      next_fresh_ = tasks_.next_held(next_fresh_);
      page = tasks_.page_of(next_fresh_);
      if (page == nullptr) return;
    }
    const std::uint32_t first = page->index_of(next_fresh_);
    const auto last =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(page->size(), first + (most - out.count)));
    const auto [end, task] = page->stretch_at(first, last);
    if (task.state == State::unchecked) return;
    if (task.state != State::fresh) {
      next_fresh_ += end - first;
      continue;
    }
    std::uint32_t count = page->fitting(first, end, budget);
    if (count == 0 && out.count > 0) return;
    count = std::max<std::uint32_t>(count, 1);
    const std::size_t bytes = page->size_of(first, first + count);
    budget -= std::min(budget, bytes);
    Task handed = task;
    handed.lane = index;
    handed.message = lane.messages + 1;
    handed.state = State::out;
    page->set(first, first + count, handed);
    out.add(page->block(first, first + count, task.attempt));
    fresh_bytes_ -= bytes;
    count_out(lane, count, bytes);
    next_fresh_ += count;
    // Rather two batches of which each lies in one block than one of two blocks and a few tasks.
    if (count < end - first || (end == page->size() && budget < wire::batch_bytes / 2)) return;
  }
}

void Dispatcher::unsent(const Handout& out) {
  std::vector<IdRange> ids;
  std::vector<TaskId> order;
  for (const wire::TaskView& task : out.tasks()) order.push_back(task.id);
  std::sort(order.begin(), order.end());
  for (const TaskId id : order) append_id(ids, id);
  give_back(out.lane, ids);
}

// --- outcomes

std::uint64_t Dispatcher::acknowledge(std::span<const IdRange> ids, Time now, Duration took) {
  std::uint64_t forgotten = 0;
  LaneIndex lane = no_lane;
  std::uint64_t of_lane = 0;
  std::size_t bytes = 0;
  const auto settle = [&] {
    if (of_lane == 0) return;
    off_lane(lane, of_lane, bytes);
    out_ -= of_lane;
    // More together than its slots are quick ones: a worker that has nothing else waits for what is about to
    // be read.
    const bool more_comes = ready() > 0 || (of_lane > lanes_[lane].limits.slots && is_flood());
    lanes_[lane].credit.acknowledged(of_lane, lanes_[lane].held == 0 && more_comes, now, took);
    progressed(lanes_[lane], now);
    finished(lanes_[lane], of_lane, now);
    finishes_.add(of_lane, now);
    refresh(lane);
    of_lane = 0;
    bytes = 0;
  };
  // Tasks first … last − 1 of a page, all as `task`.
  const auto forget = [&](TaskPages::Page& page, std::uint32_t first, std::uint32_t last, const Task& task) {
    const std::uint32_t count = last - first;
    const auto no_longer_in = [&](auto& waiting, auto id_of) {
      for (TaskId id = page.first() + first; id < page.first() + last; ++id) {
        erase_first(waiting, [&](const auto& entry) { return id_of(entry) == id; });
      }
    };
    switch (task.state) {
      case State::out:
        if (task.lane != lane) {
          settle();
          lane = task.lane;
        }
        of_lane += count;
        bytes += page.size_of(first, last);
        break;
      case State::kept:
      case State::dead:
        out_ -= count;
        break;
      case State::again:
        pending_ -= count;
        break;
      case State::delayed:
        no_longer_in(delayed_, [](const auto& entry) { return entry.second; });
        pending_ -= count;
        break;
      case State::suspect:
        no_longer_in(suspects_, [](TaskId suspect) { return suspect; });
        pending_ -= count;
        settle();
        release_reserved();
        break;
      case State::unchecked:
      case State::fresh:
        // Nobody can have finished it; but the sink may have had it from an earlier run.
        if (!checking_) return;
        if (task.state == State::unchecked) unchecked_ -= count;
        pending_ -= count;
        restored_ += count;
        fresh_bytes_ -= page.size_of(first, last);
        break;
      case State::done:
        return;
    }
    tasks_.finish(page, first, last);
    forgotten += count;
  };
  for (const IdRange& range : ids) {
    tasks_.each_page(range, [&](TaskPages::Page& page, std::uint32_t first, std::uint32_t last) {
      while (first < last) {
        const auto [end, task] = page.stretch_at(first, last);
        forget(page, first, end, task);
        first = end;
      }
    });
  }
  settle();
  acknowledged_ += forgotten;
  return forgotten;
}

Dispatcher::Ruling Dispatcher::rule(TaskId id, std::uint32_t attempt, Time now, bool& fresh_failure) {
  fresh_failure = false;
  Task* task = tasks_.find(id);
  if (task == nullptr || task->attempt != attempt) return Ruling::retry;
  if (task->state == State::kept) return Ruling::keep;
  if (task->state != State::out) return Ruling::retry;
  fresh_failure = true;
  const LaneIndex lane = task->lane;
  const TaskPages::Page* const page = tasks_.page_of(id);
  off_lane(lane, 1, page->size_of(page->index_of(id)));
  lanes_[lane].credit.acknowledged(1, lanes_[lane].held == 0 && ready() > 0, now, std::nullopt);
  progressed(lanes_[lane], now);
  finished(lanes_[lane], 1, now);
  refresh(lane);
  task->alone = false;
  ++task->failures;
  if (task->failures > settings_.retries) {
    task->state = State::kept;
    return Ruling::keep;
  }
  ++task->attempt;
  --out_;
  ++pending_;
  if (settings_.retry_delay == Duration::zero()) {
    task->state = State::again;
    again_.push_back(id);
  } else {
    task->state = State::delayed;
    const int doublings = std::min(static_cast<int>(task->failures) - 1, most_doublings);
    delayed_.emplace(now + std::min(settings_.retry_delay, longest_delay) * (1 << doublings), id);
  }
  return Ruling::retry;
}

std::vector<wire::TaskView> Dispatcher::dead() {
  std::vector<wire::TaskView> result;
  if (dead_ == 0) return result;
  tasks_.each([&](TaskId id, Task& task, TaskPages::Page& page) {
    if (task.state == State::dead) result.push_back({id, task.attempt, page.payload(page.index_of(id))});
  });
  return result;
}

}  // namespace fanmill::core
