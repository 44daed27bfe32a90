"""An LSTM layer (rewrite/lstm_layer.py) written as a loop.

W·x + b is computed for all steps at once, before the loop; a step adds R·h and applies the gates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from litesmith.graph import Array, DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.edit import fresh_name
from litesmith.graph.enums import Activation
from litesmith.rewrite.layouts import reshaped
from litesmith.rewrite.lstm_layer import ACTIVATIONS, Lstm

KINDS = {code: kind for kind, code in ACTIVATIONS.items()}
_KEEPS_DIMS = 5  # version of FULLY_CONNECTED that the converter writes with keep_num_dims


@dataclass(frozen=True)
class Results:
    """What is needed of a layer.

    Attributes:
        every: receives h of every step, in the layout of x.
        last: receive h of the last step, in any shape.
        cell: receives c of the last step.
    """

    every: Tensor | None
    last: tuple[Tensor, ...]
    cell: Tensor | None


def loop(lstm: Lstm, results: Results, like: Op) -> list[Op]:
    """Return the ops of a layer as a loop: a projection, a WHILE, changes of shape."""
    name = like.outputs[0].name
    gates = Tensor(fresh_name(name, "gates"), (*lstm.x.shape[:2], 4 * lstm.units))
    w, b = make_constant("weights", lstm.weights), make_constant("bias", lstm.bias)
    dense = make_op("FULLY_CONNECTED", (lstm.x, w, b), (gates,), _KEEPS_DIMS, keep_num_dims=True)
    ops = [dense.with_(origin=like.origin)]
    carried = {"t": make_constant("first", 0, DType.INT32)}
    if results.every is not None:
        carried["every"] = Tensor(fresh_name(name, "none"), results.every.shape)
        sizes = make_constant("sizes", results.every.shape, DType.INT32)
        zero = make_constant("zero", 0.0)
        ops.append(make_op("FILL", (sizes, zero), (carried["every"],), origin=like.origin))
    carried |= {"h": lstm.h, "c": lstm.c, "gates": gates}
    h = next((t for t in results.last if t.shape == lstm.h.shape), None)
    given = {"every": results.every, "h": h, "c": results.cell}
    ends = {
        k: given.get(k) or Tensor(fresh_name(name, f"end_{k}"), t.shape, t.dtype)
        for k, t in carried.items()
    }
    graphs = _condition(lstm, carried), _body(lstm, carried)
    loops = make_op("WHILE", tuple(carried.values()), tuple(ends.values()), origin=like.origin)
    ops.append(loops.with_(subgraphs=graphs))
    for result in results.last:
        shaped = reshaped(ends["h"], result, like) if result is not ends["h"] else None
        ops += [shaped] if shaped is not None else []
    return ops


class _Steps:
    """Collects the ops of a called graph."""

    def __init__(self, name: str, carried: dict[str, Tensor]) -> None:
        self.name = name
        self.inputs = {k: Tensor(k, t.shape, t.dtype) for k, t in carried.items()}
        self.ops: list[Op] = []

    def add(
        self, kind: str, name: str, sizes: Sequence[int], *inputs: Tensor | None, **fields: object
    ) -> Tensor:
        """Add an op; return its result, float32 unless an operand is not."""
        dtype = fields.pop("dtype", DType.FLOAT32)
        assert isinstance(dtype, DType)
        result = Tensor(name, tuple(sizes), dtype)
        self.ops.append(make_op(kind, inputs, (result,), **fields))  # type: ignore[arg-type]
        return result

    def graph(self, *outputs: Tensor) -> Graph:
        return Graph(tuple(self.inputs.values()), outputs, tuple(self.ops), self.name)


def _condition(lstm: Lstm, carried: dict[str, Tensor]) -> Graph:
    s = _Steps("lstm_more", carried)
    limit = make_constant("steps", lstm.steps, DType.INT32)
    return s.graph(s.add("LESS", "more", (), s.inputs["t"], limit, dtype=DType.BOOL))


def _body(lstm: Lstm, carried: dict[str, Tensor]) -> Graph:
    s = _Steps("lstm_step", carried)
    t, h, c, gates = (s.inputs[k] for k in ("t", "h", "c", "gates"))
    size, axis = (lstm.batch, lstm.units), 0 if lstm.time_major else 1
    one = make_constant("one", 1, DType.INT32)
    wide = (lstm.batch, 4 * lstm.units)
    x = s.add("GATHER", "x", wide, gates, t, axis=axis)
    r = s.add("FULLY_CONNECTED", "r", wide, h, make_constant("recurrent", lstm.recurrent), None)
    z = s.add("ADD", "z", wide, x, r)
    parts = [Tensor(name, size) for name in ("i", "f", "g", "o")]
    s.ops.append(make_op("SPLIT", (one, z), parts, num_splits=4))
    i, f, o = (s.add("LOGISTIC", n, size, parts[k]) for n, k in (("si", 0), ("sf", 1), ("so", 3)))
    kept = s.add("MUL", "kept", size, f, c)
    new = s.add("MUL", "new", size, i, _activated(s, "ag", parts[2], lstm.activation))
    c = s.add("ADD", "next_c", size, kept, new)
    h = s.add("MUL", "next_h", size, o, _activated(s, "ac", c, lstm.activation))
    ends = {"t": s.add("ADD", "next_t", (), t, one, dtype=DType.INT32)}
    if "every" in s.inputs:
        ends["every"] = _collected(s, lstm, h, axis)
    return s.graph(*{**ends, "h": h, "c": c, "gates": gates}.values())


def _activated(s: _Steps, name: str, x: Tensor, act: int) -> Tensor:
    return x if act == Activation.NONE else s.add(KINDS[act], name, x.shape, x)


def _collected(s: _Steps, lstm: Lstm, h: Tensor, axis: int) -> Tensor:
    """Return the values of all steps with h in this one's place."""
    single = make_constant("single", [1], DType.INT32)
    place = s.add("RESHAPE", "place", (1,), s.inputs["t"], single, dtype=DType.INT32)
    zeros: Array = np.zeros(2, np.int32)
    index = [make_constant("zeros", part, DType.INT32) for part in np.split(zeros, [axis])]
    parts = [p for p in (index[0], place, index[1]) if p.shape != (0,)]
    at = s.add("CONCATENATION", "at", (3,), *parts, dtype=DType.INT32)
    one = (1, *h.shape) if axis == 0 else (h.shape[0], 1, h.shape[1])
    shape = make_constant("one_step", one, DType.INT32)
    step = s.add("RESHAPE", "step", one, h, shape)
    every = s.inputs["every"]
    return s.add("DYNAMIC_UPDATE_SLICE", "next_every", every.shape, every, step, at)
