// A convolution of 3x3 taps by Winograd's F(4x4, 3x3): 36 multiplications for 4x4 results, not 144.
//
// Winograd 1980, "Arithmetic Complexity of Computations"; Lavin and Gray 2016, "Fast Algorithms for
// Convolutional Neural Networks", section 4. A tile is the 6x6 pixels that 4x4 results are made from.
#pragma once

#include <algorithm>
#include <cstdint>

#include "borders.h"

namespace winograd {

// A tile has 6x6 pixels, so there are 36 products.
constexpr std::int64_t kMatrices = 36;
// Channels of a panel of kernels; numbers of channels are multiples of it.
constexpr std::int64_t kPanel = 16;
// The most channels that a layer may read.
constexpr std::int64_t kMostInputs = 512;
// Tiles of a batch: its matrices stay in a core's second-level cache.
constexpr std::int64_t kBatch = 36;
// Floats between matrices, which would else begin at the same few sets of the caches.
constexpr std::int64_t kApart = 16;

// A layer and its tensors, which are row-major: source and result [pictures, rows, columns, channels],
// kernels, transformed, [kMatrices, outputs / kPanel, inputs, kPanel].
//
// The layer convolves cells. With `side` 1 they are those of its tensors, with 2 each is a quad of 2x2 of them, of
// four times the channels (row in the quad, column in it, channel): so 5x5 taps become 3x3. Quads begin at the
// first result, wherever that is, and of the last ones in a row or column half may be none of the result's.
template <typename Source, typename Result>
struct Layer {
  const Source* source;
  const float* kernels;
  Result* result;
  std::int64_t side;
  std::int64_t pictures, rows, columns;  // of the source
  std::int64_t inputs, outputs;          // of a cell
  // Cells to go on by beyond the first and the last row, 0 or 1 each, and to the left and right.
  std::int64_t above, below, aside;
  Border border;

  std::int64_t result_rows() const { return rows + side * (above + below - 2); }
  std::int64_t result_columns() const { return columns + side * (2 * aside - 2); }
  std::int64_t tiles_down() const { return (result_rows() + 4 * side - 1) / (4 * side); }
  std::int64_t tiles_across() const { return (result_columns() + 4 * side - 1) / (4 * side); }
  std::int64_t tiles() const { return pictures * tiles_down() * tiles_across(); }
  std::int64_t batches() const { return (tiles() + kBatch - 1) / kBatch; }

  // The matrices of a batch, [tiles, channels] each, and how far apart they begin; after them the cells of a
  // tile, where they are quads.
  std::int64_t channels() const { return std::max(inputs, outputs); }
  std::int64_t matrix() const { return kBatch * channels() + kApart; }
  std::int64_t memory() const { return kMatrices * (matrix() + channels()); }
};

// Computes the results of batches `first` to `last` (excluded), in floats, whatever the elements; `memory` is
// for as many floats as the layer says.
namespace avx2 {
template <typename Source, typename Result>
void convolve(const Layer<Source, Result>& layer, std::int64_t first, std::int64_t last, float* memory);
}
namespace avx512 {
template <typename Source, typename Result>
void convolve(const Layer<Source, Result>& layer, std::int64_t first, std::int64_t last, float* memory);
}

}  // namespace winograd
