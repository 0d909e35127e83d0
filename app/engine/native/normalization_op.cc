// Instance normalisation as TensorFlow operations, on TensorFlow's threads.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "normalization.h"
#include "operation.h"

namespace operation {
namespace {

// The least numbers of a row, and of one share of the work.
constexpr int64_t kWidth = 128, kShare = 1 << 15;

int64_t row_width(int64_t channels) {
  const int64_t least = std::lcm<int64_t>(channels, 16);
  return (kWidth + least - 1) / least * least;
}

// Divides `count` numbers into whole rows and a rest, which fills a part of one more row.
struct Split {
  int64_t width, rows, rest;
  Split(int64_t count, int64_t channels)
      : width(row_width(channels)), rows(count / width), rest(count % width) {}
};

absl::Status moments_shape(InferenceContext* context) {
  int64_t channels;
  TF_RETURN_IF_ERROR(context->GetAttr("channels", &channels));
  context->set_output(0, context->Vector(channels));
  context->set_output(1, context->Vector(channels));
  return absl::OkStatus();
}

REGISTER_OP("ChannelMoments")
    .Input("x: T")
    .Attr("T: {float, bfloat16, half}")
    .Attr("channels: int >= 1")
    .Attr("avx512: bool")
    .Output("mean: float")
    .Output("variance: float")
    .SetShapeFn(moments_shape);

template <typename T>
class ChannelMoments : public OpKernel {
 public:
  explicit ChannelMoments(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("channels", &channels_));
    OP_REQUIRES_OK(context, context->GetAttr("avx512", &avx512_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    const int64_t count = x.NumElements();
    OP_REQUIRES(context, count > 0 && count % channels_ == 0,
                absl::InvalidArgumentError("There are no whole pixels of so many channels."));
    const Split split(count, channels_);
    std::vector<float> pivot(split.width);
    for (int64_t place = 0; place < split.width; ++place) {
      pivot[place] = static_cast<float>(x.flat<T>()(place % channels_));
    }
    // Shares do not depend on which thread takes them, so sums are the same in every run.
    const int64_t most = std::max<int64_t>(1, count / kShare);
    const int64_t shares = std::min<int64_t>(most, 4 * workers(context).NumThreads());
    std::vector<double> sums((shares + 1) * 2 * split.width);
    const auto one_by_one = ThreadPool::SchedulingParams::Fixed(1);
    workers(context).ParallelFor(shares, one_by_one, [&](int64_t from, int64_t to) {
      for (int64_t share = from; share < to; ++share) {
        const int64_t first = split.rows * share / shares, last = split.rows * (share + 1) / shares;
        add_up(numbers<T>(x) + first * split.width, last - first, split.width, pivot.data(),
               &sums[share * 2 * split.width]);
      }
    });
    for (int64_t place = 0; place < split.rest; ++place) {
      const double above = static_cast<float>(x.flat<T>()(split.rows * split.width + place)) - pivot[place];
      sums[shares * 2 * split.width + place] = above;
      sums[(shares * 2 + 1) * split.width + place] = above * above;
    }
    finish(context, split, pivot, sums, shares + 1, count / channels_);
  }

 private:
  void add_up(const Element<T>* x, int64_t rows, int64_t width, const float* pivot, double* sums) const {
    if (avx512_) {
      normalization::avx512::add_up(x, rows, width, pivot, sums);
    } else {
      normalization::avx2::add_up(x, rows, width, pivot, sums);
    }
  }

  void finish(OpKernelContext* context, const Split& split, const std::vector<float>& pivot,
              const std::vector<double>& sums, int64_t shares, int64_t pixels) const {
    std::vector<double> total(2 * channels_);
    for (int64_t share = 0; share < shares; ++share) {
      for (int64_t place = 0; place < split.width; ++place) {
        total[place % channels_] += sums[share * 2 * split.width + place];
        total[channels_ + place % channels_] += sums[(share * 2 + 1) * split.width + place];
      }
    }
    Tensor *mean = nullptr, *variance = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({channels_}), &mean));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({channels_}), &variance));
    for (int64_t channel = 0; channel < channels_; ++channel) {
      const double above = total[channel] / pixels;
      mean->flat<float>()(channel) = pivot[channel] + above;
      variance->flat<float>()(channel) = std::max(0.0, total[channels_ + channel] / pixels - above * above);
    }
  }

  int64_t channels_;
  bool avx512_;
};

