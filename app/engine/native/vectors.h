// Vectors of floats for one instruction set: INSTRUCTIONS is the namespace, LANES the floats of a vector.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "elements.h"

namespace INSTRUCTIONS {

typedef float Vector __attribute__((vector_size(LANES * 4)));
typedef float Floats __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
typedef std::uint32_t Words __attribute__((vector_size(LANES * 4)));
typedef std::uint16_t HalfWords __attribute__((vector_size(LANES * 2), aligned(2), may_alias));

inline Vector load(const float* from) { return *reinterpret_cast<const Floats*>(from); }
inline void store(float* to, Vector value) { *reinterpret_cast<Floats*>(to) = value; }

// GCC's own conversions between words and half words take several instructions each. The intrinsics without a mask
// cause warnings.
#if LANES == 16
constexpr __mmask16 kAll = 0xffff;
#endif

inline Words widen(HalfWords halves) {
#if LANES == 16
  return reinterpret_cast<Words>(_mm512_maskz_cvtepu16_epi32(kAll, reinterpret_cast<__m256i>(halves)));
#else
  return reinterpret_cast<Words>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(halves)));
#endif
}

inline HalfWords narrow(Words words) {
#if LANES == 16
  return reinterpret_cast<HalfWords>(_mm512_maskz_cvtepi32_epi16(kAll, reinterpret_cast<__m512i>(words)));
#else
  return __builtin_convertvector(words, HalfWords);
#endif
}

inline Vector load(const Bfloat16* from) {
  return reinterpret_cast<Vector>(widen(*reinterpret_cast<const HalfWords*>(from)) << 16);
}

// To the nearest, ties to even.
inline void store(Bfloat16* to, Vector value) {
  const Words bits = reinterpret_cast<Words>(value);
  *reinterpret_cast<HalfWords*>(to) = narrow((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

inline Vector load(const Float16* from) {
  const HalfWords halves = *reinterpret_cast<const HalfWords*>(from);
#if LANES == 16
  return reinterpret_cast<Vector>(_mm512_maskz_cvtph_ps(kAll, reinterpret_cast<__m256i>(halves)));
#else
  return reinterpret_cast<Vector>(_mm256_cvtph_ps(reinterpret_cast<__m128i>(halves)));
#endif
}

// To the nearest, ties to even.
inline void store(Float16* to, Vector value) {
#if LANES == 16
  const __m256i halves =
      _mm512_maskz_cvtps_ph(kAll, reinterpret_cast<__m512>(value), _MM_FROUND_TO_NEAREST_INT);
#else
  const __m128i halves = _mm256_cvtps_ph(reinterpret_cast<__m256>(value), _MM_FROUND_TO_NEAREST_INT);
#endif
  *reinterpret_cast<HalfWords*>(to) = reinterpret_cast<HalfWords>(halves);
}

}  // namespace INSTRUCTIONS
