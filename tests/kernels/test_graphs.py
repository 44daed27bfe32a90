"""Whole graphs: a traced function of any number of examples computes what LiteRT does of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from litesmith.graph import DType, Graph, read
from litesmith.kernels.evaluate import evaluate
from litesmith.kernels.frozen import frozen_ops
from litesmith.rewrite import FAMILIES, apply
from tests.kernels.models import MODELS
from tests.rewrite.generated.graphs import generate
from tests.sources.recurrent.models import KINDS as RECURRENT
from tests.sources.recurrent.models import examples, keras_of, lowered, traced, varied
from tests.support.converted import converted
from tests.support.graphs import (
    Array,
    Builder,
    const,
    draw,
    execute,
    make,
    random_cnn,
    tensor,
)

COUNT = 3
SHARED = (
    "resnet8_cifar10.h5",
    "ds_cnn_kws",
    "hand_keypoint.hdf5",
    "emotion_mini_xception.hdf5",
)


def computed(graph: Graph, fed: Sequence[Array]) -> list[Array]:
    """Return the outputs of all examples, (COUNT, *shape)."""

    def function(*tensors: tf.Tensor) -> list[tf.Tensor]:
        found = evaluate(graph, dict(zip(graph.inputs, tensors, strict=True)))
        values = (found[t] for t in graph.outputs)
        return [v.tensor if v.batched else tf.repeat(v.tensor[None], COUNT, 0) for v in values]

    signature = [tf.TensorSpec((None, *t.shape), t.dtype.value) for t in graph.inputs]
    made = tf.function(function, signature)(*map(tf.constant, fed))
    return [m.numpy() for m in made]


def agrees(graph: Graph, fed: Sequence[Array] | None = None) -> None:
    """Assert that the kernels differ from LiteRT's no more than those among themselves."""
    fed = draw(graph, COUNT, 5, -2.0, 2.0, 5) if fed is None else fed
    wanted, other = (execute(graph, fed, kernels) for kernels in ("builtin", "default"))
    for found, a, b in zip(computed(graph, fed), wanted, other, strict=True):
        assert found.shape == a.shape
        size = float(np.linalg.norm(a))
        if np.isfinite(size):
            noise = float(np.linalg.norm(a.astype(np.float64) - b))
            assert np.linalg.norm(found - a.astype(np.float64)) <= 1e-5 * size + 3 * noise + 1e-6


@pytest.mark.parametrize("seed", range(6))
def test_random_classifiers(seed: int) -> None:
    agrees(random_cnn(seed))


@pytest.mark.parametrize("number", range(12))
def test_random_graphs(number: int) -> None:
    agrees(generate(number))


def test_shapes_that_the_graph_computes_are_known_while_it_is_traced() -> None:
    b = Builder()
    x = tensor("x", (1, 2, 3), shape_signature=(-1, 2, 3))
    b.inputs.append(x)
    shape = b.op("SHAPE", x, dtype=DType.INT32, out_type=2)
    one = const([1])
    first = b.op("STRIDED_SLICE", shape, const([0]), one, one, shrink_axis_mask=1)
    sizes = b.op("PACK", first, const(np.int32(6)), values_count=2, axis=0)
    y = tensor("y", (1, 6), shape_signature=(-1, 6))
    b.ops.append(make("RESHAPE", [x, sizes], [y]))
    feeds = tf.function(lambda v: evaluate(b.graph(y), {x: v})[y].tensor)
    made = feeds.get_concrete_function(tf.TensorSpec((None, 1, 2, 3)))
    assert made.output_shapes[1:] == (1, 6)
    assert not any("PyFunc" in op.type for op in made.graph.get_operations())


@pytest.mark.parametrize(
    ("shape", "axes"), [((1, 3), [1]), ((1, 4, 5, 6), [1, 2, 3]), ((1, 4, 5, 6), [1, 2])]
)
def test_normalization_as_the_converter_writes_it(shape: list[int], axes: list[int]) -> None:
    """TensorFlow's optimizer takes it for another op, and computes that one wrong."""
    b = Builder()
    x = b.input(shape)
    mean = b.op("MEAN", x, const(axes), keep_dims=True)
    spread = b.op("MEAN", b.op("SQUARED_DIFFERENCE", x, mean), const(axes), keep_dims=True)
    scale = b.op("RSQRT", b.op("ADD", spread, const(np.float32(0.05))))
    scale = b.op("MUL", scale, b.weights(shape[-1]))
    shift = b.op("SUB", b.weights(shape[-1]), b.op("MUL", mean, scale))
    agrees(b.graph(b.op("ADD", b.op("MUL", x, scale), shift)))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12, 200))
def test_more_random_graphs(number: int) -> None:
    agrees(generate(number))


@pytest.mark.parametrize(
    "name", ["cnn_float", "cnn_float16", "loop", "branch", "lstm", "counter", "two_signatures"]
)
def test_converted_files(name: str) -> None:
    agrees(read(converted(name)))


@pytest.mark.slow
@pytest.mark.parametrize("model", RECURRENT)
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_recurrent_layers(package: str, model: str) -> None:
    found = traced(varied(RECURRENT[model](keras_of(package))))
    graph = lowered(found)[1]
    fed = [
        np.asarray(a).reshape(COUNT, *t.shape)
        for a, t in zip(examples(found.inputs, COUNT), graph.inputs, strict=True)
    ]
    _both_forms(graph, fed)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_networks(model: str) -> None:
    graph = lowered(traced(varied(MODELS[model](keras_of("keras")))))[1]
    _both_forms(graph, draw(graph, COUNT, 5, -1.0, 1.0, 5))


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_shared_models(shared: Path, name: str) -> None:
    from litesmith.sources import open_source

    with open_source(shared / "models" / name) as source:
        graph = read(source.lower())
    _both_forms(graph, draw(graph, COUNT, 5, 0.0, 1.0))


def _both_forms(graph: Graph, fed: Sequence[Array]) -> None:
    """Assert that a graph agrees as converted and as rewritten, without a frozen op in it."""
    for form in (graph, apply(graph, FAMILIES).graph):
        assert not frozen_ops(form)
        agrees(form, fed)
