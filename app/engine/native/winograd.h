// A convolution of 3x3 taps by Winograd's F(4x4, 3x3): 36 multiplications for 4x4 results, not 144.
//
// Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks", section 4. A tile is the 6x6 pixels that 4x4 results are made from.
#pragma once

#include <cstdint>

namespace winograd {

enum class Border { kZeros, kMirror, kRepeat };

// Channels of a panel of kernels; numbers of channels are multiples of it.
constexpr std::int64_t kPanel = 16;
// The most channels that a layer may read.
constexpr std::int64_t kMostInputs = 256;
// Tiles of a batch: its 36 matrices stay in a core's second-level cache.
constexpr std::int64_t kBatch = 36;

using Bfloat16 = std::uint16_t;  // the upper half of a float

// A layer and its tensors, which are row-major: source and result [pictures, rows, columns, channels],
// kernels, transformed, [36, outputs / kPanel, inputs, kPanel].
template <typename Element>
struct Layer {
  const Element* source;
  const float* kernels;
  Element* result;
  std::int64_t pictures, rows, columns, inputs, outputs;
  // Rows to go on by beyond the first and the last one, 0 or 1 each. Columns go on by 1 on both sides.
  std::int64_t above, below;
  Border border;

  std::int64_t result_rows() const { return rows - 2 + above + below; }
  std::int64_t tiles_down() const { return (result_rows() + 3) / 4; }
  std::int64_t tiles_across() const { return (columns + 3) / 4; }
  std::int64_t tiles() const { return pictures * tiles_down() * tiles_across(); }
  std::int64_t batches() const { return (tiles() + kBatch - 1) / kBatch; }
};

// `convolve` computes the results of batches `first` to `last` (excluded), in floats, with as many floats of
// working memory as `working_memory` says.
#define DECLARE(Element)                                    \
  std::int64_t working_memory(const Layer<Element>& layer); \
  void convolve(const Layer<Element>& layer, std::int64_t first, std::int64_t last, float* memory);

namespace avx2 {
DECLARE(float)
DECLARE(Bfloat16)
}  // namespace avx2

namespace avx512 {
DECLARE(float)
DECLARE(Bfloat16)
}  // namespace avx512

#undef DECLARE

}  // namespace winograd
