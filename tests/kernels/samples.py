"""Samples of ops that have a kernel but no integer form: one list beside that of conformance.

Add a sample with every kernel whose kind has none yet; the shapes and options are those that a
kernel could get wrong: ranks, axes from either end, operands that are constant.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from litesmith.graph import DType, Graph, QuantParams
from tests.conformance.sample import Sample, i, s, w, x, y
from tests.conformance.samples import SAMPLES as INTEGER_SAMPLES
from tests.conformance.wide_samples import WIDE_SAMPLES
from tests.kernels.moving_samples import MOVING
from tests.kernels.recurrent_samples import RECURRENT
from tests.kernels.sample import g
from tests.support.graphs import RELU, SAME, VALID, Builder, const, make, tensor

INT, BOOL, FLOAT = DType.INT32, DType.BOOL, DType.FLOAT32


def _binary(kind: str, a: tuple[int, ...], b: tuple[int, ...]) -> Graph:
    """The shape of the result is that of the first; LiteRT does not divide the builder's zeros."""
    one, two, result = tensor("a", a), tensor("b", b), tensor("c", a)
    return Graph((one, two), (result,), (make(kind, [one, two], [result]),))


def _elementwise() -> Iterator[Sample]:
    for kind in ("CEIL", "COS", "FLOOR", "NEG", "ROUND", "SIGN", "SIN", "SQUARE"):
        yield s(kind, "plain", x(1, 3, 4, 5), low=-3, high=3)
    yield s("ATAN2", "plain", x(1, 3, 4), y(1, 3, 4), low=-3, high=3)
    for kind in ("DIV", "FLOOR_DIV", "FLOOR_MOD", "POW"):
        low = 0.5 if kind == "POW" else -3
        yield s(kind, "constant", x(1, 3, 4), const(np.float32([0.5, 2, 3, 1.5])), low=low, high=3)
        for name, shapes in {
            "plain": ((1, 3, 4), (1, 3, 4)),
            "broadcast": ((2, 3, 4), (3, 1)),
        }.items():
            yield g(kind, name, partial(_binary, kind, *shapes), low=low, high=3)
    yield s("DIV", "relu", x(1, 4), y(1, 4), low=-3, high=3, fused_activation_function=RELU)
    yield s("POW", "square", x(1, 4), const(np.float32(2)), low=0.1, high=3)
    yield s("ADD_N", "three", x(2, 3), y(2, 3), tensor("z", (2, 3)))
    yield s("ADD_N", "constant", x(2, 3), w(2, 3))
    for kind in ("BITWISE_XOR", "RIGHT_SHIFT"):
        yield s(kind, "plain", i(2, 3), tensor("j", (2, 3), INT), bound=9)
    for kind in ("FLOOR_DIV", "FLOOR_MOD"):
        yield s(kind, "integers", i(2, 3), const([3, -2, 5]), bound=9)
    for kind in ("LOGICAL_AND", "LOGICAL_OR"):
        yield s(kind, "plain", i(2, 3, dtype=BOOL), tensor("j", (3,), BOOL))
        yield s(kind, "constant", i(2, 3, dtype=BOOL), const(np.asarray([True, False, True])))
    yield s("LOGICAL_NOT", "plain", i(2, 3, dtype=BOOL))
    for name, dtype in {"integer": INT, "truth": BOOL, "long": DType.INT64}.items():
        yield s("CAST", f"to_{name}", x(2, 3), low=-9, high=9, dtype=dtype, **_types(FLOAT, dtype))
    yield s("CAST", "from_integer", i(2, 3), bound=9, dtype=FLOAT, **_types(INT, FLOAT))
    yield s("LOCAL_RESPONSE_NORMALIZATION", "plain", x(1, 3, 4, 7), **_LRN)
    yield s("LOCAL_RESPONSE_NORMALIZATION", "wide", x(2, 3, 4, 3), **(_LRN | {"radius": 5}))


_LRN = {"radius": 2, "bias": 1.5, "alpha": 0.3, "beta": 0.75}


def _types(source: DType, result: DType) -> dict[str, int]:
    codes = {DType.FLOAT32: 0, DType.INT32: 2, DType.INT64: 4, DType.BOOL: 6}
    return {"in_data_type": codes[source], "out_data_type": codes[result]}


