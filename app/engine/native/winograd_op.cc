// The convolution as an operation of TensorFlow, worked on by the threads that TensorFlow has.
#include "operation.h"
#include "winograd.h"

namespace operation {
namespace {

absl::Status infer_shape(InferenceContext* context) {
  ShapeHandle source, kernels;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &source));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 4, &kernels));
  bool quads;
  TF_RETURN_IF_ERROR(context->GetAttr("quads", &quads));
  DimensionHandle outputs;
  TF_RETURN_IF_ERROR(context->Multiply(context->Dim(kernels, 1), context->Dim(kernels, 3), &outputs));
  TF_RETURN_IF_ERROR(context->Divide(outputs, quads ? 4 : 1, true, &outputs));
  context->set_output(0, context->MakeShape({context->Dim(source, 0), context->UnknownDim(),
                                             context->UnknownDim(), outputs}));
  return absl::OkStatus();
}

REGISTER_OP("WinogradConvolution")
    .Input("source: S")
    .Input("kernels: float")
    .Input("above: int32")
    .Input("below: int32")
    .Attr("S: {float, bfloat16, half}")
    .Attr("T: {float, bfloat16, half}")
    .Attr("border: {" + border_names('\'', [](const NamedBorder&) { return true; }) + "}")
    .Attr("quads: bool")
    .Attr("avx512: bool")
    .Output("result: T")
    .SetShapeFn(infer_shape);

template <typename S, typename T>
class WinogradConvolution : public OpKernel {
 public:
  explicit WinogradConvolution(OpKernelConstruction* context) : OpKernel(context) {
    std::string border;
    OP_REQUIRES_OK(context, context->GetAttr("border", &border));
    OP_REQUIRES_OK(context, context->GetAttr("avx512", &avx512_));
    OP_REQUIRES_OK(context, context->GetAttr("quads", &quads_));
    border_ = find_border(border);
  }

  void Compute(OpKernelContext* context) override {
    const Tensor &source = context->input(0), &kernels = context->input(1);
    OP_REQUIRES(context, source.dims() == 4 && kernels.dims() == 4,
                absl::InvalidArgumentError("Source and kernels have four dimensions."));
    Layer layer = describe(source, kernels);
    layer.above = context->input(2).scalar<int32_t>()();
    layer.below = context->input(3).scalar<int32_t>()();
    OP_REQUIRES(context, fits(layer, kernels), absl::InvalidArgumentError("Source and kernels do not fit."));

    Tensor* result = nullptr;
    const TensorShape shape({layer.pictures, layer.result_rows(), layer.result_columns(),
                             layer.outputs / (layer.side * layer.side)});
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &result));
    layer.result = numbers<T>(result);

    Tensor memory;  // a part for each thread, the one that calls included
    const TensorShape parts({workers(context).NumThreads() + 1, layer.memory()});
    OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_FLOAT, parts, &memory));
    float* const memories = numbers<float>(&memory);
    const int64_t cycles = winograd::kBatch * winograd::kMatrices * layer.inputs * layer.outputs / winograd::kPanel;
    workers(context).ParallelForWithWorkerId(
        layer.batches(), ThreadPool::SchedulingParams::Adaptive(cycles),
        [&](int64_t first, int64_t last, int thread) {
          float* const here = memories + thread * layer.memory();
          if (avx512_) {
            winograd::avx512::convolve(layer, first, last, here);
          } else {
            winograd::avx2::convolve(layer, first, last, here);
          }
        });
  }

 private:
  using Layer = winograd::Layer<Element<S>, Element<T>>;

  Layer describe(const Tensor& source, const Tensor& kernels) const {
    Layer layer{};
    layer.source = numbers<S>(source);
    layer.kernels = numbers<float>(kernels);
    layer.side = quads_ ? 2 : 1;
    layer.pictures = source.dim_size(0);
    layer.rows = source.dim_size(1);
    layer.columns = source.dim_size(2);
    layer.aside = border_.border == Border::kNone ? 0 : 1;
    layer.inputs = source.dim_size(3) * layer.side * layer.side;
    layer.outputs = kernels.dim_size(1) * kernels.dim_size(3);
    layer.border = border_.border;
    return layer;
  }

  bool fits(const Layer& layer, const Tensor& kernels) const {
    const int64_t least = layer.border == Border::kMirrorBlocks ? 3 : layer.border == Border::kMirror ? 2 : 1;
    return kernels.dim_size(0) == winograd::kMatrices && kernels.dim_size(2) == layer.inputs &&
           kernels.dim_size(3) == winograd::kPanel && layer.inputs % winograd::kPanel == 0 &&
           layer.inputs <= winograd::kMostInputs && layer.rows >= least && layer.columns >= least &&
           goes_on(layer.above, layer) && goes_on(layer.below, layer) && layer.result_rows() > 0 &&
           layer.result_columns() > 0 && (quads_ ? border_.quads : border_.cells);
  }

  static bool goes_on(int64_t cells, const Layer& layer) { return cells >= 0 && cells <= layer.aside; }

  NamedBorder border_;
  bool quads_;
  bool avx512_;
};

REGISTER_BETWEEN(WinogradConvolution, float, float)
REGISTER_BETWEEN(WinogradConvolution, tensorflow::bfloat16, tensorflow::bfloat16)
REGISTER_BETWEEN(WinogradConvolution, float, Eigen::half)
REGISTER_BETWEEN(WinogradConvolution, Eigen::half, Eigen::half)

}  // namespace
}  // namespace operation

// What Python has to know about this library, as JSON.
extern "C" __attribute__((visibility("default"))) const char* style_transfer_art_limits() {
  static const std::string limits =
      "{\"panel\": " + std::to_string(winograd::kPanel) +
      ", \"most_inputs\": " + std::to_string(winograd::kMostInputs) +
      ", \"borders\": [" + border_names('"', [](const NamedBorder& each) { return each.cells; }) +
      "], \"quad_borders\": [" + border_names('"', [](const NamedBorder& each) { return each.quads; }) + "]}";
  return limits.c_str();
}
