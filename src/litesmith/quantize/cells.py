"""Ops that keep a state and have several weights: which can run in integers, and on what values.

What the integer kernel of UNIDIRECTIONAL_SEQUENCE_LSTM demands (LiteRT's and TFLM's `8x8_16` form;
TFLiteConverter writes the same): activations and h int8 at one scale, weights int8 with one scale
per matrix, biases int32 at input scale · weight scale, the cell state int16 at a power of two from
2^-15 to 2^-9, and five `intermediates`, of which the last says the scale of h. Gates are computed
in int16 at 2^-12, whatever a file says. `cell_forms.py` writes it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, Tensor, write
from litesmith.graph.edit import producers, users
from litesmith.graph.enums import Activation
from litesmith.graph.facts import facts
from litesmith.quantize.seen import Example
from litesmith.runtime import Session

# Operands of UNIDIRECTIONAL_SEQUENCE_LSTM.
WEIGHTS, RECURRENT, BIASES = slice(1, 5), slice(5, 9), slice(12, 16)
H, C = 18, 19
_SLOW = "LiteRT's integer kernel of it is several times slower than the float one on a CPU"
_LEFT_OUT = (*range(9, 12), 16, 17, *range(20, 24))  # peepholes, projection, normalization


def is_cell(op: Op) -> bool:
    """Return whether the rules of this file hold for an op."""
    row = facts(op)
    return row is not None and row.cell


def refusal(op: Op) -> str | None:
    """Return why the integer kernel cannot run the op, None when it can."""
    if any(op.input(p) is not None for p in _LEFT_OUT) or op.input(1) is None:
        return "it has peepholes, a projection, normalization or coupled gates"
    if op.option("fused_activation_function") != Activation.TANH:
        return "its activation is not tanh, the only one that the integer kernel has"
    if op.option("cell_clip") or op.option("proj_clip"):
        return "it clips its state"
    fixed = [*op.inputs[WEIGHTS], *op.inputs[RECURRENT], *op.inputs[BIASES]]
    if any(t is None or t.data is None or t.dtype is not DType.FLOAT32 for t in fixed):
        return "its weights are computed, or quantized already"
    states = [op.input(p) for p in (H, C)]
    if any(t is None or not t.is_variable for t in states):
        return "its states are kept in an unknown way"
    return None


def slow_cells(graph: Graph, kept: Collection[Op]) -> dict[Op, str]:
    """Return the ops of a graph that run faster in float, and why; not those in `kept`."""
    return {op: _SLOW for op in graph.ops if is_cell(op) and op not in kept}


def setters(graph: Graph) -> dict[Op, Op]:
    """Return the ops that set a state before it is used → the op that uses it."""
    owners = {t: op for op in graph.ops if is_cell(op) for p in (H, C) if (t := op.input(p))}
    return {
        op: owners[op.outputs[0]]
        for op in graph.ops
        if op.outputs and op.outputs[0] in owners and not is_cell(op)
    }


def settled(graph: Graph, decided: dict[Op, bool], reasons: dict[Op, str]) -> None:
    """Let the ops that set a state go with the op that uses it; both are changed in place."""
    set_by = setters(graph)
    read_by, made_by = users(graph), producers(graph)
    for op in graph.ops:
        if not decided.get(op, False) or not is_cell(op):
            continue
        states = [t for p in (H, C) if (t := op.input(p)) is not None]
        makers = [made_by[t] for t in states if t in made_by]
        if any(read_by[t] != [op] or t in graph.outputs for t in states) or not all(
            m.kind in ("ZEROS_LIKE", "STRIDED_SLICE") for m in makers
        ):
            decided[op], reasons[op] = False, "something else reads or writes its states"
    for setter, op in set_by.items():
        decided[setter] = decided.get(op, False)
        reasons.pop(setter, None)
        if not decided[setter]:
            reasons[setter] = "it sets the state of an op that stays float"


def cell_ranges(graph: Graph, sample: Sequence[Example]) -> dict[Tensor, tuple[float, float]]:
    """Return cell state → the least and largest value it takes at any step of any example.

    The op has no result that tells, so that it is computed here from what the op reads.

    Args:
        graph: float graph.
        sample: examples, one array (*example_shape) per input.
    """
    cells = [op for op in graph.ops if is_cell(op) and refusal(op) is None]
    if not cells or not sample:
        return {}
    starts: dict[Tensor | None, Tensor | None] = {s.outputs[0]: s.inputs[0] for s in setters(graph)}
    read = [(op.inputs[0], *(starts.get(op.inputs[p]) for p in (H, C))) for op in cells]
    computed = [t for each in read for t in each if t is not None and not t.is_constant]
    outputs = tuple(dict.fromkeys(computed))
    session = Session(write(graph.with_(outputs=outputs, signatures=(), siblings=())))
    rows: list[list[Array]] = [[] for _ in outputs]
    for example in sample:
        session.reset()
        session.feed(next(iter(session.invocations([v[np.newaxis] for v in example]))))
        session.invoke()
        for row, value in zip(rows, session.fetch(), strict=True):
            row.append(value)
    values = dict(zip(outputs, rows, strict=True))
    return {
        c: _extremes(op, len(sample), *(_of(t, values) for t in each))
        for op, each in zip(cells, read, strict=True)
        if (c := op.inputs[C]) is not None
    }


def _of(tensor: Tensor | None, values: Mapping[Tensor, list[Array]]) -> Array | None:
    """Return a tensor's values, (examples, *shape); a constant's has one example."""
    if tensor is None:
        return None
    return tensor.data[np.newaxis] if tensor.data is not None else np.stack(values[tensor])


def _extremes(
    op: Op, count: int, x: Array | None, h: Array | None, c: Array | None
) -> tuple[float, float]:
    """Return the extremes of c: the same recurrence as rewrite/lstm_layer.py, on all examples."""
    w, r, b = (_stacked(op.inputs[s]) for s in (WEIGHTS, RECURRENT, BIASES))
    assert x is not None
    x = np.broadcast_to(x, (count, *x.shape[1:])).astype(np.float64)
    steps = np.moveaxis(x, 1 if op.option("time_major") else 2, 0)  # [steps, examples, batch, …]
    sizes = (*steps.shape[1:3], w.shape[1])
    h = np.zeros(sizes) if h is None else np.broadcast_to(h, sizes)
    c = np.zeros(sizes) if c is None else np.broadcast_to(c, sizes)
    low, high = float(c.min(initial=0.0)), float(c.max(initial=0.0))
    for step in steps:
        z = [step @ w[k].T + h @ r[k].T + b[k] for k in range(4)]
        i, f, o = (1 / (1 + np.exp(-np.clip(z[k], -60, 60))) for k in (0, 1, 3))
        c = f * c + i * np.tanh(z[2])
        h = o * np.tanh(c)
        low, high = min(low, float(c.min())), max(high, float(c.max()))
    return low, high


def _stacked(tensors: Sequence[Tensor | None]) -> Array:
    return np.stack([t.data for t in tensors if t is not None and t.data is not None])
