#pragma once
// All of Fanmill's C++ interface but what opts in to other libraries.

#include <fanmill/codec.hpp>
#include <fanmill/error.hpp>
#include <fanmill/handler.hpp>
#include <fanmill/keys.hpp>
#include <fanmill/map.hpp>
#include <fanmill/pipeline.hpp>
#include <fanmill/result.hpp>
#include <fanmill/sink.hpp>
#include <fanmill/ventilator.hpp>
#include <fanmill/worker.hpp>
