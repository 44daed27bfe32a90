#pragma once
#include "tensorflow/lite/common_stub.h"
namespace tflite {
class Interpreter {
 public:
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteStatus ResizeInputTensor(int tensor_index, const std::vector<int>& dims);
  const std::vector<int>& inputs() const;
  TfLiteTensor* input_tensor(std::size_t index);
  const TfLiteTensor* output_tensor(std::size_t index) const;
  template <class T> T* typed_input_tensor(int index);
  template <class T> T* typed_output_tensor(int index);
};
}  // namespace tflite
