#pragma once
// What is done with a task: fanmill::Handler, for a Pipeline and for a Worker.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fanmill/codec.hpp>

namespace fanmill {

// A task as its handler sees it. Views hold during the call.
struct Task {
  std::string_view payload;   // as it was submitted
  std::uint64_t id = 0;       // as submit() has returned it: 0, 1, 2, …
  std::uint32_t attempt = 1;  // 2 with the first retry
  std::size_t slot = 1;       // 1 … `workers` or `slots` of the options; never twice at the same time
  // Requested when what the handler returns is of no use any more: its time is over (the options' `timeout`),
  // or it is cancelled, or stopped for good. Callbacks of it run on a thread that must not be held up.
  std::stop_token stop;
};

namespace detail {

// What a function takes first, without reference and const. Not of what is overloaded, or a template.
template <class Call>
struct FirstArgument {};
template <class Call>
requires requires {
  &Call::operator();
}
struct FirstArgument<Call> : FirstArgument<decltype(&Call::operator())> {};
template <class Return, class First, class... More>
struct FirstArgument<Return (*)(First, More...)> : std::type_identity<std::remove_cvref_t<First>> {};
template <class Return, class First, class... More>
struct FirstArgument<Return (*)(First, More...) noexcept> : std::type_identity<std::remove_cvref_t<First>> {};
template <class Class, class Return, class First, class... More>
struct FirstArgument<Return (Class::*)(First, More...)> : FirstArgument<Return (*)(First, More...)> {};
template <class Class, class Return, class First, class... More>
struct FirstArgument<Return (Class::*)(First, More...) const> : FirstArgument<Return (*)(First, More...)> {};
template <class Class, class Return, class First, class... More>
struct FirstArgument<Return (Class::*)(First, More...) noexcept> : FirstArgument<Return (*)(First, More...)> {
};
template <class Class, class Return, class First, class... More>
struct FirstArgument<Return (Class::*)(First, More...) const noexcept>
    : FirstArgument<Return (*)(First, More...)> {};

template <class Call>
concept TakesBytes = std::invocable<Call&, std::string_view>;
template <class Call>
concept TakesTask = std::invocable<Call&, const Task&>;
template <class Call, class Value>
concept TakesThis = Readable<Value> &&
    (std::invocable<Call&, Value> || std::invocable<Call&, Value, const Task&>);
template <class Call>
concept TakesValue = TakesThis<Call, typename FirstArgument<Call>::type>;

template <class Call>
concept Handles = TakesBytes<Call> || TakesTask<Call> || TakesValue<Call>;

// invoke()s a call. What it returns is put into `buffer`, but for a view that `holds` when what the call was
// given has gone.
template <bool holds, class Call, class... Arguments>
std::string_view output_of(std::string& buffer, Call& call, Arguments&&... arguments) {
  using Output = std::invoke_result_t<Call&, Arguments...>;
  if constexpr (std::is_void_v<Output>) {
    std::invoke(call, std::forward<Arguments>(arguments)...);
    return {};
  } else if constexpr (holds && std::same_as<Output, std::string_view>) {
    return std::invoke(call, std::forward<Arguments>(arguments)...);
  } else {
    write_to(buffer, std::invoke(call, std::forward<Arguments>(arguments)...));
    return buffer;
  }
}

template <Handles Call>
std::string_view handle(Call& call, const Task& task, std::string& buffer) {
  if constexpr (TakesBytes<Call>) {
    return output_of<true>(buffer, call, task.payload);
  } else if constexpr (TakesTask<Call>) {
    return output_of<true>(buffer, call, task);
  } else {
    using Value = typename FirstArgument<Call>::type;
    if constexpr (std::invocable<Call&, Value>) {
      return output_of<false>(buffer, call, read_from<Value>("the payload", task.payload));
    } else {
      return output_of<false>(buffer, call, read_from<Value>("the payload", task.payload), task);
    }
  }
}

}  // namespace detail

// Makes a task's output from it, or throws anything, and the task has failed: by the exception's text, where
// it is a std::exception. One of
//
//   Output (Value payload)                        called from several threads at once
//   Output (Value payload, const fanmill::Task&)  likewise
//   Output (const fanmill::Task&)                 likewise
//   Handler::per_slot(make)                       make(slot) returns one of these for each slot, which
//                                                 nobody else calls: state that need not be shared
//                                                 lives in it
//
// Value and Output are what <fanmill/codec.hpp> knows: bytes, numbers, vectors of them, types with a Codec of
// their own; an Output may be void, too. A std::string_view has to hold until the slot's next call; one into
// the payload does, and is sent from there. A payload that is no Value makes the task fail, with the reason.
//
// A task is not handled more than once at the same time, but perhaps more than once: when it is retried, or
// the worker process that had it is gone.
class Handler {
 public:
  // What it comes down to: returns the output, which holds until the next call: a part of the payload
  // perhaps, or what has been put into the buffer.
  using Function = std::function<std::string_view(const Task&, std::string& buffer)>;

  // One of the functions above.
  template <class Call>
  requires(!std::same_as<std::remove_cvref_t<Call>, Handler> && detail::Handles<Call>)
      // NOLINTNEXTLINE(google-explicit-constructor): a lambda is a handler
      Handler(Call call)
      : make_([shared = std::make_shared<Call>(std::move(call))](std::size_t) -> Function {
          return [shared](const Task& task, std::string& buffer) {
            return detail::handle(*shared, task, buffer);
          };
        }) {}

  // `make` is called in the constructor of the Pipeline or Worker, for one slot after the other; what it
  // throws comes out there.
  template <class Make>
  requires std::invocable<Make&, std::size_t>
  static Handler per_slot(Make make) {
    Handler handler;
    handler.make_ = [make = std::make_shared<Make>(std::move(make))](std::size_t slot) -> Function {
      auto own = std::make_shared<std::invoke_result_t<Make&, std::size_t>>((*make)(slot));
      return [own](const Task& task, std::string& buffer) { return detail::handle(*own, task, buffer); };
    };
    return handler;
  }

  // For those who run it: the function of a slot.
  [[nodiscard]] Function for_slot(std::size_t slot) const { return make_(slot); }

 private:
  Handler() = default;

  std::function<Function(std::size_t slot)> make_;
};

}  // namespace fanmill
