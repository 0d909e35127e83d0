// The convolution as an operation of TensorFlow, worked on by the threads that TensorFlow has.
#include "operation.h"
#include "winograd.h"

namespace operation {
namespace {

absl::Status infer_shape(InferenceContext* context) {
  ShapeHandle source, kernels;
  TF_RETURN_IF_ERROR(context->WithRank(context->input(0), 4, &source));
  TF_RETURN_IF_ERROR(context->WithRank(context->input(1), 4, &kernels));
  DimensionHandle outputs;
  TF_RETURN_IF_ERROR(context->Multiply(context->Dim(kernels, 1), context->Dim(kernels, 3), &outputs));
  context->set_output(0, context->MakeShape({context->Dim(source, 0), context->UnknownDim(),
                                             context->Dim(source, 2), outputs}));
  return absl::OkStatus();
}

REGISTER_OP("WinogradConvolution")
    .Input("source: T")
    .Input("kernels: float")
    .Input("above: int32")
    .Input("below: int32")
    .Attr("T: {float, bfloat16}")
    .Attr("border: {'zeros', 'mirror', 'repeat'}")
    .Attr("avx512: bool")
    .Output("result: T")
    .SetShapeFn(infer_shape);

template <typename T>
class WinogradConvolution : public OpKernel {
 public:
  explicit WinogradConvolution(OpKernelConstruction* context) : OpKernel(context) {
    std::string border;
    OP_REQUIRES_OK(context, context->GetAttr("border", &border));
    OP_REQUIRES_OK(context, context->GetAttr("avx512", &avx512_));
    border_ = border == "zeros"    ? winograd::Border::kZeros
              : border == "mirror" ? winograd::Border::kMirror
                                   : winograd::Border::kRepeat;
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
    const TensorShape shape({layer.pictures, layer.result_rows(), layer.columns, layer.outputs});
    OP_REQUIRES_OK(context, context->allocate_output(0, shape, &result));
    layer.result = numbers<T>(result);

    Tensor memory;  // a part for each thread, the one that calls included
    const TensorShape parts({workers(context).NumThreads() + 1, layer.memory()});
    OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_FLOAT, parts, &memory));
    float* const memories = numbers<float>(&memory);
    const int64_t cycles = winograd::kBatch * 36 * layer.inputs * layer.outputs / winograd::kPanel;
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
  using Layer = winograd::Layer<Element<T>>;

  Layer describe(const Tensor& source, const Tensor& kernels) const {
    Layer layer{};
    layer.source = numbers<T>(source);
    layer.kernels = numbers<float>(kernels);
    layer.pictures = source.dim_size(0);
    layer.rows = source.dim_size(1);
    layer.columns = source.dim_size(2);
    layer.inputs = source.dim_size(3);
    layer.outputs = kernels.dim_size(1) * kernels.dim_size(3);
    layer.border = border_;
    return layer;
  }

  static bool fits(const Layer& layer, const Tensor& kernels) {
    const int64_t least = layer.border == winograd::Border::kMirror ? 2 : 1;
    return kernels.dim_size(0) == 36 && kernels.dim_size(2) == layer.inputs &&
           kernels.dim_size(3) == winograd::kPanel && layer.inputs % winograd::kPanel == 0 &&
           layer.inputs <= winograd::kMostInputs && layer.rows >= least && layer.columns >= least &&
           layer.above >= 0 && layer.above <= 1 && layer.below >= 0 && layer.below <= 1 &&
           layer.result_rows() > 0;
  }

  winograd::Border border_;
  bool avx512_;
};

#define REGISTER(T)                                                                        \
  REGISTER_KERNEL_BUILDER(                                                                 \
      Name("WinogradConvolution").Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"),   \
      WinogradConvolution<T>);
REGISTER(float)
REGISTER(tensorflow::bfloat16)
#undef REGISTER

}  // namespace
}  // namespace operation
