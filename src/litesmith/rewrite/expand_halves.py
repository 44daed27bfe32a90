"""float16 weights are expanded before activations become integers.

Algebra: DEQUANTIZE(c) of a float16 constant c is the float32 constant of the same value, exactly.
Side condition: the result is no output of the graph. Saves the DEQUANTIZE; the larger constant is
quantized right after, so the file does not grow.
"""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Op
from litesmith.rewrite.engine import Edit, Family, View


def _expand(op: Op, view: View) -> Edit | None:
    stored, result = op.inputs[0], op.outputs[0]
    if stored is None or stored.data is None or stored.raw or stored.dtype is not DType.FLOAT16:
        return None
    if result in view.outputs:
        return None
    data = stored.data.astype(np.float32)
    return Edit({op: ()}, {result: result.with_(data=data, shape=data.shape)})


EXPAND_HALVES = Family(
    "expand_halves", "float16 constants become float32 ones", {"DEQUANTIZE": (_expand,)}
)
