#include <nlohmann/json.hpp>

#include <fanmill/app/summary.hpp>

namespace fanmill::app {

Summary::Summary(const std::string& path) {
  if (!path.empty()) to_.emplace(store::open_destination(path, "the summary"));
}

Summary::~Summary() {
  if (to_ && to_->file) to_->file->discard();
}

void Summary::write(const roles::RunReport& report) {
  if (!to_) return;
  nlohmann::ordered_json summary;
  summary["exit_status"] = report.exit_code;
  for (const auto& [name, value] : report.counters) summary[name] = value;
  to_->output.tail() = summary.dump(2) + "\n";
  to_->output.write_all();
  if (to_->file) to_->file->complete();
  to_.reset();
}

}  // namespace fanmill::app
