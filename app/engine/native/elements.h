#pragma once

#include <cstdint>

// The upper half of a float.
using Bfloat16 = std::uint16_t;
// IEEE 754's binary16, as a type of its own, so overloads can tell it from Bfloat16.
enum class Float16 : std::uint16_t {};
