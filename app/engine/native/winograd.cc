// Compiled once for each set of instructions (vectors.h).
#include "winograd.h"

#include <algorithm>
#include <cstring>

#include "vectors.h"

namespace winograd::INSTRUCTIONS {
namespace {

using namespace ::INSTRUCTIONS;

constexpr int kTile = 6, kResults = 4;
static_assert(kMatrices == kTile * kTile);
// A block of a product is rows times vectors. It stays in registers, of which AVX-512 has 32 and AVX2 16.
constexpr int kBlockRows = LANES == 16 ? 12 : 6;
constexpr int kBlockVectors = 2;
// Floats between such rows.
constexpr std::int64_t kRowsApart = kMostInputs + kApart;

// B^T d for a column of a tile (Lavin and Gray 2016, section 4.2: the matrices of F(4x4, 3x3)).
inline void transform_source(const Vector (&d)[kTile], Vector (&v)[kTile]) {
  const Vector even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
  const Vector wide_even = d[4] - d[2], wide_odd = 2 * (d[3] - d[1]);
  v[0] = 4 * d[0] - 5 * d[2] + d[4];
  v[1] = even + odd;
  v[2] = even - odd;
  v[3] = wide_even + wide_odd;
  v[4] = wide_even - wide_odd;
  v[5] = 4 * d[1] - 5 * d[3] + d[5];
}

// A^T m for a column of products.
inline void transform_result(const Vector (&m)[kTile], Vector (&y)[kResults]) {
  const Vector even = m[1] + m[2], odd = m[1] - m[2];
  const Vector wide_even = m[3] + m[4], wide_odd = m[3] - m[4];
  y[0] = m[0] + even + wide_even;
  y[1] = odd + 2 * wide_odd;
  y[2] = even + 4 * wide_even;
  y[3] = odd + 8 * wide_odd + m[5];
}

// Where a tile's pixels lie along one axis of `count` pixels; -1 for zeros.
inline void locate(std::int64_t start, std::int64_t count, Border border, std::int64_t (&places)[kTile]) {
  const std::int64_t inwards = border == Border::kMirror ? 1 : 0;
  for (int step = 0; step < kTile; ++step) {
    const std::int64_t place = start + step;
    if (place >= 0 && place < count) {
      places[step] = place;
    } else if (border == Border::kNone || border == Border::kZeros || place > count) {
      places[step] = -1;  // farther out is read only for results beyond the picture
    } else {
      places[step] = place < 0 ? inwards : count - 1 - inwards;
    }
  }
}

// The place within an axis that one mirrored at its border stands for.
inline std::int64_t mirror(std::int64_t place, std::int64_t count) {
  return place < 0 ? -place : place < count ? place : 2 * count - 2 - place;
}

// A block of [rows, depth] times [depth, outputs]; vectors of kernels lie `apart_kernels` apart.
template <int kRows, int kVectors>
inline void multiply_block(const float* rows, const float* kernels, std::int64_t apart_kernels,
                           std::int64_t depth, float* result, std::int64_t apart_result) {
  Vector sums[kRows][kVectors] = {};
  for (std::int64_t k = 0; k < depth; ++k) {
    Vector kernel[kVectors];
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) kernel[v] = load(kernels + k * kPanel + v * apart_kernels);
#pragma GCC unroll 12
    for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sums[row][v] += rows[row * kRowsApart + k] * kernel[v];
    }
  }
#pragma GCC unroll 12
  for (int row = 0; row < kRows; ++row) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) store(result + row * apart_result + v * LANES, sums[row][v]);
  }
}

template <int kVectors>
inline void multiply_rows(const float* rows, std::int64_t count, const float* kernels,
                          std::int64_t apart_kernels, std::int64_t depth, float* result,
                          std::int64_t apart_result) {
  if (count == kBlockRows) {
    multiply_block<kBlockRows, kVectors>(rows, kernels, apart_kernels, depth, result, apart_result);
    return;
  }
  for (std::int64_t row = 0; row < count; ++row) {
    multiply_block<1, kVectors>(rows + row * kRowsApart, kernels, apart_kernels, depth,
                                result + row * apart_result, apart_result);
  }
}

// A batch of tiles on its way: 36 matrices [tiles, channels], first of the source, then of the products.
template <typename Source, typename Result>
class Batch {
 public:
  Batch(const Layer<Source, Result>& layer, std::int64_t number, float* memory)
      : layer_(layer),
        first_(number * kBatch),
        count_(std::min(kBatch, layer.tiles() - first_)),
        channels_(layer.channels()),
        memory_(memory) {}

