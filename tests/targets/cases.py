"""Small files that target tables are held against: every op in several types, and every limit.

A case is a one-op graph in the form that ships. What real tools did with them is in `measured/`,
written by `measure.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from litesmith.forge.suppose import suppose_int8
from litesmith.graph import DType, Graph, Op, QuantParams, Tensor
from litesmith.graph.facts import FACTS
from tests.conformance.samples import SAMPLES
from tests.support.graphs import SAME, VALID, const, make, one_op

F32, I2, I4, I8, I16 = DType.FLOAT32, DType.INT2, DType.INT4, DType.INT8, DType.INT16
I32, I64, U8, BOOL = DType.INT32, DType.INT64, DType.UINT8, DType.BOOL
_SHAPE = (1, 4, 4, 3)
_DENSE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")


@dataclasses.dataclass(frozen=True)
class Case:
    """A file by name."""

    name: str
    graph: Graph

    @property
    def op(self) -> Op:
        """The case's only op."""
        (op,) = self.graph.ops
        return op


def cases() -> Iterator[Case]:
    """Yield all cases."""
    yield from _samples()
    yield from _retyped()
    yield from _kinds()
    yield from _moves()
    yield from edges()


def _samples() -> Iterator[Case]:
    """Yield the samples of the fact table, in float and in int8."""
    for sample in SAMPLES:
        yield Case(f"{sample}-float32", sample.graph)
        graph = suppose_int8(sample.graph)
        if len(graph.ops) == 1:
            yield Case(f"{sample}-int8", graph)


def _retyped() -> Iterator[Case]:
    """Yield two samples of each kind in other types than int8."""
    seen: dict[str, int] = {}
    for sample in SAMPLES:
        graph = suppose_int8(sample.graph)
        if seen.get(sample.kind, 0) >= 2 or len(graph.ops) != 1:
            continue
        seen[sample.kind] = seen.get(sample.kind, 0) + 1
        for dtype, weights in ((I16, None), (U8, U8), (I32, None)):
            yield Case(f"{sample}-{dtype}", _with_types(graph, dtype, weights))
        if sample.kind in _DENSE:
            yield Case(f"{sample}-int8xint4", _with_types(graph, I8, I4))


def int2_cases() -> Iterator[Case]:
    """Yield FULLY_CONNECTED with int2 weights, which only LiteRT runs; apart from `cases`.

    Other tools' answers to those are recorded.
    """
    for columns in (4, 6, 7, 8, 64):
        x, y = value(I8, "a", (2, columns)), value(I8, "o", (2, 5), 0.1)
        scales = np.full(5, 0.01, np.float32), np.zeros(5, np.int64)
        data = np.resize(np.array([-1, 0, 1], np.int8), (5, columns))
        weights = Tensor("w", data.shape, I2, data, QuantParams(*scales, 0, 2))
        yield case("FULLY_CONNECTED", f"int8xint2-{columns}", [x, weights], [y], version=12)


def _with_types(graph: Graph, dtype: DType, weights: DType | None) -> Graph:
    (op,) = graph.ops
    facts = FACTS[op.kind].weights
    at = None if facts is None else facts.index
    new: dict[Tensor, Tensor] = {}
    for position, tensor in enumerate((*op.inputs, *op.outputs)):
        if tensor is None or tensor in new:
            continue
        if position == at:
            new[tensor] = _weights(tensor, weights)
        else:
            new[tensor] = _activation(tensor, dtype)

    def swap(tensors: Sequence[Tensor | None]) -> tuple[Any, ...]:
        return tuple(None if t is None else new[t] for t in tensors)

    changed = op.with_(inputs=swap(op.inputs), outputs=swap(op.outputs))
    return Graph(swap(graph.inputs), swap(graph.outputs), (changed,))


def _weights(tensor: Tensor, dtype: DType | None) -> Tensor:
    if dtype is None or tensor.data is None:
        return tensor
    values = np.clip(tensor.data, -7, 7) if dtype is I4 else tensor.data
    return tensor.with_(dtype=dtype, data=values.astype(dtype.numpy))


def _activation(tensor: Tensor, dtype: DType) -> Tensor:
    if tensor.dtype is I32 and dtype is I16 and tensor.quant is not None:
        assert tensor.data is not None
        return tensor.with_(dtype=I64, data=tensor.data.astype(np.int64))
    if tensor.dtype is not I8 or dtype is I8:
        return tensor
    zero = 128 if dtype is U8 else 0
    quant = tensor.quant
    if quant is not None:
        quant = dataclasses.replace(
            quant, zero_point=np.zeros_like(quant.zero_point) + zero, bits=dtype.bits
        )
    data = None if tensor.data is None else (tensor.data.astype(int) + zero).astype(dtype.numpy)
    return tensor.with_(dtype=dtype, data=data, quant=quant)


