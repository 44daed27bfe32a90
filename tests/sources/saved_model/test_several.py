"""Several signatures of a SavedModel in one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import litesmith
from litesmith.errors import InputError
from litesmith.graph import read
from litesmith.graph.signatures import sole
from litesmith.sources import LoadOptions, open_source

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

Saved = Callable[[str], Path]


def _answers(data: bytes, key: str, x: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    (answer,) = interpreter.get_signature_runner(key)(x=x).values()
    return np.asarray(answer)


def test_both_answer_and_share_their_weights(saved: Saved) -> None:
    x = np.random.default_rng(0).normal(size=(3, 16)).astype(np.float32)
    with open_source(saved("hub"), LoadOptions(signature="embed,classify")) as source:
        data = source.lower()
        assert [sibling.key for sibling in source.info.siblings] == ["classify"]
        for key, answers in (("embed", source.run([x])), ("classify", source.run([x], "classify"))):
            found = np.concatenate([_answers(data, key, row[None]) for row in x])
            np.testing.assert_allclose(found, answers[0], rtol=1e-4, atol=1e-6)
    graph = read(data)
    weights = [
        tensor.data
        for part in (sole(graph, "embed"), sole(graph, "classify"))
        for tensor in part.tensors()
        if tensor.data is not None and tensor.data.size == 256
    ]
    assert len(weights) == 2
    assert np.array_equal(weights[0], weights[1])
    assert data.count(weights[0].tobytes()) == 1


@pytest.mark.parametrize("scheme", ["none", "float16", "dynamic"])
def test_schemes_apply_to_every_signature(saved: Saved, tmp_path: Path, scheme: str) -> None:
    out = tmp_path / "m.tflite"
    report = litesmith.export(saved("hub"), out, quantize=scheme, signature="embed,classify")
    assert report.parity is not None
    assert [output.name for output in report.parity.outputs] == ["embedding", "classify/scores"]
    data = out.read_bytes()
    assert {"embed", "classify"} == {
        s.key for g in (read(data), *read(data).siblings) for s in g.signatures
    }
    scores = _answers(data, "classify", np.ones((1, 16), np.float32))
    assert scores.sum() == pytest.approx(1, abs=1e-3)


def test_int8_takes_one_signature(saved: Saved, tmp_path: Path) -> None:
    data = {"x": np.zeros((4, 16), np.float32)}
    with pytest.raises(InputError, match="one signature"):
        litesmith.export(
            saved("hub"), tmp_path / "m.tflite", quantize="int8", data=data,
            signature="embed,classify",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [({"signature": "embed,nope"}, "'nope'"), ({"outputs": ("a",)}, "--outputs needs one")],
)
def test_options_of_one_signature(saved: Saved, options: dict[str, object], says: str) -> None:
    given = LoadOptions(**{"signature": "embed,classify", **options})  # type: ignore[arg-type]
    with open_source(saved("hub"), given) as source, pytest.raises(InputError, match=says):
        _ = source.info
