#pragma once
// A function over a range, on several threads:
//
//   std::vector<double> roots = fanmill::map(numbers, [](double x) { return std::sqrt(x); });
//
// A pipeline within the process does it, with chunks of the range as its tasks: their size follows from how
// long items take, so that neither a million additions nor a hundred renderings need a hint. It starts and
// ends with the call, which costs some milliseconds: of no use for work that takes less.
//
// Ranges: what std::begin and std::end take. One with random access is read where it stands, by index. Of any
// other one the items are gathered first: by address where it has items of its own (std::list), by value
// where it makes them. Views are evaluated on the workers' threads.
//
// Function: called as function(item) from several threads at once, with what range[i] gives. A range that is
// not const may be changed through that, item by item; a vector<bool>'s items come as values, since
// neighbours share a byte.
//
// Threads: the function runs on threads that end before map returns. Several maps at once, and a map within a
// map's function, are fine: each has threads of its own.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fanmill/error.hpp>
#include <fanmill/processors.hpp>

namespace fanmill {

// How a map is done.
struct MapOptions {
  std::size_t workers = usable_processors();  // threads that call the function; 1 … 65536
  std::uint32_t retries = 0;                  // further calls, at once, for an item whose call has thrown
};

// An item that has no result.
struct Failure {
  std::size_t index = 0;       // in the range
  std::uint64_t attempts = 0;  // calls that have thrown, all of them
  std::string reason;          // what() of the last one's exception
  std::exception_ptr cause;    // that exception
};

// What became of an item: a value, or why there is none.
template <class Value>
class MapResult {
 public:
  MapResult() = default;  // a failure that says nothing
  // A failure, or a value made in place.
  explicit MapResult(Failure failure) : content_(std::move(failure)) {}
  template <class... Arguments>
  explicit MapResult(std::in_place_t, Arguments&&... arguments)
      : content_(std::in_place_index<1>, std::forward<Arguments>(arguments)...) {}

  // Whether there is a value.
  [[nodiscard]] bool ok() const noexcept { return content_.index() == 1; }
  // Where it is ok(); else they throw std::bad_variant_access. A result of void has the value {}.
  [[nodiscard]] auto& value() & { return std::get<1>(content_); }
  [[nodiscard]] const auto& value() const& { return std::get<1>(content_); }
  [[nodiscard]] auto&& value() && { return std::get<1>(std::move(content_)); }
  // Where it is not.
  [[nodiscard]] const Failure& failure() const { return std::get<0>(content_); }

 private:
  std::variant<Failure, std::conditional_t<std::is_void_v<Value>, std::monostate, Value>> content_;
};

namespace detail {

template <class Range>
using BeginOf = decltype(std::begin(std::declval<Range&>()));
template <class Range>
using EndOf = decltype(std::end(std::declval<Range&>()));

template <class Range>
concept Mappable = requires(Range& range) {
  { std::begin(range) } -> std::input_iterator;
  { std::end(range) } -> std::sentinel_for<BeginOf<Range>>;
};
template <class Range>
concept Indexable =
    std::random_access_iterator<BeginOf<Range>> && std::sized_sentinel_for<EndOf<Range>, BeginOf<Range>>;

// The items of a range by index, for any number of threads. Holds what it gathers, and views of the rest.
template <class Range>
class Items {
  using Iterator = BeginOf<Range>;
  using Reference = std::iter_reference_t<Iterator>;
  static constexpr bool is_bit =
      !std::is_reference_v<Reference> && std::is_same_v<std::iter_value_t<Iterator>, bool>;
  static constexpr bool has_own = std::forward_iterator<Iterator> && std::is_lvalue_reference_v<Reference>;

  static auto gather(Range& range) {
    if constexpr (Indexable<Range>) {
      return std::begin(range);
    } else if constexpr (has_own) {
      std::vector<std::remove_reference_t<Reference>*> addresses;
      for (auto&& item : range) addresses.push_back(std::addressof(item));
      return addresses;
    } else {
      std::vector<std::iter_value_t<Iterator>> values;
      for (auto&& item : range) values.emplace_back(std::forward<decltype(item)>(item));
      return values;
    }
  }

 public:
  explicit Items(Range& range) : source_(gather(range)) {
    if constexpr (Indexable<Range>) {
      count_ = static_cast<std::size_t>(std::end(range) - std::begin(range));
    } else {
      count_ = source_.size();
    }
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] decltype(auto) operator[](std::size_t index) {
    if constexpr (Indexable<Range>) {
      const auto item = static_cast<std::iter_difference_t<Iterator>>(index);
      if constexpr (is_bit) {
        return static_cast<bool>(source_[item]);
      } else {
        return source_[item];
      }
    } else if constexpr (has_own) {
      return (*source_[index]);
    } else if constexpr (is_bit) {
      return static_cast<bool>(source_[index]);
    } else {
      return (source_[index]);
    }
  }

 private:
  decltype(gather(std::declval<Range&>())) source_;
  std::size_t count_ = 0;
};

// Where results of a map go, one per index; any number of threads, each with indexes of its own. A reference
// is kept as a copy of what it refers to.
template <class Value>
class Results {
  static constexpr bool is_bit = std::is_same_v<Value, bool>;  // vector<bool> has neighbours in one byte
  static constexpr bool direct = std::is_default_constructible_v<Value> && std::is_move_assignable_v<Value>;
  using Slot =
      std::conditional_t<is_bit, unsigned char, std::conditional_t<direct, Value, std::optional<Value>>>;

