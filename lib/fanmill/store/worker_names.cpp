#include <fanmill/store/worker_names.hpp>

namespace fanmill::store {

namespace {
// Workers may come and go for weeks.
constexpr std::size_t most_known = 10000;
}  // namespace

WorkerNames::WorkerNames(const SqliteFile& file)
    : insert_(file,
              "INSERT INTO worker (name, records, key_name) VALUES (?1, ?2, ?3) "
              "ON CONFLICT DO UPDATE SET records = records RETURNING id") {}

std::uint64_t WorkerNames::id_of(const wire::ResultsHeader& header) {
  if (header.worker.empty()) return 0;
  asked_.assign(header.worker).push_back('\0');
  asked_.append(header.key_name).push_back(header.records ? '1' : '0');
  if (asked_ == last_) return last_id_;
  last_ = asked_;
  if (const auto found = known_.find(last_); found != known_.end()) return last_id_ = found->second;

  insert_.bind(1, header.worker);
  insert_.bind(2, std::uint64_t{header.records});
  insert_.bind(3, header.key_name);
  static_cast<void>(insert_.step());
  last_id_ = insert_.number(0);
  insert_.reset();
  if (known_.size() >= most_known) known_.clear();
  known_.emplace(last_, last_id_);
  return last_id_;
}

}  // namespace fanmill::store
