// Where numbers lie: a picture continued beyond its border, and blocks made pixels, each in one copy.
//
// Numbers are moved whole, whatever they are. A cell is what one place of a tensor [pictures, rows, columns,
// channels] has: a pixel, or a block of 2x2 pixels.
#include <algorithm>
#include <cstring>
#include <functional>
#include <string>

#include "borders.h"
#include "operation.h"

namespace operation {
namespace {

// Cycles that it takes to copy so many bytes.
constexpr int64_t kBytesPerCycle = 4;

void for_each_row(OpKernelContext* context, int64_t rows, int64_t bytes,
                  const std::function<void(int64_t row)>& copy) {
  const auto cost = ThreadPool::SchedulingParams::Adaptive(bytes / kBytesPerCycle);
  workers(context).ParallelFor(rows, cost, [&](int64_t first, int64_t last) {
    for (; first < last; ++first) copy(first);
  });
}

// Rows and columns change, and of the channels such a part is left.
absl::Status open_shape(InferenceContext* context, int part) {
  ShapeHandle x;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &x));
  auto last = context->Dim(x, 3);
  TF_RETURN_IF_ERROR(context->Divide(last, part, true, &last));
  context->set_output(0, context->MakeShape({context->Dim(x, 0), context->UnknownDim(),
                                             context->UnknownDim(), last}));
  return absl::OkStatus();
}

REGISTER_OP("ContinuePicture")
    .Input("x: T")
    .Input("above: int32")
    .Input("below: int32")
    .Attr("T: {float, bfloat16}")
    .Attr("before: int >= 0")
    .Attr("after: int >= 0")
    .Attr("border: {" + border_names('\'', [](const NamedBorder& each) { return each.copies; }) + "}")
    .Output("y: T")
    .SetShapeFn([](InferenceContext* context) { return open_shape(context, 1); });

class ContinuePicture : public OpKernel {
 public:
  explicit ContinuePicture(OpKernelConstruction* context) : OpKernel(context) {
    std::string border;
    OP_REQUIRES_OK(context, context->GetAttr("border", &border));
    OP_REQUIRES_OK(context, context->GetAttr("before", &before_));
    OP_REQUIRES_OK(context, context->GetAttr("after", &after_));
    const Border kind = find_border(border).border;
    repeats_ = kind == Border::kRepeat;
    side_ = kind == Border::kMirrorBlocks ? 2 : 1;
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    const int64_t above = context->input(1).scalar<int32_t>()(), below = context->input(2).scalar<int32_t>()();
    OP_REQUIRES(context, fits(x, above, below), absl::InvalidArgumentError("The picture is too small."));
    const int64_t pictures = x.dim_size(0), rows = x.dim_size(1), columns = x.dim_size(2);
    const int64_t wanted = rows + before_ * above + after_ * below;
    Tensor* y = nullptr;
    const TensorShape shape({pictures, wanted, columns + before_ + after_, x.dim_size(3)});
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &y));

    const int64_t cell = x.dim_size(3) * tensorflow::DataTypeSize(x.dtype());
    const char* source = static_cast<const char*>(x.data());
    char* target = static_cast<char*>(y->data());
    const int64_t bytes = shape.dim_size(2) * cell;
    for_each_row(context, pictures * wanted, bytes, [&](int64_t row) {
      const int64_t picture = row / wanted, from = row % wanted - before_ * above;
      copy_row(source + picture * rows * columns * cell, rows, columns, from, cell, target + row * bytes);
    });
  }

 private:
  // As many cells as it goes on by have to be there, and what is mirrored is not the border itself.
  bool fits(const Tensor& x, int64_t above, int64_t below) const {
    const int64_t least = std::max(before_, after_) + (repeats_ ? 0 : 1);
    return x.dims() == 4 && above >= 0 && above <= 1 && below >= 0 && below <= 1 && x.dim_size(1) >= least &&
           x.dim_size(2) >= least && x.dim_size(3) % (side_ * side_) == 0;
  }

  // The place along an axis of `count` that stands for one that may lie beyond it.
  int64_t inside(int64_t place, int64_t count) const {
    if (place < 0) return repeats_ ? -1 - place : -place;
    if (place >= count) return 2 * count - place - (repeats_ ? 1 : 2);
    return place;
  }

  void copy_row(const char* source, int64_t rows, int64_t columns, int64_t row, int64_t cell,
                char* target) const {
    const auto copy_cells = [&](int64_t first, int64_t last) {
      for (; first < last; ++first) {
        copy_cell(source, rows, columns, row, first, cell, target + (before_ + first) * cell);
      }
    };
    if (row < 0 || row >= rows) {
      copy_cells(-before_, columns + after_);
      return;
    }
    copy_cells(-before_, 0);
    std::memcpy(target + before_ * cell, source + row * columns * cell, columns * cell);
    copy_cells(columns, columns + after_);
  }

  // Pixel by pixel of the cell, since a mirror turns blocks around.
  void copy_cell(const char* source, int64_t rows, int64_t columns, int64_t row, int64_t column, int64_t cell,
                 char* target) const {
    const int64_t pixel = cell / (side_ * side_);
    for (int64_t y = 0; y < side_; ++y) {
      for (int64_t x = 0; x < side_; ++x) {
        const int64_t from_y = inside(side_ * row + y, side_ * rows);
        const int64_t from_x = inside(side_ * column + x, side_ * columns);
        const int64_t block = from_y / side_ * columns + from_x / side_;
        const int64_t place = from_y % side_ * side_ + from_x % side_;
        std::memcpy(target + (y * side_ + x) * pixel, source + block * cell + place * pixel, pixel);
      }
    }
  }

  int64_t before_, after_;
  bool repeats_;
  int64_t side_;  // of a cell, in pixels that are mirrored one by one
};

