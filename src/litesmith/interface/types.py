"""The application feeds 8-bit integers to a float model: one CAST at the input.

Quantizing to int8 knows such a CAST: the integers become the codes, and it goes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import InputError
from litesmith.graph import DType, Tensor
from litesmith.graph.build import make_op
from litesmith.interface.change import Change, Wiring
from litesmith.interface.values import ZEROS

_TYPES = {"uint8": DType.UINT8, "int8": DType.INT8}
# The schema's numbers of the types.
_SCHEMA = {DType.FLOAT32: 0, DType.UINT8: 3, DType.INT8: 9}


def check_type(kind: str) -> None:
    """Refuse what no file can be fed.

    Raises:
        InputError: an unknown type.
    """
    if kind not in ZEROS:
        raise InputError(f"--input-type cannot be '{kind}'.", f"Choose one of {', '.join(ZEROS)}.")


def cast(kind: str, spec: TensorSpec) -> Change | None:
    """Return the change of an input that is fed raw bytes (int8: minus 128), None for float32."""
    if kind == "float32" or spec.dtype != "float32":
        return None
    zero = ZEROS[kind]

    def fed(old: TensorSpec) -> TensorSpec:
        limits = np.iinfo(kind)
        low, high = old.span or (0.0, 255.0)
        span = (
            max(float(np.ceil(low - zero)), float(limits.min)),
            min(float(np.floor(high - zero)), float(limits.max)),
        )
        feeds = old.feeds if not zero else f"{old.feeds} minus {zero}"
        return replace(old, dtype=kind, span=span, feeds=feeds)

    def feed(batch: Array) -> Array:
        return batch.astype(np.float64) + zero

    why = f"fed as {kind}" + (f", raw values minus {zero}" if zero else "")
    return Change(why, fed, feed, lambda old: _wired(old, _TYPES[kind]))


def _wired(old: Tensor, dtype: DType) -> Wiring:
    new, inner = old.with_(dtype=dtype), old.with_(name=f"{old.name}/float")
    op = make_op(
        "CAST",
        (new,),
        (inner,),
        in_data_type=_SCHEMA[dtype],
        out_data_type=_SCHEMA[DType.FLOAT32],
    )
    return new, inner, (op,)
