#pragma once
// What the library throws where it cannot start or cannot go on: fanmill::Error. What a task does is never an
// Error: that is a failure, a value or the function's own exception, as each header says.

#include <fanmill/base/error.hpp>
