"""Outputs as one, and other names."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph, verify
from litesmith.interface import Rename
from tests.interface.outputs.shaped import compared, run, shaped
from tests.support.graphs import Builder, const, named


def three() -> Graph:
    b = Builder()
    x = b.input((1, 3, 4), name="x")
    outputs = (b.op("TANH", x), b.op("MEAN", x, const([1]), keep_dims=False), b.op("ABS", x))
    return named(b.graph(*outputs))


@pytest.mark.parametrize("members", ["y0,y2", "y2,y0"])
def test_merged(members: str) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    graph = three()
    outcome = shaped(graph, merge=(f"both={members}",))
    first = members.split(",")[0]
    assert outcome.graph.output_names() == {"y0": ("both", "y1"), "y2": ("y1", "both")}[first]
    for wanted, seen in compared(outcome, run(graph, x), run(outcome.graph, x)):
        np.testing.assert_allclose(seen, wanted, atol=1e-6)
    parts = {"y0": np.tanh(x), "y2": np.abs(x)}
    both = run(outcome.graph, x)[outcome.graph.output_names().index("both")]
    wanted = np.concatenate([parts[name] for name in members.split(",")], -1)
    np.testing.assert_allclose(both, wanted, atol=1e-6)


def test_specs_of_merged() -> None:
    specs = tuple(
        TensorSpec(f"y{i}", s, "float32")
        for i, s in enumerate([(None, 3, 4), (None, 4), (None, 3, 4)])
    )
    (reading,) = shaped(three(), merge=("both=y0,y2",)).readings
    assert [(s.name, s.shape) for s in reading.read(specs)] == [
        ("both", (None, 3, 8)),
        ("y1", (None, 4)),
    ]


def test_head_on_a_merged_output() -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    outcome = shaped(three(), merge=("both=y0,y2",), heads=("both:argmax",))
    wanted = np.concatenate([np.tanh(x), np.abs(x)], -1).argmax(-1)
    np.testing.assert_array_equal(run(outcome.graph, x)[0], wanted)


@pytest.mark.parametrize(
    ("merge", "error", "message"),
    [
        ("both=y0", InputError, "not understood"),
        ("y0,y2", InputError, "not understood"),
        ("both=y0,y0", InputError, "not understood"),
        ("both=y0,y7", InputError, "no output 'y7'"),
        ("y1=y0,y2", InputError, "already"),
        ("both=y0,y1", ConversionError, "side by side"),
    ],
)
def test_what_cannot_be_merged(merge: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        shaped(three(), merge=(merge,))


def test_renamed() -> None:
    outcome = Rename(("x0=image,y0=a", "y2=c"))(three())
    assert outcome.graph.input_names() == ("image",)
    assert outcome.graph.output_names() == ("a", "y1", "c")
    verify(outcome.graph)
    assert not Rename()(three()).done


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("y0",), "not understood"),
        (("y0=a", "y0=b"), "not understood"),
        (("y7=a",), "no input or output"),
        (("y0=y1",), "two outputs"),
    ],
)
def test_what_cannot_be_renamed(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Rename(names)(three())


def test_names_can_be_swapped() -> None:
    assert Rename(("y0=y1", "y1=y0"))(three()).graph.output_names() == ("y1", "y0", "y2")
