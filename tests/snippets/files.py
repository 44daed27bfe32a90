"""Files of every kind that code has to feed and read."""

from __future__ import annotations

import numpy as np

from litesmith.graph import DType, Graph, QuantParams, Signature, Tensor
from litesmith.graph.edit import substitute
from litesmith.interface.metadata import Describe
from tests.interface.metadata import models
from tests.support.graphs import Builder, const, make, named


def _quantized(tensor: Tensor, dtype: DType, scale: float, zero: int) -> Tensor:
    quant = QuantParams(np.array([scale], np.float32), np.array([zero], np.int64))
    return tensor.with_(dtype=dtype, quant=quant)


def plain() -> Graph:
    """float32 in and out, labels and normalization."""
    step = Describe(labels=models.LABELS, preprocess=("mean=1;2;3,std=4;5;6",))
    return step(models.classifier()).graph


def integer_ends(dtype: DType, scale: float, zero: int, preprocess: str = "none") -> Graph:
    """Integers in and out; inside it is float."""
    b = Builder(2)
    x = b.input((1, 4, 4, 3), name="image")
    x = b.inputs[0] = _quantized(x, dtype, scale, zero)
    real = b.op("DEQUANTIZE", x, dtype=DType.FLOAT32)
    y = b.op("MEAN", real, const([1, 2]))
    y = b.op("FULLY_CONNECTED", y, b.weights(4, 3, scale=0.05), b.weights(4))
    out = _quantized(Tensor("scores", (1, 4)), dtype, 0.03, zero)
    b.ops.append(make("QUANTIZE", (y,), (out,)))
    return Describe(labels=models.LABELS, preprocess=(preprocess,))(named(b.graph(out))).graph


def several() -> Graph:
    """Two inputs, two outputs, integer types among them, names that are no variables."""
    b = Builder(3)
    x, n = b.input((2, 3)), b.input((2,), DType.INT32)
    y = b.op("ADD", x, const([1.0, 2.0, 3.0]))
    m = b.op("ADD", n, const([5, 6]))
    signature = Signature(
        "serve", (("class", 0), ('my $input\n"x" 2', 1)), (("a/b:0", 0), ("a.b:0", 1))
    )
    return b.graph(y, m, signatures=(signature,))


def open_sizes() -> Graph:
    """The application chooses the batch."""
    b = Builder(4)
    x = b.input((1, 5), name="x")
    y = b.op("FULLY_CONNECTED", x, b.weights(3, 5), const([0.0, 1.0, 2.0]))
    graph = named(b.graph(y))
    wide = {t: t.with_(shape_signature=(-1, t.shape[1])) for t in (x, y)}
    return substitute(graph, wide)


def unnamed() -> Graph:
    """Without a signature."""
    return several().with_(signatures=())


def detector() -> Graph:
    """Labels that name values."""
    return Describe(labels=("a", "b", "c"))(models.detector()).graph


FILES = {
    "plain": plain,
    "int8": lambda: integer_ends(DType.INT8, 0.5, -10),
    "uint8": lambda: integer_ends(DType.UINT8, 0.7, 3),
    "pixels": lambda: integer_ends(DType.UINT8, 1.0, 0),
    "int16": lambda: integer_ends(DType.INT16, 0.01, 0),
    "several": several,
    "open": open_sizes,
    "unnamed": unnamed,
    "detector": detector,
    "text": models.text,
}
