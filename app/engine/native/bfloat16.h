#pragma once

#include <cstdint>

// The upper half of a float.
using Bfloat16 = std::uint16_t;
