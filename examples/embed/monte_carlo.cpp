// π by throwing darts: a pipeline whose workers have a random generator each, which no other thread touches.

#include <cmath>
#include <iostream>
#include <random>
#include <string>

#include <fanmill/fanmill.hpp>

int main() {
  constexpr int batches = 200;
  constexpr int darts = 50'000;  // a batch

  const auto thrower = [](std::size_t slot) {
    return [random = std::mt19937_64(slot)](std::string_view) mutable {
      std::uniform_real_distribution<double> side(0, 1);
      int inside = 0;
      for (int dart = 0; dart < darts; ++dart) {
        if (std::hypot(side(random), side(random)) < 1) ++inside;
      }
      return std::to_string(inside);
    };
  };

  double inside = 0;
  fanmill::Pipeline pipeline(fanmill::Handler::per_slot(thrower), [&](const fanmill::Result& result) {
    inside += std::stod(std::string(result.output));
  });
  for (int batch = 0; batch < batches; ++batch) pipeline.submit({});
  pipeline.close();

  const double pi = 4 * inside / batches / darts;
  std::cout << "pi is about " << pi << '\n';
  return std::abs(pi - 3.14159265) < 0.01 ? 0 : 1;
}