def value(dtype: DType, name: str = "a", shape: Sequence[int] = _SHAPE, scale: float = 0.01) -> Any:
    """Return an activation; small integers carry a scale."""
    zero = 128 if dtype is U8 else 0
    quant = QuantParams(np.array([scale], np.float32), np.array([zero], np.int64))
    return Tensor(name, tuple(shape), dtype, quant=quant if dtype in (I8, I16, U8, I4) else None)


def case(
    kind: str,
    name: str,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    version: int = 1,
    **more: Any,
) -> Case:
    """Return a case of one op."""
    live = tuple(t for t in inputs if t is not None and t.data is None)
    graph = Graph(live, tuple(outputs), (make(kind, inputs, outputs, version, **more),))
    return Case(f"{kind}-{name}", graph)


def _kinds() -> Iterator[Case]:
    """Yield ops by type where the kernel asks for nothing else."""
    numbers = (F32, I8, I16, I32, I64)
    unary = "ABS CEIL COS EXP FLOOR LOG NEG ROUND RSQRT SIGN SIN SQRT SQUARE ZEROS_LIKE"
    for kind in unary.split():
        for dtype in numbers:
            yield case(kind, f"{dtype}", [value(dtype)], [value(dtype, "o")])
    binary = "ADD SUB MUL DIV POW FLOOR_MOD MAXIMUM MINIMUM SQUARED_DIFFERENCE ATAN2 ADD_N"
    for kind in binary.split():
        for dtype in numbers:
            yield case(kind, f"{dtype}", [value(dtype), value(dtype, "b")], [value(dtype, "o")])
    for kind in ("EQUAL", "NOT_EQUAL", "LESS", "GREATER", "LESS_EQUAL", "GREATER_EQUAL"):
        for dtype in (*numbers, BOOL):
            yield case(kind, f"{dtype}", [value(dtype), value(dtype, "b")], [value(BOOL, "o")])
    truth = [value(BOOL), value(BOOL, "b")]
    for kind in ("LOGICAL_AND", "LOGICAL_OR"):
        yield case(kind, "bool", truth, [value(BOOL, "o")])
    yield case("LOGICAL_NOT", "bool", truth[:1], [value(BOOL, "o")])
    for kind in ("REDUCE_ALL", "REDUCE_ANY"):
        yield case(kind, "bool", [truth[0], const([1])], [value(BOOL, "o", (1, 4, 3))])
    yield from _conversions()


def _conversions() -> Iterator[Case]:
    casts = (F32, I8, I16, I32, I64, U8, BOOL)
    for a in casts:
        for b in casts:
            if a is not b:
                ends = [Tensor("a", _SHAPE, a)], [Tensor("o", _SHAPE, b)]
                yield case("CAST", f"{a}-{b}", *ends, in_data_type=0, out_data_type=0)
    for a in (F32, I8, I16, U8, I32):
        for b in (I8, I16, U8, I32):
            quant = QuantParams(np.array([0.02], np.float32), np.array([0], np.int64))
            source = Tensor("a", _SHAPE, a, quant=None if a is F32 else quant)
            target = value(I8, "o").with_(dtype=b)
            yield case("QUANTIZE", f"{a}-{b}", [source], [target], version=2)
    for a in (I8, I16, U8, I4):
        yield case("DEQUANTIZE", f"{a}", [value(a)], [value(F32, "o")], version=2)
    halves = const(np.zeros(_SHAPE, np.float16))
    yield case("DEQUANTIZE", "float16", [halves], [value(F32, "o")], version=3)


