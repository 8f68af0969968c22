#include <ventilator/ventilator_program.hpp>

int main(int argc, char** argv) {
  return fanmill::app::run_main(argc, argv, "fanmill-ventilator", fanmill::app::run_ventilator_program);
}
