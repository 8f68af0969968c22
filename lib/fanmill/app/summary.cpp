#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <fanmill/app/summary.hpp>
#include <fanmill/store/output.hpp>

namespace fanmill::app {

Summary::Summary(const std::string& path) : title_(fmt::format("the summary to '{}'", path)) {
  if (!path.empty()) file_.emplace(path, "write the summary to");
}

Summary::~Summary() {
  if (file_) file_->discard();
}

void Summary::write(const roles::RunReport& report) {
  if (!file_) return;
  nlohmann::ordered_json summary;
  summary["exit_status"] = report.exit_code;
  for (const auto& [name, value] : report.counters) summary[name] = value;
  store::Output output(file_->fd(), title_);
  output.tail() = summary.dump(2) + "\n";
  output.write_all();
  file_->complete();
  file_.reset();
}

}  // namespace fanmill::app