def _moves() -> Iterator[Case]:
    """Yield ops that move or reduce values, by type."""
    for d in (F32, I8, I16, I32, I64):
        a, b, name = value(d), value(d, "b"), f"moves-{d}"

        def out(*shape: int, dtype: DType = d, name: str = "o") -> Any:
            return value(dtype, name, shape)

        yield case("SHAPE", name, [a], [out(4, dtype=I32)], out_type=2)
        yield case("RESHAPE", name, [a, const([1, 48])], [out(1, 48)], new_shape=[1, 48])
        yield case("PACK", name, [a, b], [out(2, *_SHAPE)], values_count=2, axis=0)
        parts = [out(1, 4, 4, name=f"o{i}") for i in range(3)]
        yield case("UNPACK", name, [a], parts, num=3, axis=3)
        begin = const([0, 0, 0, 0])
        cut = [a, begin, const([1, 2, 2, 2])]
        yield case("STRIDED_SLICE", name, [*cut, const([1, 1, 1, 1])], [out(1, 2, 2, 2)])
        yield case("SLICE", name, cut, [out(1, 2, 2, 2)])
        yield case("CONCATENATION", name, [a, b], [out(1, 4, 4, 6)], axis=3)
        yield case("TRANSPOSE", name, [a, const([0, 2, 1, 3])], [out(*_SHAPE)])
        yield case("GATHER", name, [a, const([1, 0])], [out(1, 2, 4, 3)], axis=1)
        yield case("SQUEEZE", name, [a], [out(4, 4, 3)], squeeze_dims=[0])
        yield case("EXPAND_DIMS", name, [a, const([0])], [out(1, *_SHAPE)])
        yield case("BROADCAST_TO", name, [a, const([2, 4, 4, 3])], [out(2, 4, 4, 3)])
        yield case("TILE", name, [a, const([1, 2, 1, 1])], [out(1, 8, 4, 3)])
        zero = const(np.zeros((), d.numpy), dtype=d)
        yield case("FILL", name, [const([1, 4]), zero], [Tensor("o", (1, 4), d)])
        yield case("CUMSUM", name, [a, const(1)], [out(*_SHAPE)])
        yield case("ARG_MAX", name, [a, const(3)], [out(1, 4, 4, dtype=I32)], output_type=2)
        for kind in ("SUM", "REDUCE_PROD", "REDUCE_MAX"):
            yield case(kind, name, [a, const([1, 2])], [out(1, 3)])
        yield case("SELECT_V2", name, [value(BOOL, "c"), a, b], [out(*_SHAPE)])
        yield case("REVERSE_V2", name, [a, const([1])], [out(*_SHAPE)])
        pads = const([[0, 0], [1, 1], [1, 1], [0, 0]])
        yield case("PAD", name, [a, pads], [out(1, 6, 6, 3)])


def edges() -> Iterator[Case]:
    """Yield cases on both sides of the limits that tables name, all int8."""
    yield from _windows()
    yield from _resizes()
    yield from _sizes()


def _int8(kind: str, name: str, *inputs: Any, **more: Any) -> Case:
    return Case(f"{kind}-{name}", suppose_int8(one_op(kind, *inputs, **more)))


def _x(*shape: int, name: str = "x") -> Tensor:
    return Tensor(name, shape)


def _w(*shape: int, fill: float = 0.5) -> Tensor:
    return const(np.full(shape, fill, np.float32), "w")


def _windows() -> Iterator[Case]:
    for stride in (3, 4, 5):
        for padding in (SAME, VALID):
            for dilation in (1, 2):
                name = f"stride{stride}-padding{padding}-dilation{dilation}"
                more = {
                    "stride_w": stride,
                    "stride_h": stride,
                    "padding": padding,
                    "dilation_w_factor": dilation,
                    "dilation_h_factor": dilation,
                }
                x, bias = _x(1, 20, 20, 4), _w(4)
                yield _int8("CONV_2D", name, x, _w(4, 3, 3, 4), bias, **more)
                yield _int8(
                    "DEPTHWISE_CONV_2D", name, x, _w(1, 3, 3, 4), bias, depth_multiplier=1, **more
                )
    one = {"stride_w": 1, "stride_h": 1, "padding": SAME}
    for height, width in ((64, 1), (65, 1), (1, 65), (65, 65), (1, 300)):
        x = _x(1, 70, 70, 1) if width < 100 else _x(1, 4, 400, 1)
        name = f"kernel{height}x{width}"
        yield _int8("CONV_2D", name, x, _w(2, height, width, 1), _w(2), **one)
        yield _int8(
            "DEPTHWISE_CONV_2D", name, x, _w(1, height, width, 1), _w(1), depth_multiplier=1, **one
        )
    far = one | {"dilation_h_factor": 40, "dilation_w_factor": 40}
    yield _int8("CONV_2D", "dilation40", _x(1, 90, 90, 1), _w(2, 3, 3, 1), _w(2), **far)
    yield _int8("CONV_2D", "batch2", _x(2, 8, 8, 3), _w(4, 3, 3, 3), _w(4), **one)
    yield _int8("CONV_2D", "grouped", _x(1, 8, 8, 4), _w(4, 3, 3, 2), _w(4), **one)
    yield from _pools()
    for h, w in ((1, 1), (2, 2), (3, 3), (1, 2), (2, 1)):
        more = {"stride_h": h, "stride_w": w, "padding": SAME, "dtype": F32}
        shape = const([1, 6 * h, 6 * w, 3])
        yield _int8(
            "TRANSPOSE_CONV", f"stride{h}x{w}", shape, _w(3, 3, 3, 4), _x(1, 6, 6, 4), **more
        )
        row = const([1, h, 6 * w, 3])
        yield _int8(
            "TRANSPOSE_CONV", f"row-stride{h}x{w}", row, _w(3, 1, 3, 4), _x(1, 1, 6, 4), **more
        )
    two = {"stride_h": 2, "stride_w": 2, "padding": SAME, "dtype": F32}
    odd = const([1, 11, 11, 3])
    yield _int8("TRANSPOSE_CONV", "odd-output", odd, _w(3, 3, 3, 4), _x(1, 6, 6, 4), **two)


