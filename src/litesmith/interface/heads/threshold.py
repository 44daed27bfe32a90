"""`threshold=T`: for every value x whether x >= T, as bool.

At T = 0.5 a sigmoid in front is left out, since it is at least 0.5 exactly where its operand is at
least 0. At other thresholds it stays: the operand's threshold would be rounded.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from litesmith.data import Array
from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.interface.heads.final import final, refuse_others
from litesmith.interface.heads.head import Head, Made, Reading
from litesmith.interface.heads.settle import slack
from litesmith.interface.translation import Batch

_HALF = 0.5
_MOST_AXES = 4  # of a comparison with one number


def _make(graph: Graph, tensor: Tensor, limit: float) -> Made:
    refuse_others(tensor, f"threshold={limit:g}")
    if not math.isfinite(limit) or len(tensor.shape) > _MOST_AXES:
        raise ConversionError(
            f"--head threshold={limit:g} cannot be compared with '{tensor.name}', "
            f"{tensor.dtype.value}{list(tensor.shape)}.",
            f"T is a number, and the output has {_MOST_AXES} axes at most.",
        )
    values, bound, ops = _compared(graph, tensor, limit)
    name = fresh_name(tensor.name, "reached")
    reached = Tensor(name, tensor.shape, DType.BOOL, shape_signature=tensor.shape_signature)
    number = make_constant(f"{name}/threshold", bound)
    op = make_op("GREATER_EQUAL", (values, number), (reached,))
    dropped = ", without the sigmoid in front" if values is not tensor else ""
    reading = Reading(
        lambda spec: (replace(spec, dtype="bool", holds="truth"),),
        lambda batch: [batch >= np.float32(limit)],
        lambda answers, batch: _seen(answers, batch, limit),
    )
    return Made((("", reached),), (*ops, op), f"at least {limit:g}{dropped}", reading)


def _compared(graph: Graph, tensor: Tensor, limit: float) -> tuple[Tensor, float, tuple[Op, ...]]:
    """Return what is compared, with what, and ops for it."""
    end = final(graph, tensor)
    source = end.op.inputs[0] if end is not None and end.activation == "LOGISTIC" else None
    if end is None or source is None or limit != _HALF:
        return tensor, limit, ()
    logits, ops = end.carried(source, "logits")
    return logits, 0.0, ops


def _seen(answers: Batch, values: Array, limit: float) -> list[Array]:
    open_ = np.abs(values - limit) <= slack(values)
    return [np.where(open_, values >= np.float32(limit), answers[0])]


THRESHOLD = Head("threshold", "T", "whether each value is at least T", _make)
