"""`probabilities` and `sigmoid`: scores between 0 and 1 where the output holds logits.

`probabilities` puts a softmax over the last axis where that has several values, classes that
exclude each other, and a sigmoid where it has one. A model of several labels at once cannot be told
from them by its graph, so that it has a head of its own: `sigmoid`, each value by itself. An output
that ends in a softmax or sigmoid already stays; a log-softmax becomes the softmax.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litesmith.data import Array
from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.build import make_op
from litesmith.graph.edit import fresh_name
from litesmith.interface.heads import oracle
from litesmith.interface.heads.final import Final, final, refuse_others
from litesmith.interface.heads.head import Head, Made, Reading

_THERE = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid"}


def _probabilities(graph: Graph, tensor: Tensor, _: float) -> Made:
    refuse_others(tensor, "probabilities")
    end = final(graph, tensor)
    if end is not None and end.op.kind == "LOG_SOFTMAX":
        return _without_log(tensor, end)
    several = len(tensor.shape) > 1 and tensor.shape[-1] > 1
    kind = "SOFTMAX" if several else "LOGISTIC"
    return _appended(tensor, end, kind)


def _sigmoid(graph: Graph, tensor: Tensor, _: float) -> Made:
    refuse_others(tensor, "sigmoid")
    return _appended(tensor, final(graph, tensor), "LOGISTIC")


def _appended(tensor: Tensor, end: Final | None, kind: str) -> Made:
    if end is not None and end.op.kind in _THERE:
        return Made((("", tensor),), (), f"probabilities already, from {end.op.kind}")
    name = "softmax" if kind == "SOFTMAX" else "sigmoid"
    out = tensor.with_(name=fresh_name(tensor.name, name))
    function = oracle.softmax if kind == "SOFTMAX" else oracle.sigmoid
    return Made((("", out),), (_op(kind, tensor, out),), f"{name} added", _read(function))


def _without_log(tensor: Tensor, end: Final) -> Made:
    source, result = end.op.inputs[0], end.op.outputs[0]
    assert source is not None
    soft = result.with_(name=fresh_name(result.name, "softmax"))
    out, ops = end.carried(soft, "softmax")
    made = (_op("SOFTMAX", source, soft), *ops)
    why = "softmax in the place of the log-softmax"
    return Made((("", out),), made, why, _read(oracle.exponential))


def _op(kind: str, tensor: Tensor, out: Tensor) -> Op:
    options: dict[str, Any] = {"beta": 1.0} if kind == "SOFTMAX" else {}
    return make_op(kind, (tensor,), (out,), **options)


def _read(function: Callable[[Array], Array]) -> Reading:
    return Reading(answer=lambda values: [function(values)])


PROBABILITIES = Head("probabilities", "", "softmax, or sigmoid of one value", _probabilities)
SIGMOID = Head("sigmoid", "", "sigmoid of each value (several labels at once)", _sigmoid)
