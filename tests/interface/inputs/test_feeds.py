"""A file says what its inputs are fed, and code for it listens."""

from __future__ import annotations

import pytest

from litesmith.graph import read, write
from litesmith.interface import ShapeInputs
from litesmith.interface.feeds import NAME, read_feeds, with_feeds
from litesmith.snippets import find_language, render, view_of
from tests.interface.inputs.shaped import model, quantized, shaped


@pytest.mark.parametrize("kind", ["uint8", "int8", "float32"])
def test_code_feeds_raw_values(kind: str) -> None:
    case = shaped(model("same"), ShapeInputs(preprocess=("tf",), types=(kind,)))
    file = read(write(quantized(case.graph, case.specs, case.fed)))
    assert read_feeds(file) == {"x0": case.specs[0].feeds}
    (port,) = view_of(file, "a.tflite").inputs
    assert not port.quantized and port.real == port.dtype
    assert port.raw_pixels == (kind == "uint8")
    for language in ("python", "cpp", "kotlin", "swift"):
        assert (
            "* (q -"
            not in render(view_of(file, "a.tflite"), find_language(language), "a").split("Gives")[0]
        )


def test_damaged_or_strange_entries_say_nothing() -> None:
    graph = model("valid")
    assert read_feeds(graph) == {} and with_feeds(graph, {"x0": ""}).metadata == ()
    for content in (b"\xff", b"[1]", b'{"x0": 3, "other": "raw values"}'):
        assert read_feeds(graph.with_(metadata=((NAME, content),))) == {}
