"""Is a .tflite quantized already?"""

from __future__ import annotations

from litesmith.graph import DType, Graph

_INTEGERS = frozenset({DType.INT2, DType.INT4, DType.INT8, DType.UINT8, DType.INT16})


def quantized_weights(graph: Graph) -> tuple[str, ...]:
    """Return the integer types in which real values are stored or computed, () when none are."""
    found = {
        tensor.dtype.value
        for part in graph.graphs()
        for tensor in part.tensors()
        if tensor.dtype in _INTEGERS
        and tensor.quant is not None
        and (tensor.quant.scale.size > 0 or tensor.quant.blockwise is not None)
    }
    return tuple(sorted(found))
