// What all our TensorFlow operations share.
#pragma once

#include <type_traits>

#include "absl/status/status.h"
#include "elements.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace operation {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;
using tsl::thread::ThreadPool;

// Our types with the bits of TensorFlow's types.
template <typename T>
using Element = std::conditional_t<std::is_same_v<T, float>, float,
                                   std::conditional_t<std::is_same_v<T, Eigen::half>, Float16, Bfloat16>>;

template <typename T>
const Element<T>* numbers(const Tensor& tensor) {
  return reinterpret_cast<const Element<T>*>(tensor.flat<T>().data());
}

template <typename T>
Element<T>* numbers(Tensor* tensor) {
  return reinterpret_cast<Element<T>*>(tensor->flat<T>().data());
}

// The threads that TensorFlow has for work within an operation.
inline ThreadPool& workers(OpKernelContext* context) {
  return *context->device()->tensorflow_cpu_worker_threads()->workers;
}

}  // namespace operation

// Registers the kernel class `Operation` for the operation of the same name, for elements of type T, or for sources
// of type S and results of type T.
#define REGISTER_FOR(Operation, T)                                                              \
  REGISTER_KERNEL_BUILDER(                                                                      \
      Name(#Operation).Device(tensorflow::DEVICE_CPU).TypeConstraint<T>("T"), Operation<T>);
#define REGISTER_BETWEEN(Operation, S, T)                       \
  REGISTER_KERNEL_BUILDER(Name(#Operation)                      \
                              .Device(tensorflow::DEVICE_CPU)   \
                              .TypeConstraint<S>("S")           \
                              .TypeConstraint<T>("T"),          \
                          Operation<S, T>);
