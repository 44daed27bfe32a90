// The least of the public API that generated code touches, for -fsyntax-only.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
struct TfLiteTensor { std::size_t bytes; };
#define TF_LITE_ENSURE_STATUS(a)            \
  do {                                      \
    const TfLiteStatus s = (a);             \
    if (s != kTfLiteOk) return s;           \
  } while (0)
