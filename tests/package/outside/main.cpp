#include <iostream>
#include <string>

#include <fanmill/fanmill.hpp>

#if defined(ZMQ_VERSION) || defined(SQLITE_VERSION) || defined(FMT_VERSION) || defined(MSGPACK_VERSION)
#error "the public header brings other libraries' headers in"
#endif

int main() {
  // Warnings that Fanmill has on for itself would be said about this, and be errors.
  int shadowed = 0;
  {
    int shadowed = 1;
    (void)shadowed;
  }
  const std::vector<int> numbers = {1, 2, 3};
  for (const int square : fanmill::map(numbers, [](int n) { return n * n; })) std::cout << square << ' ';
  fanmill::Pipeline pipeline([](std::string_view payload) { return std::string(payload); },
                             [](const fanmill::Result& result) { std::cout << result.output << '\n'; });
  pipeline.submit("whole");
  return pipeline.close().ok == 1 ? shadowed : 1;
}
