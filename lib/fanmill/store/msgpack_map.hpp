#pragma once
// A result as a msgpack map, with the members of a line of JSON (json_line.hpp) and in its order. item,
// output and stderr are bin, whatever is in them; other texts are str; started and seconds are float 64.

#include <string>

#include <fanmill/wire/batch.hpp>

namespace fanmill::store {

void append_msgpack_map(std::string& bytes, const wire::ResultsHeader& header,
                        const wire::ResultView& result);

}  // namespace fanmill::store
