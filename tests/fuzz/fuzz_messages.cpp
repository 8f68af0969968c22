// Every frame that a peer can send: what is understood is written again and understood the same.

#include <string>
#include <vector>

#include "../unit/wire/task_blocks.hpp"
#include "fuzz_target.hpp"
#include <fanmill/wire/batch.hpp>
#include <fanmill/wire/control.hpp>

using namespace fanmill;
using namespace fanmill::wire;
using fanmill::fuzz::require;

namespace {

void control(ByteView frame) {
  static_cast<void>(looks_like_opening(frame));
  static_cast<void>(looks_like_answer(frame));
  const auto message = decode_control(frame);
  if (!message) {
    require(!name_of(message.flaw()).empty(), "a flaw has a name");
    return;
  }
  const auto again = decode_control(encode(*message));
  require(again && *again == *message, "a control message comes back the same");
}

void tasks(ByteView frame, std::span<const ByteView> more = {}) {
  std::vector<TaskView> tasks;
  const auto header = wire::test::read_tasks(frame, tasks, more);
  if (!header) return;
  require(!tasks.empty() && tasks.size() <= max_batch, "a batch has one to max_batch tasks");
  TasksWriter writer;
  writer.begin(*header);
  for (const TaskView& task : tasks) writer.add(task);
  const Bytes written = writer.take();
  std::vector<TaskView> again;
  require(static_cast<bool>(wire::test::read_tasks(written, again)) && again == tasks,
          "tasks come back the same");
  writer.begin(*header);
  wire::test::add_in_blocks(writer, tasks);
  const Bytes together = writer.take();
  require(static_cast<bool>(wire::test::read_tasks(together, again)) && again == tasks,
          "tasks come back the same as neighbours");
}

void results(ByteView frame, std::span<const ByteView> more = {}) {
  std::vector<ResultView> results;
  const auto header = decode_results(frame, results, more);
  if (!header) return;
  require(!results.empty() && results.size() <= max_batch, "a batch has one to max_batch results");
  ResultsWriter writer;
  writer.begin(*header, frame.substr(0, frame.size() % (most_between + 1)));
  for (const ResultView& result : results) writer.add(result);
  const Bytes written = writer.take();
  std::vector<ResultView> again;
  require(static_cast<bool>(decode_results(written, again)) && again == results,
          "results come back the same");
}

// Its last bytes, as many as its last one says, as a frame behind it.
void in_two(ByteView message) {
  if (message.empty()) return;
  const std::size_t size =
      std::min<std::size_t>(static_cast<unsigned char>(message.back()), message.size() - 1);
  message.remove_suffix(1);
  const ByteView last = message.substr(message.size() - size);
  const ByteView first = message.substr(0, message.size() - size);
  tasks(first, {&last, 1});
  results(first, {&last, 1});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView frame = fuzz::Bytes(data, size).rest();
  control(frame);
  tasks(frame);
  results(frame);
  in_two(frame);
  return 0;
}
