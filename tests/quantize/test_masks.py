"""Attention masks: what is masked stays at nothing, and scores keep their digits."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.graph import DType, Graph, Tensor, verify
from litesmith.quantize import Quantize, calibrate
from litesmith.quantize.masks import softened
from tests.support.graphs import Array, Builder, const, examples, execute

_T = 12
_SHAPE = (1, 2, _T, _T)
_CAUSAL = np.tril(np.ones((_T, _T), bool))[None, None]


def masked(b: Builder, form: str) -> tuple[Tensor, Tensor]:
    """Return (scores, scores with a mask of one of the forms converters write)."""
    scores = b.input(_SHAPE)
    if form == "constant":
        return scores, b.op("ADD", scores, const(np.where(_CAUSAL, 0, -1e9).astype(np.float32)))
    if form == "with_bias":
        bias = b.random.normal(0, 1, (1, 1, _T, _T))
        return scores, b.op("ADD", const(np.where(_CAUSAL, bias, -1e4).astype(np.float32)), scores)
    if form == "select":
        condition = const(np.broadcast_to(_CAUSAL, _SHAPE).copy())
        never = const(np.float32(-2.4e38))
        return scores, b.op("SELECT_V2", condition, scores, never, dtype=DType.FLOAT32)
    mask = b.input((1, _T), DType.FLOAT32 if form == "float" else DType.INT32)
    if form == "integer":
        mask = b.op("CAST", mask, dtype=DType.FLOAT32, in_data_type=2, out_data_type=0)
    adder = b.op("MUL", b.op("SUB", const(np.float32(1)), mask), const(np.float32(-1e9)))
    return scores, b.op("ADD", scores, adder)


def network(form: str, layers: int = 1) -> Graph:
    b = Builder(4)
    scores, y = masked(b, form)
    out = b.op("SOFTMAX", y, beta=1.0)
    for _ in range(layers - 1):  # the same mask again, on larger scores
        mask = b.ops[-2].inputs[1] if form != "with_bias" else b.ops[-2].inputs[0]
        more = b.op("ADD", b.op("MUL", scores, const(np.float32(3))), mask)
        out = b.op("ADD", out, b.op("SOFTMAX", more, beta=1.0))
    return b.graph(out)


def drawn(graph: Graph, count: int = 24) -> list[Array]:
    random = np.random.default_rng(3)
    arrays = [random.normal(0, 1, (count, *_SHAPE)).astype(np.float32)]
    if len(graph.inputs) > 1:
        lengths = random.integers(3, _T + 1, (count, 1))
        mask = np.arange(_T)[None] < lengths
        arrays.append(mask[:, None].astype(graph.inputs[1].dtype.numpy))
    return arrays


FORMS = ("constant", "with_bias", "select", "integer", "float")


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
@pytest.mark.parametrize("form", FORMS)
def test_masked_softmax_keeps_its_digits(form: str, scheme: str) -> None:
    graph = network(form)
    arrays = drawn(graph)
    outcome = Quantize(scheme)(graph, examples(graph, arrays))
    assert "1 attention mask bounded" in outcome.why
    verify(outcome.graph)
    wanted = execute(graph, arrays)[0]
    found = execute(outcome.graph, arrays, "default")[0]
    assert np.abs(found - wanted).max() < 0.03
    assert found[wanted == 0].max() <= 1 / 256


@pytest.mark.parametrize("form", FORMS)
def test_the_float_graph_answers_as_before(form: str) -> None:
    graph = network(form)
    arrays = drawn(graph)
    result = softened(graph, calibrate(graph, examples(graph, arrays)))
    assert result.graph is not graph and result.why
    wanted = execute(graph, arrays)[0]
    assert np.abs(execute(result.graph, arrays)[0] - wanted).max() < 1 / 512
    low, high = zip(*(result.ranges.of(t) for t in result.graph.tensors()
                      if t in result.ranges.low), strict=True)  # fmt: skip
    assert min(low) > -60 and max(high) < 60


@pytest.mark.parametrize("form", ["integer", "float", "constant"])
def test_a_mask_that_two_layers_read(form: str) -> None:
    graph = network(form, layers=2)
    arrays = drawn(graph)
    outcome = Quantize("int8")(graph, examples(graph, arrays))
    assert "attention mask" in outcome.why
    found = execute(outcome.graph, arrays, "default")[0]
    assert np.abs(found - execute(graph, arrays)[0]).max() < 0.05


def test_what_is_no_mask_is_left_alone() -> None:
    b = Builder(1)
    x = b.input((1, 8))
    plain = b.op("ADD", x, const(np.full(8, -3, np.float32)))
    graph = b.graph(b.op("SOFTMAX", plain, beta=1.0), plain)
    data = examples(graph)
    assert softened(graph, calibrate(graph, data)).graph is graph
    # Soft masks are products like any other: half of -1e9 is not half of the bound.
    graph = network("float")
    arrays = drawn(graph)
    arrays[1] = np.random.default_rng(0).uniform(0, 1, arrays[1].shape).astype(np.float32)
    assert softened(graph, calibrate(graph, examples(graph, arrays))).graph is graph


def test_scores_that_are_read_elsewhere_are_left_alone() -> None:
    b = Builder(1)
    _, y = masked(b, "constant")
    graph = b.graph(b.op("SOFTMAX", y, beta=1.0), y)
    data = examples(graph, drawn(graph))
    assert softened(graph, calibrate(graph, data)).graph is graph