  void convolve() {
    for (std::int64_t tile = 0; tile < count_; ++tile) read(tile);
    for (int matrix = 0; matrix < kMatrices; ++matrix) multiply(matrix);
    for (std::int64_t tile = 0; tile < count_; ++tile) write(tile);
  }

 private:
  // Of the first of a tile's results.
  struct Place {
    std::int64_t picture, row, column;
  };

  Place place(std::int64_t tile) const {
    const std::int64_t number = first_ + tile, across = layer_.tiles_across(), down = layer_.tiles_down();
    const std::int64_t step = kResults * layer_.side;
    return {number / (across * down), number / across % down * step, number % across * step};
  }

  float* at(int matrix, std::int64_t tile) const {
    return memory_ + matrix * layer_.matrix() + tile * channels_;
  }

  void read(std::int64_t tile) const {
    const Source* pixels[kTile][kTile];
    if (layer_.side == 1) {
      find(place(tile), pixels);
    } else {
      gather(place(tile), pixels);
    }
    for (std::int64_t channel = 0; channel < layer_.inputs; channel += LANES) {
      Vector half[kTile][kTile];
      for (int x = 0; x < kTile; ++x) {
        Vector column[kTile], transformed[kTile];
        for (int y = 0; y < kTile; ++y) column[y] = load(pixels[y][x] + channel);
        transform_source(column, transformed);
        for (int y = 0; y < kTile; ++y) half[y][x] = transformed[y];
      }
      for (int y = 0; y < kTile; ++y) {
        Vector transformed[kTile];
        transform_source(half[y], transformed);
        for (int x = 0; x < kTile; ++x) store(at(y * kTile + x, tile) + channel, transformed[x]);
      }
    }
  }

  // A tile's cells where they lie.
  void find(const Place& here, const Source* (&cells)[kTile][kTile]) const {
    alignas(64) static const Source zeros[kMostInputs] = {};
    std::int64_t rows[kTile], columns[kTile];
    locate(here.row - layer_.above, layer_.rows, layer_.border, rows);
    locate(here.column - layer_.aside, layer_.columns, layer_.border, columns);
    for (int y = 0; y < kTile; ++y) {
      for (int x = 0; x < kTile; ++x) {
        const std::int64_t cell = (here.picture * layer_.rows + rows[y]) * layer_.columns + columns[x];
        cells[y][x] = rows[y] < 0 || columns[x] < 0 ? zeros : layer_.source + cell * layer_.inputs;
      }
    }
  }

  // A tile's cells, put together of four of the source's each.
  void gather(const Place& here, const Source* (&cells)[kTile][kTile]) const {
    const std::int64_t part = layer_.inputs / 4;
    const std::int64_t row = here.row - 2 * layer_.above, column = here.column - 2 * layer_.aside;
    for (int y = 0; y < kTile; ++y) {
      for (int x = 0; x < kTile; ++x) {
        Source* const cell = quad<Source>(y * kTile + x, layer_.inputs);
        for (int quarter = 0; quarter < 4; ++quarter) {
          copy_part(here.picture, row + 2 * y + quarter / 2, column + 2 * x + quarter % 2, part,
                    cell + quarter * part);
        }
        cells[y][x] = cell;
      }
    }
  }

  // One of the source's cells, or what stands for it beyond the border; farther out is read only for results
  // beyond the picture.
  void copy_part(std::int64_t picture, std::int64_t row, std::int64_t column, std::int64_t part,
                 Source* to) const {
    const std::int64_t rows = layer_.rows, columns = layer_.columns;
    const Source* const source = layer_.source + picture * rows * columns * part;
    if (row >= 0 && row < rows && column >= 0 && column < columns) {
      std::copy_n(source + (row * columns + column) * part, part, to);
    } else if (layer_.border != Border::kMirrorBlocks || row >= rows + 2 || column >= columns + 2) {
      std::fill_n(to, part, Source{});
    } else {  // a mirror turns blocks around, pixel by pixel
      const std::int64_t pixel = part / 4;
      for (int number = 0; number < 4; ++number) {
        const std::int64_t y = mirror(2 * row + number / 2, 2 * rows);
        const std::int64_t x = mirror(2 * column + number % 2, 2 * columns);
        const std::int64_t from = (y / 2 * columns + x / 2) * part + (y % 2 * 2 + x % 2) * pixel;
        std::copy_n(source + from, pixel, to + number * pixel);
      }
    }
  }

  // Products take the place of what they are made from.
  void multiply(int matrix) const {
    alignas(64) float rows[kBlockRows * kRowsApart];
    const float* kernels = layer_.kernels + matrix * layer_.inputs * layer_.outputs;
    for (std::int64_t tile = 0; tile < count_; tile += kBlockRows) {
      const std::int64_t count = std::min<std::int64_t>(kBlockRows, count_ - tile);
      for (std::int64_t row = 0; row < count; ++row) {
        std::memcpy(rows + row * kRowsApart, at(matrix, tile + row), layer_.inputs * sizeof(float));
      }
      multiply_panels(rows, count, kernels, at(matrix, tile));
    }
  }

