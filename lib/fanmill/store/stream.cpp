#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <fanmill/base/error.hpp>
#include <fanmill/store/destination.hpp>
#include <fanmill/store/joblog_line.hpp>
#include <fanmill/store/json_line.hpp>
#include <fanmill/store/msgpack_map.hpp>
#include <fanmill/store/order_buffer.hpp>
#include <fanmill/store/stream.hpp>
#include <fanmill/store/tagged_lines.hpp>
#include <fanmill/store/unwritten.hpp>
#include <fanmill/wire/writer.hpp>

namespace fanmill::store {

namespace {

// Bytes of waiting results whose turn has come that are put before the output at a time, and in one flush():
// the loop has other things to do than to empty a file of gigabytes.
constexpr std::size_t portion = std::size_t{1} << 20;
constexpr std::size_t portions_per_flush = 4;
// What is copied to the output together with its neighbours.
constexpr std::size_t small_output = 1024;
// What is written without a copy, where nothing waits before it.
constexpr std::size_t large_output = std::size_t{32} << 10;

class Stream : public Store {
 public:
  Stream(const StreamSettings& settings, Destination destination, std::optional<Output> errors)
      : format_(settings.format),
        tag_(settings.tag),
        command_(settings.command),
        keep_order_(settings.keep_order),
        order_memory_(settings.order_memory),
        order_(settings.order_memory),
        output_(std::move(destination.output)),
        file_(std::move(destination.file)),
        errors_(std::move(errors)) {}

  void begin(RunId, const std::string& delimiter) override {
    delimiter_ = delimiter;
    if (format_ == Format::joblog) output_.tail().append(joblog_header());
  }

  void accept(const wire::ResultsHeader& header, const wire::ResultView& result) override {
    ByteView stderr_text = errors_ && result.detail ? result.detail->stderr_text : ByteView{};
    if (tag_) {
      tagged_.clear();
      append_tagged(tagged_, item_of(result), stderr_text);
      stderr_text = tagged_;
    }
    if (keep_order_ && result.id != next_) {
      format(order_.begin(result.id), header, result);
      order_.end(stderr_text);
      append_safe(spooled_, result.outcome, {result.id, result.id});
      return;
    }
    if (format_ == Format::raw && !tag_ && result.output.size() >= large_output) {
      output_.append_large(result.output, end_of(header, result));
    } else {
      format(output_.tail(), header, result);
    }
    if (errors_) errors_->tail().append(stderr_text);
    unwritten_.add({result.id, result.id}, result.outcome, {output_.end(), errors_ ? errors_->end() : 0});
    next_ = result.id + 1;
  }

  void accept_neighbours(const wire::ResultsHeader& header,
                         std::span<const wire::ResultView> results) override {
    const auto has_detail = [](const wire::ResultView& result) { return result.detail.has_value(); };
    if (format_ != Format::raw || tag_ || keep_order_ ||
        (errors_ && std::any_of(results.begin(), results.end(), has_detail))) {
      return Store::accept_neighbours(header, results);
    }
    const ByteView after = header.records ? delimiter_ : ByteView{};
    std::size_t size = results.size() * after.size();
    for (const wire::ResultView& result : results) size += result.output.size();
    // To make room by zeroes is nothing beside a call for each small output, and as much as the copy for
    // large ones.
    if (size > results.size() * small_output) return Store::accept_neighbours(header, results);
    std::string& tail = output_.tail();
    const std::size_t before = tail.size();
    tail.resize(before + size);
    char* to = tail.data() + before;
    for (const wire::ResultView& result : results) {
      to = copy_small(to, result.output);
      to = copy_small(to, after);
    }
    unwritten_.add({results.front().id, results.back().id}, Outcome::ok,
                   {output_.end(), errors_ ? errors_->end() : 0});
  }

  // What stands in the frame as it is to be written, but for the end of the last one.
  [[nodiscard]] bool takes_block(const wire::OutputBlock& block) const override {
    return format_ == Format::raw && !tag_ && !keep_order_ && block.is_divided();
  }

  void accept_block(const wire::ResultsHeader& header, const wire::OutputBlock& block) override {
    const ByteView after = header.records ? ByteView(delimiter_) : ByteView();
    if (block.bytes().size() >= large_output) {
      output_.append_large(block.bytes(), after);
    } else {
      output_.tail().append(block.bytes()).append(after);
    }
    unwritten_.add(block.ids(), Outcome::ok, {output_.end(), errors_ ? errors_->end() : 0});
  }

  void flush(Time) override {
    order_.spill();
    move_safe(spooled_, safe_);
    write();
    for (std::size_t portions = 0; portions < portions_per_flush && in_turn() && !blocked(); ++portions) {
      fetch(portion, Gaps::wait);
      write();
    }
    settle_written();
  }

  void take_safe(SafeIds& safe) override { move_safe(safe_, safe); }

