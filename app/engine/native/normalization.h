// Instance normalisation in two reads and one write: first sums per channel, then everything else in one pass.
#pragma once

#include <cstdint>

namespace normalization {

// Both functions read the numbers as rows of `width`, a multiple of 16 and of the channels. These are not the rows
// of the picture.
//
// `add_up`, per column: sums[0] += sum(x - pivot), sums[1] += sum((x - pivot)^2). `normalize`: y = x * factor +
// term, then max(0, y) with `activate`, then y + before unless `before` is null. `y` may be `before`, or `x` if
// their types are equal.
namespace avx2 {
template <typename Element>
void add_up(const Element* x, std::int64_t rows, std::int64_t width, const float* pivot, double* sums);
template <typename Source, typename Result>
void normalize(const Source* x, const Result* before, Result* y, std::int64_t rows, std::int64_t width,
               const float* factor, const float* term, bool activate);
}  // namespace avx2

namespace avx512 {
template <typename Element>
void add_up(const Element* x, std::int64_t rows, std::int64_t width, const float* pivot, double* sums);
template <typename Source, typename Result>
void normalize(const Source* x, const Result* before, Result* y, std::int64_t rows, std::int64_t width,
               const float* factor, const float* term, bool activate);
}  // namespace avx512

}  // namespace normalization
