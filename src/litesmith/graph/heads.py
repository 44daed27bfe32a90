"""Where a graph's answers are compared: at outputs, or before the softmax or logistic of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litesmith.graph.edit import producers
from litesmith.graph.model import Graph, Op, Tensor

_PASSES = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_SQUASHES = frozenset({"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC"})
_VOTES = frozenset({"ARG_MAX", "TOPK_V2"})  # of scores, which are what can be learned


@dataclass(frozen=True)
class Head:
    """What of one output is compared.

    Attributes:
        tensor: the output itself, or the scores before its softmax or logistic, or before the
            choice of the largest (`votes`).
        kind: "SOFTMAX", "LOG_SOFTMAX", "LOGISTIC", or "" for the output itself.
        beta: what a softmax multiplies its scores by.
    """

    tensor: Tensor
    kind: str = ""
    beta: float = 1.0


def heads(graph: Graph, votes: bool = False) -> tuple[Head, ...]:
    """Return what is compared of a graph's outputs.

    Args:
        graph: float, annotated or integer graph.
        votes: where an output is the choice of the largest, compare the scores it is made of.
    """
    made_by = producers(graph)
    return tuple(_head(tensor, made_by, votes) for tensor in graph.outputs)


def _head(output: Tensor, made_by: Mapping[Tensor, Op], votes: bool) -> Head:
    tensor: Tensor | None = output
    voted: Tensor | None = None
    while tensor is not None and (op := made_by.get(tensor)) is not None:
        if op.kind in _SQUASHES and op.inputs[0] is not None:
            return Head(op.inputs[0], op.kind, float(op.option("beta", 1.0)))
        if votes and op.kind in _VOTES:
            voted = op.inputs[0]
        elif op.kind not in _PASSES:
            break
        tensor = op.inputs[0]
    return Head(output) if voted is None else Head(voted, "SOFTMAX")