  [[nodiscard]] std::size_t backlog() const override {
    std::size_t bytes = output_.unwritten() + (errors_ ? errors_->unwritten() : 0);
    // What waits for its turn is another task's fault, what waits for the reader is not.
    if (blocked() && in_turn() && order_.bytes() > order_memory_) bytes += order_.bytes() - order_memory_;
    return bytes;
  }

  [[nodiscard]] int blocked_on() const override {
    if (output_.blocked()) return output_.fd();
    if (errors_ && errors_->blocked()) return errors_->fd();
    return in_turn() ? output_.fd() : -1;
  }

  [[nodiscard]] int watched() const override { return output_.has_reader() ? output_.fd() : -1; }

  void finish(bool complete) override {
    do {
      fetch(portion, Gaps::skip);
      output_.write_all();
      write_errors(&Output::write_all);
    } while (order_.first());
    move_safe(spooled_, safe_);
    settle_written();
    if (!file_) return;
    if (complete) {
      file_->complete();
    } else if (output_.written() > 0) {
      left_ = "what there is of the results is in '" + file_->partial() + "'";
    }
  }

  [[nodiscard]] std::string left() const override { return left_; }

 private:
  enum class Gaps { wait, skip };

  void format(std::string& bytes, const wire::ResultsHeader& header, const wire::ResultView& result) const {
    switch (format_) {
      case Format::jsonl:
        return append_json_line(bytes, header, result);
      case Format::msgpack:
        return append_msgpack_map(bytes, header, result);
      case Format::joblog:
        return append_joblog_line(bytes, command_, header, result);
      case Format::length: {
        std::array<char, sizeof(std::uint32_t)> length;
        char* const end =
            wire::put_big_endian(length.data(), static_cast<std::uint32_t>(result.output.size()));
        bytes.append(length.data(), end).append(result.output);
        return;
      }
      case Format::raw:
        break;
    }
    if (tag_) {
      append_tagged(bytes, item_of(result), result.output);
    } else {
      bytes.append(result.output);
    }
    bytes.append(end_of(header, result));
  }

  [[nodiscard]] ByteView end_of(const wire::ResultsHeader& header, const wire::ResultView& result) const {
    return header.records && (result.outcome == Outcome::ok || !result.output.empty()) ? delimiter_
                                                                                       : ByteView{};
  }

  static ByteView item_of(const wire::ResultView& result) {
    return result.detail ? result.detail->item : ByteView{};
  }

  [[nodiscard]] bool blocked() const { return output_.blocked() || (errors_ && errors_->blocked()); }
  [[nodiscard]] bool in_turn() const { return order_.first() == next_; }

  // Moves waiting results to the outputs.
  void fetch(std::size_t bytes, Gaps gaps) {
    std::string dropped;
    while (output_.unwritten() < bytes) {
      const std::optional<TaskId> first = order_.first();
      if (!first || (gaps == Gaps::wait && *first != next_)) return;
      order_.take_first(output_.tail(), errors_ ? errors_->tail() : dropped);
      next_ = *first + 1;
    }
  }

  void write() {
    output_.write();
    write_errors(&Output::write);
  }

  // Diagnostics that nobody reads any more, or that cannot be written, are no reason to stop the work.
  void write_errors(void (Output::*how)()) {
    if (!errors_) return;
    try {
      ((*errors_).*how)();
    } catch (const PipeClosed&) {
      errors_.reset();
    } catch (const Error&) {  // a full disk: there is nowhere to say so
      errors_.reset();
    }
  }

  void settle_written() {
    const std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    unwritten_.take({output_.written(), errors_ ? errors_->written() : all}, safe_);
  }

  Format format_;
  bool tag_;
  std::string tagged_;  // a task's stderr
  std::string command_;
  bool keep_order_;
  std::size_t order_memory_;
  std::string delimiter_;
  TaskId next_ = 0;  // with keep_order_: whose turn it is
  OrderBuffer order_;
  Output output_;
  std::optional<ResultFile> file_;
  std::string left_;
  std::optional<Output> errors_;  // our stderr, as long as somebody reads it
  Unwritten unwritten_;
  SafeIds spooled_;  // in order_, and safe with the next flush()
  SafeIds safe_;     // not yet taken
};

}  // namespace

std::unique_ptr<Store> open_stream(const StreamSettings& settings) {
  std::optional<Output> errors;
  // A program may be started without a stderr.
  if (settings.pass_stderr && ::fcntl(STDERR_FILENO, F_GETFD) != -1) {
    errors.emplace(STDERR_FILENO, "to standard error");
  }
  Destination destination = open_destination(settings.file, "results");
  destination.output.share(settings.screen);
  if (errors) errors->share(settings.screen);
  return std::make_unique<Stream>(settings, std::move(destination), std::move(errors));
}

}  // namespace fanmill::store
