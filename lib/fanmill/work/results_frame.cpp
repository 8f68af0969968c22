#include <utility>

#include <fanmill/wire/limits.hpp>
#include <fanmill/work/results_frame.hpp>

namespace fanmill::work {

void ResultsFrame::begin(const std::shared_ptr<const RunContext>& context) {
  context_ = context;
  const bool records = form_ == OutputForm::records;
  writer_.begin({context->run, context->token, context->worker, records},
                records ? ByteView(context->delimiter) : ByteView());
}

FinishedFrame ResultsFrame::take() {
  FinishedFrame finished;
  finished.count = writer_.count();
  finished.token = context_->token;
  finished.frame = writer_.take(&finished.ids);
  finished.more = std::move(writer_.own_frames());
  context_.reset();
  return finished;
}

}  // namespace fanmill::work
