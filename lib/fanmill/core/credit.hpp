#pragma once
// How many unfinished tasks a lane may carry. Measured in time: enough to keep its worker busy for a few
// milliseconds at the rate at which it finishes tasks, so that the same default serves tasks of a microsecond
// and of an hour; a few more where that is but a handful. A task counts until it is acknowledged, so it is
// longer where the sink's store takes long: a disk that needs 20 ms for a commit would keep the worker
// waiting otherwise (docs/decisions/0005). And where the way to the worker and back takes longer than that,
// credit grows until the worker has enough to do (0046). Pure.

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fanmill/base/time.hpp>

namespace fanmill::core {

class Credit {
 public:
  // `slots`: tasks that the worker runs at the same time. With `prefetch` the credit is fixed: slots +
  // prefetch.
  Credit(std::uint32_t slots, std::optional<std::uint32_t> prefetch);

  [[nodiscard]] std::uint32_t tasks() const { return tasks_; }
  // Fewer are not worth a message of their own, for a worker that has something to do.
  [[nodiscard]] std::uint32_t least_message() const { return std::max<std::uint32_t>(1, tasks_ / 16); }
  // With so many in hand a worker can do without for a while, where one task alone is not worth a message.
  [[nodiscard]] std::uint32_t enough() const {
    return fixed_ || least_message() == 1 ? tasks_ : std::max(least_, tasks_ / 2);
  }
  // So many may go in one message although others get nothing for as long: half of it, where it is many tasks
  // for each slot. 0: there is no such number, nor where it is so much for the store's sake.
  [[nodiscard]] std::uint32_t lump() const;

  // `finished` tasks were acknowledged. `ran_dry`: the lane was left with nothing although there was more to
  // send, so the worker has waited for us. `took`: what the store needed to make them safe.
  void acknowledged(std::uint64_t finished, bool ran_dry, Time now,
                    std::optional<Duration> took = std::nullopt);

 private:
  std::uint32_t slots_;
  std::uint32_t least_;
  std::uint32_t tasks_;
  bool fixed_;
  Time window_start_{};
  std::uint64_t window_finished_ = 0;
  bool window_dry_ = false;
  std::optional<Duration> window_took_;  // the last one
  Duration took_{};                      // lately
};

}  // namespace fanmill::core