  // The vectors of a block are two of one panel, or, where a vector is as wide as a panel, one each of two.
  void multiply_panels(const float* rows, std::int64_t count, const float* kernels, float* result) const {
    const std::int64_t depth = layer_.inputs, apart = LANES < kPanel ? LANES : depth * kPanel;
    constexpr std::int64_t kWide = kBlockVectors * LANES;
    std::int64_t output = 0;
    for (; output + kWide <= layer_.outputs; output += kWide) {
      multiply_rows<kBlockVectors>(rows, count, kernels + output * depth, apart, depth, result + output,
                                   channels_);
    }
    if (output < layer_.outputs) {
      multiply_rows<1>(rows, count, kernels + output * depth, apart, depth, result + output, channels_);
    }
  }

  void write(std::int64_t tile) const {
    const Place here = place(tile);
    if (layer_.side == 2) {
      transform_results(tile, kResults, kResults, quad<Result>(0, 0), kResults);
      scatter(here);
      return;
    }
    const std::int64_t rows = std::min<std::int64_t>(kResults, layer_.result_rows() - here.row);
    const std::int64_t columns = std::min<std::int64_t>(kResults, layer_.result_columns() - here.column);
    transform_results(tile, rows, columns, result(here), layer_.result_columns());
  }

  Result* result(const Place& here) const {
    const std::int64_t row = here.picture * layer_.result_rows() + here.row;
    const std::int64_t channels = layer_.outputs / (layer_.side * layer_.side);
    return layer_.result + (row * layer_.result_columns() + here.column) * channels;
  }

  // A tile's results, in rows that are `across` cells apart.
  void transform_results(std::int64_t tile, std::int64_t rows, std::int64_t columns, Result* result,
                         std::int64_t across) const {
    for (std::int64_t channel = 0; channel < layer_.outputs; channel += LANES) {
      Vector half[kResults][kTile];
      for (int x = 0; x < kTile; ++x) {
        Vector column[kTile], transformed[kResults];
        for (int y = 0; y < kTile; ++y) column[y] = load(at(y * kTile + x, tile) + channel);
        transform_result(column, transformed);
        for (int y = 0; y < kResults; ++y) half[y][x] = transformed[y];
      }
      for (std::int64_t y = 0; y < rows; ++y) {
        Vector transformed[kResults];
        transform_result(half[y], transformed);
        for (std::int64_t x = 0; x < columns; ++x) {
          store(result + (y * across + x) * layer_.outputs + channel, transformed[x]);
        }
      }
    }
  }

  // The quads of a tile's results, put apart.
  void scatter(const Place& here) const {
    const std::int64_t part = layer_.outputs / 4;
    const std::int64_t rows = std::min<std::int64_t>(2 * kResults, layer_.result_rows() - here.row);
    const std::int64_t columns = std::min<std::int64_t>(2 * kResults, layer_.result_columns() - here.column);
    for (std::int64_t y = 0; y < rows; ++y) {
      for (std::int64_t x = 0; x < columns; ++x) {
        const Result* const from =
            quad<Result>(y / 2 * kResults + x / 2, layer_.outputs) + (y % 2 * 2 + x % 2) * part;
        std::copy_n(from, part, result({here.picture, here.row + y, here.column + x}));
      }
    }
  }

  // A tile's quads, each of so many channels, lie behind the matrices.
  template <typename Element>
  Element* quad(std::int64_t number, std::int64_t channels) const {
    return reinterpret_cast<Element*>(memory_ + kMatrices * layer_.matrix()) + number * channels;
  }

  const Layer<Source, Result>& layer_;
  const std::int64_t first_, count_, channels_;
  float* const memory_;
};

}  // namespace

template <typename Source, typename Result>
void convolve(const Layer<Source, Result>& layer, std::int64_t first, std::int64_t last, float* memory) {
  for (; first < last; ++first) Batch<Source, Result>(layer, first, memory).convolve();
}

template void convolve(const Layer<float, float>&, std::int64_t, std::int64_t, float*);
template void convolve(const Layer<Bfloat16, Bfloat16>&, std::int64_t, std::int64_t, float*);
template void convolve(const Layer<float, Float16>&, std::int64_t, std::int64_t, float*);
template void convolve(const Layer<Float16, Float16>&, std::int64_t, std::int64_t, float*);

}  // namespace winograd::INSTRUCTIONS
