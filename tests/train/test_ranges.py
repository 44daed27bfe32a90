"""Which results' ranges are trained, and that the file has what the simulation computes."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType
from litesmith.kernels.value import Value
from litesmith.quantize import lower
from litesmith.quantize.annotate import carried
from litesmith.train.learned import with_tensors
from litesmith.train.network import Network
from litesmith.train.ranges import MOST, ranges
from tests.kernels.simulated import DEFECTS, Pair, op_by_op, pair
from tests.rewrite.generated.graphs import generate
from tests.support.graphs import RELU6, SAME, Builder, const, draw, random_cnn
from tests.train.networks import cnn, lesson


def kinds(graph):
    """Return for each group the kinds of the ops that yield its members."""
    made_by = {t: op.kind for op in graph.ops for t in op.outputs}
    return sorted(tuple(sorted(made_by[t] for t in group.tensors)) for group in ranges(graph))


def test_inner_results_are_free_and_ends_are_not():
    logits = [("CONV_2D",), ("CONV_2D",), ("FULLY_CONNECTED",), ("MEAN",)]
    assert kinds(lesson("int8").student) == logits  # not the softmax, whose kernel demands its own
    assert kinds(lesson("int8", cnn(softmax=False)).student) == [*logits[:2], ("MEAN",)]
    assert ranges(lesson("int16x8").student) == () and ranges(cnn()) == ()


def test_what_shares_a_grid_shares_a_factor():
    b = Builder(2)
    x = b.input((1, 8, 8, 3))
    h = b.op(
        "CONV_2D", x, b.weights(4, 3, 3, 3), b.weights(4),
        padding=SAME, stride_h=1, stride_w=1, fused_activation_function=RELU6,
    )  # fmt: skip
    h = b.op(
        "MAX_POOL_2D", h,
        padding=SAME, stride_h=2, stride_w=2, filter_width=2, filter_height=2,
    )  # fmt: skip
    h = b.op("RESHAPE", h, const([1, 64]), new_shape=[1, 64])
    h = b.op("FULLY_CONNECTED", h, b.weights(4, 64), b.weights(4))
    student = lesson("int8", b.graph(h)).student
    (group,) = ranges(student)
    assert kinds(student) == [("CONV_2D", "MAX_POOL_2D", "RESHAPE")] and group.high == 0
    network = Network(student)
    low, high = network.layout.bounds()
    assert network.layout.slots[-1].name == "0/range"
    assert (low[-1], high[-1]) == pytest.approx((-MOST, 0))


def ranges_alone(network: Network, drawn: np.ndarray) -> np.ndarray:
    """Return the vector of the graph as it is, but with its ranges drawn."""
    layout, start = network.layout, network.start()
    drawn = np.clip(drawn.astype(np.float32), *layout.bounds())
    parts = {n: v for n, v in layout.split(drawn).items() if n.endswith("/range")}
    return layout.joined(layout.split(start) | parts)


def moved(both: Pair, seed: int) -> tuple[Pair, int]:
    """Return both forms with ranges drawn anew, and how many results have one."""
    network = Network(both.graph)
    drawn = np.random.default_rng(seed).uniform(-MOST, MOST, network.start().size)
    vector = ranges_alone(network, drawn)
    swap = network.trained(vector)
    annotated = carried(both.annotated, with_tensors(both.graph, swap))
    count = sum(t.quant is not None and not t.is_constant for t in swap)
    return Pair(annotated, lower(annotated)), count


@pytest.mark.parametrize("kernels", ["default", "reference"])
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 6, 7, 8, 9, 10])  # 5 has no weights
def test_the_file_computes_what_training_saw(number, kernels):
    graph = random_cnn(number) if number < 4 else generate(number)
    if any((op.kind, kernels) in DEFECTS for op in graph.ops):
        kernels = "builtin"
    both, count = moved(pair(graph, draw(graph, 6, seed=number)), number)
    assert count
    told = {
        f"{op.kind} '{op.outputs[0].name}'": away
        for op, away in op_by_op(both, draw(graph, 3, seed=number + 1000), kernels)
    }
    assert told and max(told.values()) <= 1, told


def test_the_network_computes_the_moved_graph():
    both = pair(random_cnn(1), draw(random_cnn(1), 6, seed=1))
    network = Network(both.graph)
    vector = ranges_alone(network, np.random.default_rng(1).uniform(-2, 2, network.start().size))
    assert any(slot.name.endswith("/range") for slot in network.layout.slots)
    x = [a[:, np.newaxis] if a.ndim < 4 else a for a in draw(both.graph, 4, seed=3)]
    other = Network(with_tensors(both.graph, network.trained(vector)))
    assert other.ranges and all(t.dtype is DType.FLOAT32 for r in other.ranges for t in r.tensors)
    one, two = (
        n.run(n.constants(v), dict(zip(n.graph.inputs, x, strict=True)))
        for n, v in ((network, vector), (other, other.start()))
    )
    for a, b in zip(one.values(), two.values(), strict=True):
        assert isinstance(a, type(b)) and not isinstance(a, Value)
        np.testing.assert_allclose(a, b, atol=1e-5)
