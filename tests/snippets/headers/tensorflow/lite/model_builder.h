#pragma once
#include "tensorflow/lite/common_stub.h"
namespace tflite {
class FlatBufferModel {
 public:
  static std::unique_ptr<FlatBufferModel> BuildFromFile(const char* filename);
};
}  // namespace tflite
