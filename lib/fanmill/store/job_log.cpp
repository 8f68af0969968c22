#include <cassert>
#include <cerrno>
#include <utility>

#include <fcntl.h>

#include <fanmill/base/descriptor.hpp>
#include <fanmill/base/error.hpp>
#include <fanmill/store/durable_store.hpp>
#include <fanmill/store/job_log.hpp>
#include <fanmill/store/joblog_line.hpp>
#include <fanmill/store/output.hpp>

namespace fanmill::store {

namespace {

Output open_log(const std::string& path, const std::string& title) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file) throw Error(ErrorCode::unavailable, "write", title, reason_of(errno));
  return {std::move(file), title};
}

class JobLog : public Store {
 public:
  JobLog(std::unique_ptr<Store> results, const std::string& path, std::string command)
      : results_(std::move(results)),
        title_("the job log '" + path + "'"),
        log_(open_log(path, title_)),
        command_(std::move(command)) {
    assert(dynamic_cast<DurableStore*>(results_.get()) == nullptr);
  }

  void begin(RunId run, const std::string& delimiter) override {
    results_->begin(run, delimiter);
    log_.tail().append(joblog_header());
  }

  void accept(const wire::ResultsHeader& header, const wire::ResultView& result) override {
    results_->accept(header, result);
    append_joblog_line(log_.tail(), command_, header, result);
  }

  void flush(Time now) override {
    write_log();
    results_->flush(now);
  }

  void take_safe(SafeIds& safe) override { results_->take_safe(safe); }
  [[nodiscard]] std::size_t backlog() const override { return results_->backlog() + log_.unwritten(); }
  [[nodiscard]] int blocked_on() const override { return results_->blocked_on(); }
  [[nodiscard]] int watched() const override { return results_->watched(); }

  void finish(bool complete) override {
    write_log();
    results_->finish(complete);
  }

  [[nodiscard]] std::string left() const override { return results_->left(); }

 private:
  // A pipe's reader is waited for: a line is short, and who reads a log keeps up with it.
  void write_log() {
    try {
      log_.write_all();
    } catch (const PipeClosed&) {
      // It is results for which nobody having any use any more is no error.
      throw Error(ErrorCode::unavailable, "write", title_, "nobody reads it any more");
    }
  }

  std::unique_ptr<Store> results_;
  std::string title_;
  Output log_;
  std::string command_;
};

}  // namespace

std::unique_ptr<Store> with_job_log(std::unique_ptr<Store> results, const std::string& file,
                                    const std::string& command) {
  return std::make_unique<JobLog>(std::move(results), file, command);
}

}  // namespace fanmill::store
