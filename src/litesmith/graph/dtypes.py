"""Element types of a TFLite tensor, by the names users know from NumPy."""

from __future__ import annotations

from enum import StrEnum

import numpy as np


class DType(StrEnum):
    """A TFLite tensor type; the member's name is the schema's, its value NumPy's spelling."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT64 = "float64"
    INT2 = "int2"
    INT4 = "int4"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    UINT4 = "uint4"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    BOOL = "bool"
    COMPLEX64 = "complex64"
    COMPLEX128 = "complex128"
    STRING = "string"
    RESOURCE = "resource"
    VARIANT = "variant"

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """NumPy dtype of one *unpacked* element; opaque kinds are raw bytes (uint8)."""
        return np.dtype(_CARRIER.get(self, self.value))

    @property
    def bits(self) -> int:
        """Bits that one element takes in a file (0 for kinds without a fixed size)."""
        return _SUBBYTE.get(self, 0 if self in _OPAQUE else self.numpy.itemsize * 8)

    @property
    def is_float(self) -> bool:
        """True for real floating-point types."""
        return self in (DType.FLOAT32, DType.FLOAT16, DType.BFLOAT16, DType.FLOAT64)


_SUBBYTE = {DType.INT2: 2, DType.INT4: 4, DType.UINT4: 4}
_OPAQUE = frozenset({DType.STRING, DType.RESOURCE, DType.VARIANT})
# bfloat16 has no NumPy type of its own: its bit pattern is carried unchanged.
_CARRIER = {
    DType.INT2: "int8",
    DType.INT4: "int8",
    DType.UINT4: "uint8",
    DType.BFLOAT16: "uint16",
    DType.STRING: "uint8",
    DType.RESOURCE: "uint8",
    DType.VARIANT: "uint8",
}