 public:
  explicit Results(std::size_t count) : slots_(count) {}
  template <class Result>
  void put(std::size_t index, Result&& result) {
    if constexpr (direct) {
      slots_[index] = static_cast<Value>(std::forward<Result>(result));
    } else {
      slots_[index].emplace(std::forward<Result>(result));
    }
  }
  [[nodiscard]] std::vector<Value> take() {
    if constexpr (direct && !is_bit) {
      return std::move(slots_);
    } else {
      std::vector<Value> values;
      values.reserve(slots_.size());
      for (Slot& slot : slots_) {
        if constexpr (is_bit) {
          values.push_back(slot != 0);
        } else {
          values.push_back(std::move(*slot));
        }
      }
      return values;
    }
  }

 private:
  std::vector<Slot> slots_;
};

// Does items first … first + count − 1; called from several threads at once. False: nothing more is to be
// done.
using MapChunk = std::function<bool(std::size_t first, std::size_t count)>;

// Has `chunk` called until each of 0 … count − 1 has been in one call, or a call has returned false. What is
// behind fanmill::map, and throws what that throws by itself.
void run_map(std::size_t count, const MapChunk& chunk, const MapOptions& options);

// The failure of a map that ends with it: of those that were seen, the one that came first in the range.
class FirstFailure {
 public:
  FirstFailure();
  ~FirstFailure();
  FirstFailure(const FirstFailure&) = delete;
  FirstFailure& operator=(const FirstFailure&) = delete;

  void saw(std::size_t index, std::exception_ptr cause);                                    // from any thread
  [[nodiscard]] bool any() const noexcept { return any_.load(std::memory_order_relaxed); }  // likewise
  void rethrow() const;  // nothing, if there is none

 private:
  struct First;
  std::atomic<bool> any_{false};
  std::unique_ptr<First> first_;
};

// The text of what is being handled, for people.
[[nodiscard]] std::string text_of_exception();

template <class Range, class Function>
using MapReturn =
    std::invoke_result_t<Function&, decltype(std::declval<Items<std::remove_reference_t<Range>>&>()[0])>;
template <class Range, class Function>
using MapValue = std::remove_cvref_t<MapReturn<Range, Function>>;

// Calls until a call does not throw, at most retries + 1 times; then on_failure(attempts), while the last
// exception is being handled.
template <class Call, class OnFailure>
void attempt(std::uint32_t retries, Call call, OnFailure on_failure) {
  for (std::uint64_t attempts = 1;; ++attempts) {
    try {
      call();
      return;
    } catch (...) {
      if (attempts > retries) {
        on_failure(attempts);
        return;
      }
    }
  }
}

}  // namespace detail

// Calls the function for each item; returns what it returned, in the order of the range: a vector of values,
// or nothing where the function returns void. When a call throws (and has been retried), no further items are
// begun, and its exception is thrown here as it is; of several the one whose item came first.
//
// Throws Error{usage} for options that cannot be, Error{unavailable} where the system lacks threads or
// descriptors.
template <class Range, class Function>
requires detail::Mappable<Range>
auto map(Range&& range, Function&& function, const MapOptions& options = {}) {
  using Value = detail::MapValue<Range, Function>;
  detail::Items<std::remove_reference_t<Range>> items(range);
  detail::FirstFailure failure;
  const auto run = [&](auto one) {
    const auto chunk = [&](std::size_t first, std::size_t count) {
      for (std::size_t index = first; index < first + count && !failure.any(); ++index) {
        detail::attempt(
            options.retries, [&] { one(index); },
            [&](std::uint64_t) { failure.saw(index, std::current_exception()); });
      }
      return !failure.any();
    };
    detail::run_map(items.count(), chunk, options);
    failure.rethrow();
  };
  if constexpr (std::is_void_v<Value>) {
    run([&](std::size_t index) { std::invoke(function, items[index]); });
  } else {
    detail::Results<Value> results(items.count());
    run([&](std::size_t index) { results.put(index, std::invoke(function, items[index])); });
    return results.take();
  }
}

// The same, but goes on when calls throw: returns a MapResult for each item, a value or a Failure.
template <class Range, class Function>
requires detail::Mappable<Range>
auto try_map(Range&& range, Function&& function, const MapOptions& options = {}) {
  using Value = detail::MapValue<Range, Function>;
  detail::Items<std::remove_reference_t<Range>> items(range);
  std::vector<MapResult<Value>> results(items.count());
  const auto one = [&](std::size_t index) {
    if constexpr (std::is_void_v<Value>) {
      std::invoke(function, items[index]);
      results[index] = MapResult<Value>(std::in_place);
    } else {
      results[index] = MapResult<Value>(std::in_place, std::invoke(function, items[index]));
    }
  };
  const auto chunk = [&](std::size_t first, std::size_t count) {
    for (std::size_t index = first; index < first + count; ++index) {
      detail::attempt(
          options.retries, [&] { one(index); },
          [&](std::uint64_t attempts) {
            results[index] = MapResult<Value>(
                Failure{index, attempts, detail::text_of_exception(), std::current_exception()});
          });
    }
    return true;
  };
  detail::run_map(items.count(), chunk, options);
  return results;
}

}  // namespace fanmill
