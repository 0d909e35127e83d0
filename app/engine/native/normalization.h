// Instance normalisation by two reads and one write: sums per channel, then one pass with all that follows.
#pragma once

#include <cstdint>

namespace normalization {

// Numbers are taken as rows of `width`, a multiple of 16 and of the channels, whatever rows the picture has.
//
// `add_up` adds to `sums` [2, width] the sum, and the sum of squares, of what each place's numbers are above
// `pivot`. `normalize` makes x * factor + term, with `activate` no less than 0, and adds `before` unless that
// is null; `y` may be `before`, or `x` if that is of its type. Both are for elements of several types, by either
// set of instructions.
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
