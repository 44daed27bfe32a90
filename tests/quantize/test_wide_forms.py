"""Dense and last layers get 16 bits where 8 would change the answers and it is cheap."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType, Graph
from litesmith.graph.census import float_ops
from litesmith.quantize import Quantize
from litesmith.quantize.trials import Trials
from litesmith.quantize.wide_forms import wide_forms, wide_tensors
from tests.support.graphs import RELU, SAME, Builder, const, examples, integer, named


def tracks(seed: int = 0) -> tuple[Graph, np.ndarray]:
    """Return a dense net and rows of which one in fifty is a hundred times larger."""
    b = Builder(seed)
    x = b.input((1, 12))
    y = b.op("FULLY_CONNECTED", x, b.weights(16, 12), b.weights(16), fused_activation_function=1)
    y = b.op("FULLY_CONNECTED", y, b.weights(4, 16), b.weights(4))
    graph = named(b.graph(b.op("SOFTMAX", y, beta=1.0)))
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(300, 1, 12)) * np.where(rng.random((300, 1, 1)) < 0.02, 100, 1)
    return graph, rows.astype(np.float32)


def types(graph: Graph) -> list[DType]:
    return [op.outputs[0].dtype for op in graph.ops]


def test_small_dense_nets_get_sixteen_bits() -> None:
    graph, rows = tracks()
    data = examples(graph, [rows[:200]])
    outcome = Quantize()(graph, data)
    trials = Trials(graph, [(row,) for row in rows[200:]])
    assert trials.error(outcome.graph) < 0.05 * trials.error(integer(graph, data))
    assert not float_ops(outcome.graph)
    assert DType.INT16 in types(outcome.graph)
    assert [notice.code for notice in outcome.notices] == ["wide_op"]


@pytest.mark.parametrize(
    "options",
    [
        {"wide_ops": False},
        {"integer_only": True},
        {"output_type": "int8"},
        {"bits": ("*=8",)},
        {"scheme": "int4"},
    ],
)
def test_eight_bits_were_asked_for(options: dict[str, object]) -> None:
    graph, rows = tracks()
    outcome = Quantize(**options)(graph, examples(graph, [rows[:200]]))  # type: ignore[arg-type]
    assert DType.INT16 not in types(outcome.graph)


def image_net(width: int) -> Graph:
    b = Builder(3)
    x = b.input((1, 16, 16, 3))
    step = {"padding": SAME, "stride_w": 1, "stride_h": 1, "fused_activation_function": RELU}
    y = b.op("CONV_2D", x, b.weights(16, 3, 3, 3), b.weights(16), **step)
    y = b.op("CONV_2D", y, b.weights(16, 3, 3, 16), b.weights(16), **step)
    y = b.op("MEAN", y, const([1, 2]), keep_dims=False)
    y = b.op("FULLY_CONNECTED", y, b.weights(width, 16), b.weights(width))
    y = b.op("FULLY_CONNECTED", y, b.weights(5, width), b.weights(5))
    return b.graph(b.op("SOFTMAX", y, beta=1.0))


def test_what_is_dear_is_no_choice() -> None:
    narrow, wide = wide_forms(image_net(8)), wide_forms(image_net(8000))
    assert [len(form.ops) for form in narrow] == [2, 3]
    assert narrow[0].price < narrow[1].price < 1.5
    assert all(len(form.ops) < 3 for form in wide)


def test_tensors_that_others_read_keep_their_range() -> None:
    graph = image_net(8)
    last, dense = wide_forms(graph)
    assert [t.name for t in wide_tensors(graph, last.ops)] == [
        op.outputs[0].name for op in graph.ops[-2:]
    ]
    assert graph.ops[-3].outputs[0] in wide_tensors(graph, dense.ops)
    assert graph.ops[-4].outputs[0] not in wide_tensors(graph, dense.ops)
