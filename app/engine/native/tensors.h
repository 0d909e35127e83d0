// TensorFlow's tensors as the kernels read them.
#pragma once

#include <type_traits>

#include "bfloat16.h"
#include "tensorflow/core/framework/tensor.h"

// TensorFlow's bfloat16 has the same bits as ours.
template <typename T>
using Element = std::conditional_t<std::is_same_v<T, float>, float, Bfloat16>;

template <typename T>
const Element<T>* numbers(const tensorflow::Tensor& tensor) {
  return reinterpret_cast<const Element<T>*>(tensor.flat<T>().data());
}

template <typename T>
Element<T>* numbers(tensorflow::Tensor* tensor) {
  return reinterpret_cast<Element<T>*>(tensor->flat<T>().data());
}
