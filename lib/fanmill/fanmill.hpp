#pragma once
// All of Fanmill's C++ interface but what opts in to other libraries.

#include <fanmill/error.hpp>
#include <fanmill/map.hpp>
#include <fanmill/pipeline.hpp>
