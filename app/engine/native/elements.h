#pragma once

#include <cstdint>

// The upper half of a float.
using Bfloat16 = std::uint16_t;
// IEEE 754's binary16, whose bits are another type's, so that functions can tell the two apart.
enum class Float16 : std::uint16_t {};
