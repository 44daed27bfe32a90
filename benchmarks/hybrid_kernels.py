"""Where int8 weights with float activations overtake float: the numbers in quantize/weights.py.

Convolutions and matrix products of many shapes, as float, through the hybrid kernel, and as int8
weights behind a DEQUANTIZE that the runtime folds at load. "macs" are multiply-accumulates per
output pixel (row), what the thresholds are stated in.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.common import arguments, median, report
from benchmarks.runtime import latencies
from litesmith.graph import Array, Graph, Op, Options, QuantParams, Tensor, write
from litesmith.graph.dtypes import DType

CHANNELS = (
    (3, 16), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 32), (64, 64),
    (64, 128), (128, 16), (128, 64), (16, 96), (96, 24), (128, 128),
)  # fmt: skip
PRODUCTS = ((20, 10), (42, 20), (64, 64), (128, 10), (256, 128), (1024, 10), (1024, 1024))


def main() -> None:
    """Measure, print the table."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--side", type=int, default=24, help="height and width of the input")
    parser.add_argument("--seconds", type=float, default=0.2, help="per file")
    options = parser.parse_args()
    rows = []
    for kernel in (1, 3):
        for read, made in CHANNELS:
            shape = (made, kernel, kernel, read)
            x = (1, options.side, options.side, read)
            rows.append(_row(f"conv {kernel}x{kernel} {read}→{made}", "CONV_2D", x, shape, options))
    for read, made in PRODUCTS:
        name = f"product {read}→{made}"
        rows.append(_row(name, "FULLY_CONNECTED", (1, read), (made, read), options))
    report("hybrid kernels", rows, options.json, threads=1, side=options.side)


def _row(
    name: str, kind: str, x: tuple[int, ...], shape: tuple[int, ...], options: Any
) -> dict[str, Any]:
    files = {form: _file(kind, x, shape, form) for form in ("float", "hybrid", "dequantize")}
    times = {form: median(t) for form, t in latencies(files, options.seconds).items()}
    return {
        "op": name,
        "macs": int(np.prod(shape)),
        "float ms": times["float"],
        "hybrid": times["hybrid"] / times["float"],
        "dequantize": times["dequantize"] / times["float"],
    }


def _file(kind: str, x: tuple[int, ...], shape: tuple[int, ...], form: str) -> bytes:
    """Return a one-op model with random weights."""
    rng = np.random.default_rng(0)
    data = Tensor("x", x)
    result = Tensor("y", (*x[:-1], shape[0]))
    bias = _constant("bias", np.zeros(shape[0], np.float32))
    if form == "float":
        weights = _constant("weights", rng.normal(size=shape).astype(np.float32))
        return _one(data, [], weights, bias, result, kind)
    stored = rng.integers(-127, 128, shape).astype(np.int8)
    scale = np.full(shape[0], 0.01, np.float32)
    quant = QuantParams(scale, np.zeros(shape[0], np.int64), 0)
    weights = Tensor("weights", shape, DType.INT8, stored, quant)
    if form == "hybrid":
        return _one(data, [], weights, bias, result, kind)
    wide = Tensor("wide", shape)
    return _one(data, [Op("DEQUANTIZE", (weights,), (wide,), version=5)], wide, bias, result, kind)


def _one(
    data: Tensor, before: list[Op], weights: Tensor, bias: Tensor, result: Tensor, kind: str
) -> bytes:
    options = {
        "CONV_2D": Options("Conv2DOptions", MappingProxyType({"stride_w": 1, "stride_h": 1})),
        "FULLY_CONNECTED": Options(
            "FullyConnectedOptions", MappingProxyType({"asymmetric_quantize_inputs": True})
        ),
    }[kind]
    op = Op(kind, (data, weights, bias), (result,), options, version=5 if kind == "CONV_2D" else 9)
    return write(Graph((data,), (result,), (*before, op)))


def _constant(name: str, values: Array) -> Tensor:
    return Tensor(name, values.shape, DType.FLOAT32, values)


if __name__ == "__main__":
    main()
