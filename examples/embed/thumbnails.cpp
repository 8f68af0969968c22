// Small copies of pictures (PPM), with types of one's own as payload and output: a picture travels as
// msgpack, so that other processes could shrink it as well.
//
//   thumbnails FACTOR FILE.ppm…      writes FILE.small.ppm beside each

#include <cstdint>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fanmill/fanmill.hpp>
#include <fanmill/msgpack.hpp>

struct Picture {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::vector<std::uint8_t> pixels;  // red, green, blue; row after row
  MSGPACK_DEFINE(width, height, pixels)
};

Picture read_ppm(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  std::string kind;
  Picture picture;
  int most = 0;
  file >> kind >> picture.width >> picture.height >> most;
  file.get();
  if (!file || kind != "P6" || most != 255 || picture.width > 16384 || picture.height > 16384) {
    throw std::runtime_error(name + " is no PPM picture");
  }
  picture.pixels.resize(std::size_t{3} * picture.width * picture.height);
  file.read(reinterpret_cast<char*>(picture.pixels.data()),
            static_cast<std::streamsize>(picture.pixels.size()));
  if (!file) throw std::runtime_error(name + " is cut off");
  return picture;
}

void write_ppm(const std::string& name, const Picture& picture) {
  std::ofstream file(name, std::ios::binary);
  file << "P6\n" << picture.width << ' ' << picture.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(picture.pixels.data()),
             static_cast<std::streamsize>(picture.pixels.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + name);
}

// Each pixel is the mean of a square.
Picture shrink(const Picture& picture, std::uint32_t factor) {
  Picture small{picture.width / factor, picture.height / factor, {}};
  if (small.width == 0 || small.height == 0) throw std::runtime_error("the picture is too small already");
  for (std::uint32_t y = 0; y < small.height; ++y) {
    for (std::uint32_t x = 0; x < small.width; ++x) {
      for (std::uint32_t colour = 0; colour < 3; ++colour) {
        std::uint64_t sum = 0;
        for (std::uint32_t dy = 0; dy < factor; ++dy) {
          for (std::uint32_t dx = 0; dx < factor; ++dx) {
            const std::size_t at = std::size_t{y * factor + dy} * picture.width + x * factor + dx;
            sum += picture.pixels.at(3 * at + colour);
          }
        }
        small.pixels.push_back(static_cast<std::uint8_t>(sum / (std::uint64_t{factor} * factor)));
      }
    }
  }
  return small;
}

int main(int argc, char** argv) {
  if (argc < 2 || std::stoi(argv[1]) < 1) {
    std::cerr << "usage: thumbnails FACTOR FILE.ppm...\n";
    return 2;
  }
  const auto factor = static_cast<std::uint32_t>(std::stoi(argv[1]));
  const std::vector<std::string> names(argv + 2, argv + argc);

  // Few pictures in memory at a time, however many there are: submit() waits.
  fanmill::PipelineOptions options;
  options.window_bytes = std::size_t{256} << 20;
  int bad = 0;
  fanmill::Pipeline pipeline([factor](const Picture& picture) { return shrink(picture, factor); },
                             [&](const fanmill::Result& result) {
                               try {
                                 write_ppm(names[result.id] + ".small.ppm", result.as<Picture>());
                               } catch (const std::exception& error) {
                                 std::cerr << names[result.id] << ": " << error.what() << '\n';
                                 ++bad;
                               }
                             },
                             options);
  for (const std::string& name : names) {
    try {
      pipeline.submit(read_ppm(name));
    } catch (const std::runtime_error& error) {
      std::cerr << error.what() << '\n';
      pipeline.submit(Picture{});  // its id stays taken
    }
  }
  pipeline.close();
  return bad == 0 ? 0 : 1;
}
