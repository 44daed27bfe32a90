"""Single fields of a .tflite file's object form → values of a Graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from litesmith.graph import schema
from litesmith.graph.dtypes import DType
from litesmith.graph.model import Array, QuantParams, Tensor


def kind_of(code: Any) -> tuple[str, int]:
    """Return an operator code's kind and version."""
    # Files written before builtin codes passed 127 fill only the deprecated field.
    name = schema.code_names("BuiltinOperator")[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return (
        schema.CUSTOM_PREFIX + string(code.customCode) if name == "CUSTOM" else name
    ), code.version


def quant_of(raw: Any, dtype: DType) -> QuantParams | None:
    """Return a tensor's quantization, None where the file gives neither scales nor a range."""
    if raw is None:
        return None
    scale = np.asarray(vector(raw.scale), np.float32)
    minimum, maximum = _floats(raw.min), _floats(raw.max)
    if not scale.size and minimum is None and maximum is None:
        return None
    zero = np.asarray(vector(raw.zeroPoint), np.int64)
    if zero.size != scale.size and zero.size <= 1:
        zero = np.full(scale.size, zero[0] if zero.size else 0, np.int64)
    axis = raw.quantizedDimension if scale.size > 1 else None
    return QuantParams(scale, zero, axis, dtype.bits or 8, minimum, maximum)


def elements(stored: Array, dtype: DType, count: int, shape: tuple[int, ...]) -> Array:
    """Return a buffer's bytes, shape (k,), uint8, as `count` elements of a type and shape."""
    if dtype.bits < 8:
        return schema.unpack_bits(stored, dtype, count).reshape(shape)
    return stored.view(dtype.numpy).reshape(shape)


def positions(maps: Any, indices: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    """Return the names of a signature with their positions in `indices`, the graph's own ends."""
    # A tensor may stand at several positions under several names: each name takes the next one.
    free: dict[int, list[int]] = {}
    for position, index in enumerate(indices):
        free.setdefault(index, []).append(position)
    found = []
    for named in maps or ():
        places = free[named.tensorIndex]
        found.append((string(named.name), places.pop(0) if len(places) > 1 else places[0]))
    return tuple(found)


def at(tensors: Sequence[Tensor], index: int) -> Tensor:
    """Return the tensor of an index; damaged files hold negative ones and too large ones."""
    if not 0 <= index < len(tensors):
        raise IndexError("tensor index")
    return tensors[index]


def pick(tensors: Sequence[Tensor], indices: Any) -> tuple[Tensor, ...]:
    """Return the tensors of a vector of indices."""
    return tuple(at(tensors, i) for i in ints(indices))


def ints(value: Any) -> tuple[int, ...]:
    """Return a vector of integers."""
    return tuple(int(v) for v in vector(value))


def vector(value: Any) -> Any:
    """Return a vector, which may be missing."""
    # The generated code leaves 0 in place of a vector that is present but empty.
    return () if value is None or isinstance(value, int) else value


def _floats(value: Any) -> Array | None:
    listed = vector(value)
    return np.asarray(listed, np.float32) if len(listed) else None


def string(value: Any) -> str:
    """Return a string, which may be missing."""
    return value.decode("utf-8") if isinstance(value, bytes) else (value or "")


def plain(value: Any) -> Any:
    """Return the value of an option: vectors as tuples."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    if isinstance(value, list):
        return tuple(value)
    return value