REGISTER_OP("BlocksToPixels")
    .Input("x: T")
    .Attr("T: {float, bfloat16}")
    .Attr("crop: int >= 0")
    .Output("y: T")
    .SetShapeFn([](InferenceContext* context) { return open_shape(context, 4); });

class BlocksToPixels : public OpKernel {
 public:
  explicit BlocksToPixels(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("crop", &crop_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    OP_REQUIRES(context,
                x.dims() == 4 && x.dim_size(3) % 4 == 0 && x.dim_size(1) > crop_ && x.dim_size(2) > crop_,
                absl::InvalidArgumentError("There are no blocks of 2x2 pixels."));
    const int64_t pictures = x.dim_size(0), columns = x.dim_size(2);
    const int64_t rows = 2 * (x.dim_size(1) - crop_), width = 2 * (columns - crop_);
    Tensor* y = nullptr;
    const TensorShape shape({pictures, rows, width, x.dim_size(3) / 4});
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &y));

    const int64_t cell = x.dim_size(3) * tensorflow::DataTypeSize(x.dtype()), pixel = cell / 4;
    const char* source = static_cast<const char*>(x.data());
    char* target = static_cast<char*>(y->data());
    for_each_row(context, pictures * rows, width * pixel, [&](int64_t number) {
      const int64_t picture = number / rows, row = number % rows + crop_;
      const char* blocks = source + (picture * x.dim_size(1) + row / 2) * columns * cell + row % 2 * 2 * pixel;
      char* to = target + number * width * pixel;
      for (int64_t column = crop_; column < width + crop_;) {
        const int64_t pixels = column % 2 == 0 && column + 1 < width + crop_ ? 2 : 1;
        std::memcpy(to, blocks + column / 2 * cell + column % 2 * pixel, pixels * pixel);
        to += pixels * pixel;
        column += pixels;
      }
    });
  }

 private:
  int64_t crop_;  // pixels on every side
};

REGISTER_KERNEL_BUILDER(Name("ContinuePicture").Device(tensorflow::DEVICE_CPU), ContinuePicture);
REGISTER_KERNEL_BUILDER(Name("BlocksToPixels").Device(tensorflow::DEVICE_CPU), BlocksToPixels);

}  // namespace
}  // namespace operation
