"""The step: options, schemes, refusals, notices."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import ConversionError, InputError
from litesmith.graph import Graph, read
from litesmith.graph.census import weights_bits
from litesmith.quantize import SCHEMES, Quantize, default_scheme, find_scheme
from tests.support.converted import converted
from tests.support.graphs import Builder, examples, random_cnn


def with_sine() -> Graph:
    b = Builder()
    return b.graph(b.op("ABS", b.op("SIN", b.op("ABS", b.input((1, 4))))))


def test_names() -> None:
    assert set(SCHEMES) >= {"none", "float16", "dynamic", "int8", "int16x8", "int4"}
    assert all(find_scheme(n).name == n and find_scheme(n).summary for n in SCHEMES)
    assert default_scheme(True) == "int8"
    assert default_scheme(False) == "dynamic"


def test_misspelt_schemes() -> None:
    with pytest.raises(InputError) as info:
        Quantize("dynamc")
    assert "Did you mean 'dynamic'?" in info.value.hint


@pytest.mark.parametrize("scheme", ["none", "float16", "dynamic"])
def test_integer_ends_need_integer_activations(scheme: str) -> None:
    with pytest.raises(InputError, match="needs integer activations"):
        Quantize(scheme, "int8")
    with pytest.raises(InputError, match="needs integer activations"):
        Quantize(scheme, "float32", "uint8")


def test_unknown_ends() -> None:
    with pytest.raises(InputError, match="--output-type cannot be 'int16'"):
        Quantize("int8", "float32", "int16")


def test_int8_needs_data() -> None:
    with pytest.raises(InputError, match="representative data"):
        Quantize()(random_cnn(0))


def test_none_declines() -> None:
    graph = random_cnn(0)
    outcome = Quantize("none")(graph)
    assert (outcome.done, outcome.graph) == (False, graph)


def test_integer_only_targets_refuse_float_ops() -> None:
    graph = with_sine()
    data = examples(graph)
    with pytest.raises(ConversionError, match="1 SIN") as info:
        Quantize(integer_only=True)(graph, data)
    assert "\n" not in info.value.message
    for scheme in ("none", "float16", "dynamic"):
        with pytest.raises(ConversionError, match="integers only"):
            Quantize(scheme, integer_only=True)(random_cnn(0))
    assert Quantize(integer_only=True)(random_cnn(0), examples(random_cnn(0))).done


def test_float_ops_are_told_once_per_kind() -> None:
    b = Builder()
    y = b.input((1, 4))
    for kind in ("SIN", "ABS", "SIN", "ABS", "COS", "ABS"):
        y = b.op(kind, y)
    graph = b.graph(y)
    outcome = Quantize()(graph, examples(graph))
    assert [n.code for n in outcome.notices] == ["float_op"] * 2
    assert outcome.notices[0].message.startswith("2 SIN stay float (at 'sin0' and 1 more): ")
    assert outcome.notices[1].message.startswith("1 COS stays float (at 'cos4'): ")


def test_loops_are_told() -> None:
    graph = read(converted("lstm"))
    outcome = Quantize()(graph, examples(graph))
    (told,) = (n.message for n in outcome.notices if "FULLY_CONNECTED" in n.message)
    assert "inside a loop" in told
    assert weights_bits(outcome.graph) == {"32": 216}
    assert "216 of their weights stay float32" in told


def test_what_was_done() -> None:
    graph = random_cnn(0)
    outcome = Quantize()(graph, examples(graph, count=9))
    assert outcome.why == f"{len(graph.ops)} ops to int8 over 9 examples"


def test_unusable_data_is_named() -> None:
    b = Builder()
    graph = b.graph(b.op("LOG", b.input((1, 4))))
    with pytest.raises(InputError, match="NaN or infinity"):
        Quantize()(graph, examples(graph, [np.full((1, 1, 4), -1, np.float32)]))
