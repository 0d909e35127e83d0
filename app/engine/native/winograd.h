// A convolution of 3x3 taps by Winograd's F(4x4, 3x3): 36 multiplications for 4x4 results, not 144.
//
// Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks", section 4. A tile is the 6x6 pixels that 4x4 results are made from.
#pragma once

#include <algorithm>
#include <cstdint>

namespace winograd {

enum class Border { kZeros, kMirror, kRepeat };

// Channels of a panel of kernels; numbers of channels are multiples of it.
constexpr std::int64_t kPanel = 16;
// The most channels that a layer may read.
constexpr std::int64_t kMostInputs = 256;
// Tiles of a batch: its 36 matrices stay in a core's second-level cache.
constexpr std::int64_t kBatch = 36;
// Floats between matrices, which would else begin at the same few sets of the caches.
constexpr std::int64_t kApart = 16;

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

  // The 36 matrices of a batch, [tiles, channels] each, and how far apart they begin.
  std::int64_t channels() const { return std::max(inputs, outputs); }
  std::int64_t matrix() const { return kBatch * channels() + kApart; }
  std::int64_t memory() const { return 36 * matrix(); }
};

// Computes the results of batches `first` to `last` (excluded), in floats, whatever the elements; `memory` is
// for as many floats as the layer says.
namespace avx2 {
template <typename Element>
void convolve(const Layer<Element>& layer, std::int64_t first, std::int64_t last, float* memory);
}
namespace avx512 {
template <typename Element>
void convolve(const Layer<Element>& layer, std::int64_t first, std::int64_t last, float* memory);
}

}  // namespace winograd
