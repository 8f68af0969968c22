#include <algorithm>
#include <cassert>
#include <utility>

#include <fanmill/wire/limits.hpp>
#include <fanmill/work/results_frame.hpp>

namespace fanmill::work {

namespace {

// Ascending and disjoint, whatever order tasks finished in.
void put_in_order(std::vector<IdRange>& ids) {
  const auto follows = [](const IdRange& left, const IdRange& right) { return left.last >= right.first; };
  if (std::adjacent_find(ids.begin(), ids.end(), follows) == ids.end()) return;
  std::sort(ids.begin(), ids.end(),
            [](const IdRange& left, const IdRange& right) { return left.first < right.first; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (ids[i].first <= ids[kept].last + 1) {
      ids[kept].last = std::max(ids[kept].last, ids[i].last);
    } else {
      ids[++kept] = ids[i];
    }
  }
  ids.resize(kept + 1);
}

}  // namespace

bool ResultsFrame::full() const {
  return count_ >= wire::batch_tasks || (count_ > 0 && writer_.bytes() >= wire::batch_bytes);
}

void ResultsFrame::begin(const std::shared_ptr<const RunContext>& context) {
  context_ = context;
  writer_.begin({context->run, context->token, context->worker, form_ == OutputForm::records});
}

FinishedFrame ResultsFrame::take() {
  assert(count_ > 0);
  put_in_order(ids_);
  FinishedFrame finished{writer_.take(), context_->token, std::exchange(ids_, {}), std::exchange(count_, 0)};
  context_.reset();
  return finished;
}

}  // namespace fanmill::work
