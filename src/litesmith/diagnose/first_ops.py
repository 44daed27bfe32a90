"""What a model was made for, by its first ops: arithmetic on its input, or weights per column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from litesmith.data import Preprocess
from litesmith.diagnose.examples import Sample
from litesmith.diagnose.expected import Change, remedy
from litesmith.graph import Array, Graph, Op, Tensor
from litesmith.graph.edit import users
from litesmith.graph.step import Notice

_FIRST = frozenset({"MUL", "ADD", "SUB", "DIV"})
_BYTE_SCALES = (0.9 / 255, 1.1 / 127)
_FAR = 8.0  # from a mean of 0 or a deviation of 1
_DOMINATES = 0.999
_SCALES_APART = 100.0


def of_graph(graph: Graph, data: Sample, given: Sequence[Preprocess]) -> Iterator[Notice]:
    """Warn when the graph begins by scaling its input and the examples are not of that scale.

    Args:
        graph: float graph before it was rewritten.
        data: examples.
        given: per input, how they were preprocessed.
    """
    readers = users(graph)
    for tensor, spec, x, pre in zip(graph.inputs, data.specs, data.values, given, strict=True):
        own = _first_affine(tensor, readers)
        if own is None or x.dtype != np.float32 or spec.channels_first:
            continue
        scale, offset = own
        if scale.size == 1 and _BYTE_SCALES[0] <= abs(float(scale[0])) <= _BYTE_SCALES[1]:
            yield from _bytes(x, float(scale[0]), pre)
        elif scale.size > 1 and scale.size == x.shape[-1]:
            yield from _statistics(x, scale, offset)


def _bytes(x: Array, scale: float, given: Preprocess) -> Iterator[Notice]:
    """Warn of values within ±1 for a model that divides bytes itself."""
    if len(x) >= 8 and np.abs(x).max() <= 1.01:
        change = Change(255.0) if x.min() >= 0 else Change(127.5, 127.5)
        yield Notice(
            "value_range",
            f"The model itself multiplies its input by {scale:.4g} (1/{1 / scale:.4g}), so it "
            f"expects 0 to 255, but the examples span {x.min():.3g} to {x.max():.3g}.",
            remedy(change, given),
        )


def _statistics(x: Array, scale: Array, offset: Array) -> Iterator[Notice]:
    """Warn of values far from the mean and deviation that the model subtracts and divides by."""
    normal = x.reshape(-1, x.shape[-1]).astype(np.float64) * scale + offset
    mean, deviation = np.abs(normal.mean(0)), normal.std(0)
    off = np.median(mean) > _FAR or np.median(deviation) > _FAR
    small = np.median(deviation) < 1 / _FAR
    if len(x) >= 16 and (off or small):
        yield Notice(
            "value_range",
            "The model itself normalizes its input, but the examples come out of that with mean "
            f"{np.median(mean):.3g} and deviation {np.median(deviation):.3g} (medians over "
            f"{scale.size} columns) instead of about 0 and 1.",
            "Leave --preprocess out, or check that the data is raw as in training.",
        )


def _first_affine(start: Tensor, readers: dict[Tensor, list[Op]]) -> tuple[Array, Array] | None:
    """Return (scale, offset) along the last axis of the arithmetic that every reader sees."""
    scale, offset, tensor, found = np.ones(1), np.zeros(1), start, False
    while len(readers.get(tensor, ())) == 1:
        op = readers[tensor][0]
        number = _number(op, tensor)
        if number is None or op.option("fused_activation_function"):
            break
        swapped = op.inputs[0] is not tensor
        if op.kind == "MUL":
            scale, offset = scale * number, offset * number
        elif op.kind == "DIV" and not swapped and (number != 0).all():
            scale, offset = scale / number, offset / number
        elif op.kind == "ADD":
            offset = offset + number
        elif op.kind == "SUB" and not swapped:
            offset = offset - number
        else:
            break
        tensor, found = op.outputs[0], True
    size = max(scale.size, offset.size)
    return (np.broadcast_to(scale, size), np.broadcast_to(offset, size)) if found else None


def _number(op: Op, tensor: Tensor) -> Array | None:
    """Return the constant that an op combines a tensor with, along the last axis."""
    if op.kind not in _FIRST or len(op.inputs) != 2:
        return None
    other = op.inputs[1] if op.inputs[0] is tensor else op.inputs[0]
    if other is None or other.data is None or other.raw or op.outputs[0].shape != tensor.shape:
        return None
    last = other.data.shape[-1] if other.data.ndim else 1
    return other.data.reshape(-1).astype(np.float64) if other.data.size == last else None


def of_columns(graph: Graph, data: Sample) -> Iterator[Notice]:
    """Warn of a table in which one column alone decides what the first layer computes."""
    x = data.values[0]
    if len(graph.inputs) != 1 or x.ndim != 2 or x.shape[1] < 2 or len(x) < 16:
        return
    readers = users(graph).get(graph.inputs[0], [])
    weights = readers[0].input(1) if len(readers) == 1 else None
    if not readers or readers[0].kind != "FULLY_CONNECTED" or weights is None:
        return
    if weights.data is None or weights.data.shape[-1] != x.shape[1] or weights.raw:
        return
    spread = x.astype(np.float64).std(0)
    share = np.square(weights.data.astype(np.float64) * spread).sum(0)
    if not share.sum() or (share / share.sum()).max() < _DOMINATES:
        return
    column = int(share.argmax())
    others = np.delete(spread, column)
    usual = float(np.median(others[others > 0])) if (others > 0).any() else 0.0
    if usual and spread[column] > _SCALES_APART * usual:
        yield Notice(
            "unnormalized_columns",
            f"Column {column} varies by {spread[column]:.3g}, the others by about {usual:.3g}: it "
            f"makes {share[column] / share.sum():.1%} of what the first layer computes.",
            "If the model was trained on normalized columns, say how: --preprocess "
            "mean=a;b;…,std=c;d;… (one number per column).",
        )
