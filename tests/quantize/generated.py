"""Random float graphs around one op of a chosen kind, so that every row of the facts is hit.

The op is one of the samples of tests/conformance. What it reads comes through up to three random
layers from the graph's inputs, what it answers goes through as many, and the values fed are of many
sizes: raw bytes, millionths, far from zero, always the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from litesmith.errors import LoadError
from litesmith.graph import DType, Graph, Tensor
from litesmith.graph.facts import FACTS, activation_positions
from litesmith.quantize.plan import CARRIERS
from tests.conformance.samples import SAMPLES, Sample
from tests.conformance.wide_samples import WIDE_SAMPLES
from tests.rewrite.generated.layers import ANY
from tests.rewrite.generated.making import Making, conv, dense
from tests.support.graphs import Array, const, draw

_MOST_VALUES = 3000  # of the op's operands and results
_RANGES = (
    *((-1.0, 1.0),) * 5,
    (0.0, 1.0),
    (0.0, 255.0),
    (-1e-3, 1e-3),
    (0.0, 1e-6),
    (100.0, 101.0),
    (-1e4, 300.0),
    (0.0, 0.0),
    (0.7, 0.7),
)
_ABOVE_ZERO = frozenset({"LOG", "RSQRT", "SQRT"})
_FLOAT_ONLY = ("SIN", "COS", "FLOOR", "SIGN", "CEIL", "ROUND")


@cache
def kinds() -> tuple[str, ...]:
    """Return the op kinds that there are samples of."""
    return tuple(sorted({sample.kind for sample in SAMPLES}))


@cache
def _samples(kind: str) -> tuple[Sample, ...]:
    found = [s for s in (*SAMPLES, *WIDE_SAMPLES) if s.kind == kind]
    small = [s for s in found if _values(s) <= _MOST_VALUES]
    return tuple(small or found)


def _values(sample: Sample) -> int:
    tensors = [t for t in sample.inputs if t is not None]
    return sum(int(np.prod(t.shape)) for t in tensors)


def around(number: int, kind: str | None = None) -> Graph:
    """Return the random graph with this number; kinds take turns unless one is given."""
    m = Making(number)
    kind = kind or kinds()[number % len(kinds())]
    sample = m.among(*_samples(kind))
    (op,) = sample.graph.ops
    row = FACTS.get(kind)
    real = () if row is None else activation_positions(op, row)
    inputs: list[Tensor | None] = []
    read: dict[Tensor, Tensor] = {}
    for position, tensor in enumerate(sample.inputs):
        if tensor is not None and not tensor.is_constant:
            if tensor not in read:
                read[tensor] = _operand(m, sample, tensor, position in real)
            tensor = read[tensor]
        inputs.append(tensor)
    made = m.op(kind, *inputs, **sample.options)
    results = made if isinstance(made, tuple) else (made,)
    return _finished(m, results)


def _operand(m: Making, sample: Sample, like: Tensor, real: bool) -> Tensor:
    """Return a value of the operand's shape and type."""
    if like.dtype is DType.BOOL and m.chance(0.5):
        x = m.entry(like.shape)
        truth = m.op("GREATER", x, const(np.float32(0.1)), dtype=DType.BOOL)
        return truth  # type: ignore[no-any-return]
    if like.dtype is not DType.FLOAT32:
        return m.input(like.shape, like.dtype)
    x = m.entry(like.shape)
    # Alone, an op that only moves values stays float.
    for _ in range(m.number(int(sample.kind in CARRIERS), 3)):
        before = len(m.ops)
        try:
            x = m.among(*_SAME_SHAPE)(m, x)
        except LoadError:  # a convolution without bias, for one
            del m.ops[before:]
    if sample.kind in _ABOVE_ZERO and real:
        x = m.op("ADD", m.op("ABS", x), const(np.float32(m.among(1e-6, 1e-3, 0.25, 1.0))))
    if sample.kind == "EXP":
        x = m.op("MINIMUM", x, const(np.float32(20)))
    return x


def _finished(m: Making, results: tuple[Tensor, ...]) -> Graph:
    before = len(m.ops)
    m.pool = [t for t in results if t.dtype is DType.FLOAT32 and 0 < len(t.shape) < 6]
    wanted = before + m.number(0, 3)
    for _ in range(6):
        if len(m.ops) >= wanted or not m.pool:
            break
        m.grow(lambda m, x: ANY if m.chance(0.8) else (_alone,))
    read = {t for op in m.ops for t in op.inputs}
    ends = [t for op in m.ops for t in op.outputs if t not in read]
    if m.chance(1 / 3):
        ends += m.among(results, m.ops[0].outputs)
    graph = m.graph(*dict.fromkeys(ends))
    used = {t for op in graph.ops for t in op.inputs}
    return graph.with_(inputs=tuple(t for t in graph.inputs if t in used))


def _alone(m: Making, x: Tensor) -> Tensor:
    """An op that has no integer kernel."""
    return m.op(m.among(*_FLOAT_ONLY), x)  # type: ignore[no-any-return]


def _unary(m: Making, x: Tensor) -> Tensor:
    return m.op(m.among("RELU", "TANH", "LOGISTIC", "ABS", "HARD_SWISH", "RELU6"), x)  # type: ignore[no-any-return]


def _number(m: Making, x: Tensor) -> Tensor:
    size = m.among(1e-4, 0.3, 1.0, 40.0)
    number = const(np.float32(m.random.normal(0, size)))
    return m.op(m.among("ADD", "MUL", "SUB", "MAXIMUM", "MINIMUM"), x, number)  # type: ignore[no-any-return]


def _two(m: Making, x: Tensor) -> Tensor:
    kind = m.among("ADD", "SUB", "MUL", "MAXIMUM", "SQUARED_DIFFERENCE")
    return m.op(kind, x, m.like(x) if m.chance(0.7) else x)  # type: ignore[no-any-return]


def _linear(m: Making, x: Tensor) -> Tensor:
    if len(x.shape) == 4 and m.chance(0.7):
        return conv(m, x, x.shape[-1], m.among((1, 1), (3, 3)))
    return dense(m, x, x.shape[-1]) if len(x.shape) > 1 else _number(m, x)


_SAME_SHAPE: tuple[Callable[[Making, Tensor], Tensor], ...] = (
    _unary,
    _unary,
    _number,
    _two,
    _linear,
    _linear,
    _alone,
)


def values(graph: Graph, count: int, number: int, bound: int = 2) -> list[Array]:
    """Return examples for a graph, each input of a size of its own.

    Args:
        graph: from `around` or any other.
        count: examples.
        number: seed.
        bound: integer inputs are drawn from [0, bound).
    """
    random = np.random.default_rng((number, 2))
    drawn = draw(graph, count, number, bound=bound)
    for array in drawn:
        if array.dtype == np.float32:
            low, high = _RANGES[random.integers(len(_RANGES))]
            array[:] = random.uniform(low, high, array.shape)
    return drawn
