#include <sink/sink_program.hpp>

int main(int argc, char** argv) {
  return fanmill::app::run_main(argc, argv, "fanmill-sink", fanmill::app::run_sink_program);
}
