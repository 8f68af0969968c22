#include <worker/worker_program.hpp>

int main(int argc, char** argv) {
  return fanmill::app::run_main(argc, argv, "fanmill-worker", fanmill::app::run_worker_program);
}
