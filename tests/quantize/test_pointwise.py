"""1×1 convolutions of few bits as FULLY_CONNECTED: the same answers; others stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType, Graph, verify, write
from litesmith.quantize import Quantize
from litesmith.runtime import Session
from tests.support.graphs import RELU6, Builder, draw, examples, named


def convolution(window: int = 1, stride: int = 1, groups: int = 1, batch: int = 1) -> Graph:
    b = Builder(window + stride + groups)
    x = b.input((batch, 5, 4, 12))
    y = b.op(
        "CONV_2D",
        x,
        b.weights(6, window, window, 12 // groups, scale=0.4),
        b.weights(6),
        stride_w=stride,
        stride_h=stride,
        fused_activation_function=RELU6,
    )
    return named(b.graph(b.op("ABS", y)))


@pytest.mark.parametrize("bits", [4, 3, 2, 1])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_same_answers_as_a_convolution(bits: int, batch: int) -> None:
    graph = convolution(batch=batch)
    arrays = draw(graph, 2 * batch)
    step = Quantize("int8", bits=(f"CONV_2D={bits}",))
    rows = step(graph, examples(graph, arrays)).graph
    plain = Quantize("int8", bits=step.bits, litert_forms=False)(graph, examples(graph, arrays))
    dense, conv = (
        next(op for op in form.ops if op.kind in ("FULLY_CONNECTED", "CONV_2D"))
        for form in (rows, plain.graph)
    )
    assert (dense.kind, conv.kind) == ("FULLY_CONNECTED", "CONV_2D")
    assert dense.origin == conv.origin
    assert dense.outputs[0].shape == conv.outputs[0].shape
    weights = [op.inputs[1] for op in (dense, conv)]
    assert [w and w.dtype for w in weights] == [
        DType.INT2 if bits <= 2 else DType.INT4,
        DType.INT4,
    ]
    answers = [Session(write(verify(form))).run(arrays)[0] for form in (rows, plain.graph)]
    step_size = float(rows.ops[-1].inputs[0].quant.scale[0])  # type: ignore[union-attr]
    assert answers[0].std() > step_size
    assert np.abs(answers[0] - answers[1]).max() <= step_size * 1.001


@pytest.mark.parametrize("more", [{"window": 3}, {"stride": 2}, {"groups": 2}])
def test_others_stay_convolutions(more: dict[str, int]) -> None:
    graph = convolution(**more)
    data = examples(graph, draw(graph, 4))
    kinds = [op.kind for op in Quantize("int8", bits=("CONV_2D=4",))(graph, data).graph.ops]
    assert "CONV_2D" in kinds and "FULLY_CONNECTED" not in kinds


def test_eight_bits_stay_convolutions() -> None:
    graph = convolution()
    data = examples(graph, draw(graph, 4))
    assert "CONV_2D" in {op.kind for op in Quantize("int8")(graph, data).graph.ops}
