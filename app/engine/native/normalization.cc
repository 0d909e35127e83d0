// Compiled once for each set of instructions (vectors.h).
#include "normalization.h"

#include <algorithm>
#include <vector>

#include "vectors.h"

namespace normalization::INSTRUCTIONS {
namespace {

using namespace ::INSTRUCTIONS;

// kStretch: rows to sum in floats before adding to doubles. kTogether: rows to read at a time.
constexpr std::int64_t kStretch = 64, kTogether = 4;

template <bool kActivate, bool kAdd, typename Source, typename Result>
void normalize_rows(const Source* x, const Result* before, Result* y, std::int64_t rows, std::int64_t width,
                    const float* factor, const float* term) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t place = 0; place < width; place += LANES) {
      const std::int64_t at = row * width + place;
      Vector value = load(x + at) * load(factor + place) + load(term + place);
      if (kActivate) value = value > 0 ? value : Vector{};
      if (kAdd) value += load(before + at);
      store(y + at, value);
    }
  }
}

}  // namespace

template <typename Element>
void add_up(const Element* x, std::int64_t rows, std::int64_t width, const float* pivot, double* sums) {
  std::vector<float> stretch(2 * width);
  float *const sum = stretch.data(), *const squares = sum + width;
  while (rows > 0) {
    std::fill(stretch.begin(), stretch.end(), 0.0f);
    std::int64_t left = std::min(rows, kStretch);
    rows -= left;
    while (left > 0) {
      const std::int64_t together = left >= kTogether ? kTogether : 1;
      for (std::int64_t place = 0; place < width; place += LANES) {
        Vector s = load(sum + place), q = load(squares + place);
        const Vector middle = load(pivot + place);
        for (std::int64_t row = 0; row < together; ++row) {
          const Vector above = load(x + row * width + place) - middle;
          s += above;
          q += above * above;
        }
        store(sum + place, s);
        store(squares + place, q);
      }
      x += together * width;
      left -= together;
    }
    for (std::int64_t place = 0; place < 2 * width; ++place) sums[place] += stretch[place];
  }
}

template <typename Source, typename Result>
void normalize(const Source* x, const Result* before, Result* y, std::int64_t rows, std::int64_t width,
               const float* factor, const float* term, bool activate) {
  if (before && activate) {
    normalize_rows<true, true>(x, before, y, rows, width, factor, term);
  } else if (before) {
    normalize_rows<false, true>(x, before, y, rows, width, factor, term);
  } else if (activate) {
    normalize_rows<true, false>(x, before, y, rows, width, factor, term);
  } else {
    normalize_rows<false, false>(x, before, y, rows, width, factor, term);
  }
}

template void add_up(const float*, std::int64_t, std::int64_t, const float*, double*);
template void add_up(const Bfloat16*, std::int64_t, std::int64_t, const float*, double*);
template void add_up(const Float16*, std::int64_t, std::int64_t, const float*, double*);
template void normalize(const float*, const float*, float*, std::int64_t, std::int64_t, const float*,
                        const float*, bool);
template void normalize(const Bfloat16*, const Bfloat16*, Bfloat16*, std::int64_t, std::int64_t,
                        const float*, const float*, bool);
template void normalize(const Bfloat16*, const float*, float*, std::int64_t, std::int64_t, const float*,
                        const float*, bool);
template void normalize(const Float16*, const float*, float*, std::int64_t, std::int64_t, const float*,
                        const float*, bool);
template void normalize(const Float16*, const Float16*, Float16*, std::int64_t, std::int64_t, const float*,
                        const float*, bool);

}  // namespace normalization::INSTRUCTIONS