REGISTER_OP("InstanceNormalization")
    .Input("x: S")
    .Input("mean: float")
    .Input("variance: float")
    .Input("scale: float")
    .Input("shift: float")
    .Input("before: count * B")
    .Attr("S: {float, bfloat16, half}")
    .Attr("T: {float, bfloat16, half}")
    .Attr("B: {float, bfloat16, half} = DT_FLOAT")  // T, if there is one
    .Attr("count: int >= 0")
    .Attr("epsilon: float")
    .Attr("activate: bool")
    .Attr("avx512: bool")
    .Output("y: T")
    .SetShapeFn([](InferenceContext* context) {
      context->set_output(0, context->input(0));
      return absl::OkStatus();
    });

template <typename S, typename T>
class InstanceNormalization : public OpKernel {
 public:
  explicit InstanceNormalization(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(context, context->GetAttr("activate", &activate_));
    OP_REQUIRES_OK(context, context->GetAttr("avx512", &avx512_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    const Tensor* before = context->num_inputs() > kBefore ? &context->input(kBefore) : nullptr;
    const int64_t channels = context->input(1).NumElements();
    bool fits = channels > 0 && x.NumElements() % channels == 0;
    for (int input = 2; input < kBefore; ++input) fits &= context->input(input).NumElements() == channels;
    fits &= before == nullptr ||
            (before->shape() == x.shape() && before->dtype() == context->expected_output_dtype(0));
    OP_REQUIRES(context, fits, absl::InvalidArgumentError("Numbers and their moments do not fit."));

    Tensor* y = nullptr;
    std::vector<int> reusable = {0};
    if (before) reusable.push_back(kBefore);
    OP_REQUIRES_OK(context, context->forward_input_or_allocate_output(reusable, 0, x.shape(), &y));
    const Split split(x.NumElements(), channels);
    std::vector<float> factor(split.width), term(split.width);
    prepare(context, channels, factor, term);

    const Source* source = numbers<S>(x);
    const Result* added = before ? numbers<T>(*before) : nullptr;
    Result* target = numbers<T>(y);
    const auto cost = ThreadPool::SchedulingParams::Adaptive(split.width / 2);
    workers(context).ParallelFor(split.rows, cost, [&](int64_t first, int64_t last) {
      const int64_t at = first * split.width;
      normalize(source + at, added ? added + at : nullptr, target + at, last - first, split.width,
                factor.data(), term.data());
    });
    normalize_rest(split, source, added, target, factor.data(), term.data());
  }

 private:
  using Source = Element<S>;
  using Result = Element<T>;
  static constexpr int kBefore = 5;

  // y = (x - mean) / sqrt(variance + epsilon) * scale + shift as x * factor + term.
  void prepare(OpKernelContext* context, int64_t channels, std::vector<float>& factor,
               std::vector<float>& term) const {
    const auto mean = context->input(1).flat<float>(), variance = context->input(2).flat<float>();
    const auto scale = context->input(3).flat<float>(), shift = context->input(4).flat<float>();
    for (size_t place = 0; place < factor.size(); ++place) {
      const int64_t channel = place % channels;
      factor[place] = scale(channel) / std::sqrt(variance(channel) + epsilon_);
      term[place] = shift(channel) - mean(channel) * factor[place];
    }
  }

  void normalize_rest(const Split& split, const Source* x, const Result* before, Result* y,
                      const float* factor, const float* term) const {
    if (split.rest == 0) return;
    const int64_t at = split.rows * split.width;
    std::vector<Source> row(split.width);
    std::vector<Result> added(split.width), made(split.width);
    std::copy_n(x + at, split.rest, row.begin());
    if (before) std::copy_n(before + at, split.rest, added.begin());
    normalize(row.data(), before ? added.data() : nullptr, made.data(), 1, split.width, factor, term);
    std::copy_n(made.begin(), split.rest, y + at);
  }

  void normalize(const Source* x, const Result* before, Result* y, int64_t rows, int64_t width,
                 const float* factor, const float* term) const {
    if (avx512_) {
      normalization::avx512::normalize(x, before, y, rows, width, factor, term, activate_);
    } else {
      normalization::avx2::normalize(x, before, y, rows, width, factor, term, activate_);
    }
  }

  float epsilon_;
  bool activate_, avx512_;
};

REGISTER_FOR(ChannelMoments, float)
REGISTER_FOR(ChannelMoments, tensorflow::bfloat16)
REGISTER_FOR(ChannelMoments, Eigen::half)

REGISTER_BETWEEN(InstanceNormalization, float, float)
REGISTER_BETWEEN(InstanceNormalization, tensorflow::bfloat16, tensorflow::bfloat16)
REGISTER_BETWEEN(InstanceNormalization, tensorflow::bfloat16, float)
REGISTER_BETWEEN(InstanceNormalization, Eigen::half, float)
REGISTER_BETWEEN(InstanceNormalization, Eigen::half, Eigen::half)

}  // namespace
}  // namespace operation