def _pools() -> Iterator[Case]:
    sizes = ((8, SAME), (9, SAME), (9, VALID), (256, VALID), (257, VALID))
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        for size, padding in sizes:
            more = {"filter_width": 1, "filter_height": size, "padding": padding}
            name = f"window{size}-padding{padding}"
            yield _int8(kind, name, _x(1, 300, 4, 2), stride_w=1, stride_h=1, **more)
        for stride in (3, 4):
            for padding in (SAME, VALID):
                more = {"filter_width": 4, "filter_height": 4, "padding": padding}
                name = f"stride{stride}-padding{padding}"
                yield _int8(kind, name, _x(1, 20, 20, 2), stride_w=stride, stride_h=stride, **more)


def _resizes() -> Iterator[Case]:
    for kind in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        for factor in (1, 2, 3, 4, 8, 16):
            for mode in ("plain", "align_corners", "half_pixel_centers"):
                size = 4 * factor - (factor - 1 if mode == "align_corners" else 0)
                more = {} if mode == "plain" else {mode: True}
                name = f"factor{factor}-{mode}"
                yield _int8(kind, name, _x(1, 4, 4, 2), const([size, size]), **more)
        yield _int8(kind, "two-factors", _x(1, 4, 4, 2), const([8, 16]))
        yield _int8(kind, "row", _x(1, 1, 4, 2), const([1, 8]))
        yield _int8(kind, "row-grows", _x(1, 1, 4, 2), const([2, 8]))
        yield _int8(kind, "from-one", _x(1, 1, 1, 2), const([5, 7]))
        yield _int8(kind, "smaller", _x(1, 8, 8, 2), const([4, 4]))


def _sizes() -> Iterator[Case]:
    for count in (65536, 65537):
        full = _w(1, count, fill=1.0)
        yield _int8("FULLY_CONNECTED", f"weight-sum{count}", _x(1, count), full, _w(1))
    yield _int8("FULLY_CONNECTED", "rows", _x(4, 8), _w(3, 8), _w(3))
    weights = value(I8, "w", (4, 8))
    for dtype in (I8, I16):
        ends = [value(dtype, "a", (1, 8)), weights, None], [value(dtype, "o", (1, 4), 0.1)]
        yield case("FULLY_CONNECTED", f"computed-{dtype}", *ends, version=4)
    for size in (4096, 4097):
        yield _int8("MEAN", f"axis{size}", _x(1, size, 2, 2), const([1]), keep_dims=True)
    yield _int8("MEAN", "batch2", _x(2, 4, 4, 3), const([1, 2]), keep_dims=True)
    yield _int8("MEAN", "depth", _x(1, 1, 4, 3), const([3]), keep_dims=True)
    yield _int8("MEAN", "rows", _x(4, 5, 3), const([1]), keep_dims=True)
    for rows in (65536, 65537):
        yield _int8("SOFTMAX", f"rows{rows}", _x(1, rows, 1, 2), beta=1.0)
    for depth in (127, 128):
        more = {"output_type": 2, "dtype": I32}
        yield _int8("ARG_MAX", f"depth{depth}", _x(1, 2, 2, depth), const(3), **more)
    for columns in (65536, 65537):
        b = _x(1, 2, columns, name="b")
        yield _int8("BATCH_MATMUL", f"columns{columns}", _x(1, 2, 2), b)
    for kind in ("MAXIMUM", "MINIMUM"):
        ends = [value(I8), value(I8, "b", scale=0.02)], [value(I8, "o")]
        yield case(kind, "two-scales", *ends, version=2)
    order = list(range(8))
    shape = (1, 1, 1, 2, 2, 2, 2, 3)
    swapped = [*order[:6], 7, 6]
    yield case(
        "TRANSPOSE", "rank8", [value(I8, "a", shape), const(swapped)],
        [value(I8, "o", (*shape[:6], 3, 2))],
    )  # fmt: skip
    for name, signature in {"batch": (-1, 4, 4, 3), "height": (1, -1, 4, 3)}.items():
        a, o = value(I8), value(I8, "o")
        ends = [a.with_(shape_signature=signature)], [o.with_(shape_signature=signature)]
        yield case("RELU", f"dynamic-{name}", *ends, version=2)