def _volumes() -> Iterator[Sample]:
    one = {f"{name}_{side}{more}": 1 for name, more in (("stride", ""),) for side in "dhw"}
    for name, more in {
        "same": one | {"padding": SAME},
        "valid": one | {"padding": VALID, "fused_activation_function": RELU},
        "strides": {"stride_d": 2, "stride_h": 1, "stride_w": 2, "padding": SAME},
    }.items():
        yield s("CONV_3D", name, x(1, 4, 5, 6, 2), w(2, 3, 2, 2, 3), w(3), **more)
    yield s("CONV_3D", "batch", x(2, 3, 3, 3, 2), w(2, 2, 2, 2, 3), **one)
    two = {"stride_d": 2, "stride_h": 2, "stride_w": 2, "padding": SAME, "dtype": FLOAT}
    shape = const([1, 4, 6, 6, 3])
    yield s("CONV_3D_TRANSPOSE", "same", shape, w(2, 3, 2, 3, 2), x(1, 2, 3, 3, 2), **two)
    yield s("CONV_3D_TRANSPOSE", "bias", shape, w(2, 2, 2, 3, 2), x(1, 2, 3, 3, 2), w(3), **two)
    pool = {"filter_height": 2, "filter_width": 3, "stride_h": 2, "stride_w": 1}
    for name, padding in {"same": SAME, "valid": VALID}.items():
        yield s("L2_POOL_2D", name, x(1, 5, 6, 2), **pool, padding=padding)


def _reductions() -> Iterator[Sample]:
    for kind in ("REDUCE_ALL", "REDUCE_ANY"):
        yield s(kind, "rows", i(2, 3, dtype=BOOL), const([1]), keep_dims=False)
        yield s(kind, "kept", i(2, 3, dtype=BOOL), const([-1]), keep_dims=True)
        yield s(kind, "all", i(2, 3, dtype=BOOL), const([0, 1]), keep_dims=False)
    for name, more in {
        "plain": {},
        "exclusive": {"exclusive": True},
        "reverse": {"reverse": True},
        "both": {"exclusive": True, "reverse": True},
    }.items():
        yield s("CUMSUM", name, x(2, 4, 3), const(np.int32(1)), **more)
    yield s("CUMSUM", "last", x(2, 4, 3), const(np.int32(-1)))
    yield s("CUMSUM", "first", x(2, 4, 3), const(np.int32(0)))


def _quant(scale: float, zero_point: int) -> QuantParams:
    return QuantParams(np.asarray([scale], np.float32), np.asarray([zero_point]))


def _quantized() -> Graph:
    a = tensor("a", (2, 3))
    b = tensor("b", (2, 3), DType.INT8, quant=_quant(0.02, -3))
    return Graph((a,), (b,), (make("QUANTIZE", [a], [b], 2),))


def _requantized() -> Graph:
    a = tensor("a", (2, 3), DType.INT8, quant=_quant(0.02, -3))
    b = tensor("b", (2, 3), DType.INT8, quant=_quant(0.05, 8))
    return Graph((a,), (b,), (make("QUANTIZE", [a], [b], 2),))


def _dequantized() -> Graph:
    a = tensor("a", (2, 3), DType.INT8, quant=_quant(0.02, -3))
    b = tensor("b", (2, 3))
    return Graph((a,), (b,), (make("DEQUANTIZE", [a], [b], 2),))


def _halves() -> Graph:
    b = Builder()
    a = b.input((2, 3))
    stored = const(np.asarray([0.5, -1.25, 3], np.float16), "halves", DType.FLOAT16)
    return b.graph(b.op("ADD", a, b.op("DEQUANTIZE", stored, dtype=FLOAT)))


def _spectrum(kind: str, fft_length: tuple[int, int]) -> Graph:
    b = Builder()
    spectrum = b.op("RFFT2D", b.input((2, 4, 8)), const(fft_length), dtype=DType.COMPLEX64)
    return b.graph(b.op(kind, spectrum, dtype=FLOAT))


def _ends() -> Iterator[Sample]:
    yield g("QUANTIZE", "real", _quantized)
    yield g("QUANTIZE", "again", _requantized, bound=127)
    yield g("DEQUANTIZE", "integers", _dequantized, bound=127)
    yield g("DEQUANTIZE", "halves", _halves)
    for kind in ("COMPLEX_ABS", "IMAG", "REAL"):
        yield g(kind, "spectrum", partial(_spectrum, kind, (4, 8)))
    yield g("RFFT2D", "cut", partial(_spectrum, "REAL", (2, 4)))
    yield g("RFFT2D", "row", partial(_spectrum, "IMAG", (1, 8)))
    yield s("FAKE_QUANT", "plain", x(2, 9), min=-0.5, max=0.75, num_bits=8)


KERNEL_SAMPLES: tuple[Sample, ...] = (
    *_elementwise(),
    *_volumes(),
    *_reductions(),
    *_ends(),
    *MOVING,
    *RECURRENT,
)
ALL_SAMPLES: tuple[Sample, ...] = (*INTEGER_SAMPLES, *WIDE_SAMPLES, *KERNEL_SAMPLES)
