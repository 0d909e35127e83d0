// Vectors of floats for one set of the processor's instructions: INSTRUCTIONS is the namespace, LANES the floats.
#pragma once

#include <cstdint>

#include "bfloat16.h"

namespace INSTRUCTIONS {

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef float Floats __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef std::uint32_t Words __attribute__((vector_size(LANES * 4)));
typedef std::uint16_t HalfWords __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Floats*>(from); }
inline void store(float* to, Vector value) { *reinterpret_cast<Floats*>(to) = value; }

inline Vector load(const Bfloat16* from) {
  const HalfWords halves = *reinterpret_cast<const HalfWords*>(from);
  return reinterpret_cast<Vector>(__builtin_convertvector(halves, Words) << 16);
}

// To the nearest, ties to even.
inline void store(Bfloat16* to, Vector value) {
  const Words bits = reinterpret_cast<Words>(value);
  const Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  *reinterpret_cast<HalfWords*>(to) = __builtin_convertvector(rounded, HalfWords);
}

}  // namespace INSTRUCTIONS
