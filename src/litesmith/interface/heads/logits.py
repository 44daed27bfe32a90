"""`logits`: the values before the softmax or sigmoid that the output ends in.

Probabilities determine the operands of a softmax up to a number per row, so the file's logits are
put through the softmax again, in NumPy, and compared as probabilities.
"""

from __future__ import annotations

from collections.abc import Callable

from litesmith.data import Array
from litesmith.errors import ConversionError
from litesmith.graph import Graph, Tensor
from litesmith.interface.heads import oracle
from litesmith.interface.heads.final import Final, final, refuse_others
from litesmith.interface.heads.head import Head, Made, Reading

# Ops whose results may be logits: sums of products, and what moves or averages such.
_LINEAR = frozenset({
    "CONV_2D", "CONV_3D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV",
    "BATCH_MATMUL", "ADD", "SUB", "MUL", "SUM", "MEAN", "CONCATENATION", "AVERAGE_POOL_2D",
    "MAX_POOL_2D", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "DEPTH_TO_SPACE",
})  # fmt: skip
_NAMES = {"SOFTMAX": "softmax", "LOG_SOFTMAX": "log-softmax", "LOGISTIC": "sigmoid"}


def _make(graph: Graph, tensor: Tensor, _: float) -> Made:
    refuse_others(tensor, "logits")
    end = final(graph, tensor)
    source = end.op.inputs[0] if end is not None and end.activation else None
    if end is None or source is None:
        return _as_it_is(tensor, end)
    logits, ops = end.carried(source, "logits")
    again = _again(end)
    reading = Reading(seen=lambda answers, _: [again(answers[0])])
    return Made((("", logits),), ops, f"logits, without the {_NAMES[end.op.kind]}", reading)


def _as_it_is(tensor: Tensor, end: Final | None) -> Made:
    kind = "" if end is None else end.op.kind
    if end is None or kind not in _LINEAR or end.op.option("fused_activation_function", 0):
        raise ConversionError(
            f"--head logits: '{tensor.name}' ends in {kind or 'no op'}, so there is no softmax or "
            "sigmoid to take away.",
            "Use --head keep, or --cut-before OP with the op that makes the probabilities.",
        )
    return Made((("", tensor),), (), f"logits already, from {kind}")


def _again(end: Final) -> Callable[[Array], Array]:
    """Return the activation as NumPy, on values in the output's shape."""
    beta, row = float(end.op.option("beta", 1.0)), end.row
    if end.op.kind == "LOGISTIC":
        return oracle.sigmoid
    function = oracle.softmax if end.op.kind == "SOFTMAX" else oracle.log_softmax
    return lambda values: function(beta * values.reshape(-1, row)).reshape(values.shape)


LOGITS = Head("logits", "", "values before the softmax or sigmoid", _make)
