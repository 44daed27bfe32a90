"""Files of every format through the child: names, order, shapes, values."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.data import synthetic_examples
from litesmith.errors import ConversionError, InputError, LitesmithError, LoadError
from litesmith.graph import read
from litesmith.runtime import Session
from litesmith.sources import LoadOptions, Source, open_source

Model = Callable[[str], Path]
_TWO = (["zebra", "apple"], ["zz", "aa"])
_LSTM = (["steps"], ["d"])

GOOD: dict[str, tuple[list[str], list[str]]] = {
    "functional.keras": _TWO,
    "dict.keras": _TWO,
    "sequential.keras": (["image"], ["scores"]),
    "keras3.h5": (["image"], ["scores"]),
    "lstm.keras": _LSTM,
    "lstm_export": (["steps"], ["output_0"]),
    "export": (["zebra", "apple"], ["output_0", "output_1"]),
    "fixed.keras": (["x"], ["d"]),
    "mixed.keras": (["x"], ["d"]),
    "lambda.keras": (["x"], ["code_inside"]),
    "old_lambda.h5": (["x"], ["code_inside"]),
    "old_functional.h5": _TWO,
    "old_dict.keras": _TWO,
    "old_saved_model": _TWO,
    "old_lstm.h5": _LSTM,
    "old_lstm_saved_model": _LSTM,
    "one_signature": (["x"], ["output_1", "output_2", "output_10"]),
}


def _examples(source: Source, count: int) -> list[Any]:
    return list(next(iter(synthetic_examples(source.info.inputs, count).batches(count))))


def _check(source: Source, inputs: list[str], outputs: list[str]) -> None:
    info = source.info
    assert [spec.name for spec in info.inputs] == inputs
    assert [spec.name for spec in info.outputs] == outputs
    data = source.lower()
    graph = read(data)
    assert list(graph.input_names()) == inputs
    assert list(graph.output_names()) == outputs
    assert graph.signatures[0].key == "serving_default"
    batch = _examples(source, 11)
    original, lowered = source.run(batch), Session(data).run(batch)
    for spec, a, b in zip(info.outputs, original, lowered, strict=True):
        assert a.shape[0] == 11
        assert spec.example_shape in (a.shape[1:], (None, *a.shape[2:]))
        assert np.std(a) > 1e-4
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", GOOD)
def test_names_order_and_values(model: Model, name: str) -> None:
    with open_source(model(name)) as source:
        _check(source, *GOOD[name])


def test_subclassed_with_custom_objects(model: Model, code: str) -> None:
    path = model("subclassed.keras")
    with open_source(path, LoadOptions(custom_objects=(f"{code}:Answers",))) as source:
        _check(source, ["features"], ["z", "a"])


def test_every_name_of_a_file_of_custom_objects(model: Model, code: str) -> None:
    with open_source(model("custom.h5"), LoadOptions(custom_objects=(code,))) as source:
        _check(source, ["x"], ["d"])


def test_builder_for_weights_only(model: Model, code: str) -> None:
    path = model("only.weights.h5")
    with open_source(path, LoadOptions(builder=f"{code}:build")) as source:
        assert source.info.outputs[0].name == "d"


def test_float_tflite_is_its_own_lowering(model: Model, tmp_path: Path) -> None:
    with open_source(model("sequential.keras")) as source:
        data = source.lower()
        original = source.run(_examples(source, 3))
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    with open_source(path) as source:
        assert source.info.format == "tflite"
        assert source.lower() == data
        assert source.info.inputs[0].name == "image"
        np.testing.assert_allclose(source.run(_examples(source, 3))[0], original[0], atol=1e-5)


def test_mixed_precision_is_said(model: Model) -> None:
    with open_source(model("mixed.keras")) as source:
        assert "float32" in source.info.notes[0]
        assert source.info.outputs[0].dtype == "float32"


def test_unknown_size_and_input_shape(model: Model) -> None:
    path = model("unknown.keras")
    with open_source(path) as source, pytest.raises(InputError, match="image") as caught:
        _ = source.info
    assert "--input-shape image=1x224x224x3" in caught.value.hint
    with open_source(path, LoadOptions(input_shapes={"image": (1, 6, 5, 3)})) as source:
        assert source.info.inputs[0].shape == (None, 6, 5, 3)
        assert read(source.lower()).inputs[0].shape == (1, 6, 5, 3)


def test_runs_from_threads(model: Model) -> None:
    with open_source(model("sequential.keras")) as source, ThreadPoolExecutor(3) as pool:
        batch = _examples(source, 4)
        answers = list(pool.map(lambda _: source.run(batch)[0], range(6)))
        lowered = pool.submit(source.lower)
        assert all(np.array_equal(answer, answers[0]) for answer in answers)
        assert read(lowered.result()).ops


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (2, 8, 8, 4), (8, 8, 3)])
def test_batch_that_does_not_fit(model: Model, shape: tuple[int, ...]) -> None:
    with open_source(model("sequential.keras")) as source, pytest.raises(InputError, match="image"):
        source.run([np.zeros(shape, "float32")])


BAD: list[tuple[str, dict[str, Any], type[LitesmithError], str]] = [
    ("two_signatures", {}, InputError, "double, gamma"),
    ("two_signatures", {"signature": "nope"}, InputError, "'nope'"),
    ("no_signature", {}, InputError, "several functions and no signature: double, gamma, text"),
    ("gamma", {}, ConversionError, "Igamma"),
    ("text", {}, ConversionError, "string"),
    ("only.weights.h5", {}, LoadError, "weights only"),
    ("custom.h5", {}, LoadError, "Twice"),
    ("unknown.keras", {"input_shapes": {"imag": (1, 8, 8, 3)}}, InputError, "imag"),
    ("unknown.keras", {"input_shapes": {"image": (1, 8, 8, 4)}}, InputError, "1x8x8x4"),
]


@pytest.mark.parametrize(("name", "options", "kind", "says"), BAD)
def test_one_sentence_and_a_hint(
    model: Model, name: str, options: dict[str, Any], kind: type[LitesmithError], says: str
) -> None:
    with open_source(model(name), LoadOptions(**options)) as source:
        with pytest.raises(kind, match=says) as caught:
            source.lower()
        assert type(caught.value) is kind
        assert caught.value.hint
        assert "Traceback" not in caught.value.message


def test_both_loaders_are_named(model: Model) -> None:
    with open_source(model("custom.h5")) as source, pytest.raises(LoadError) as caught:
        _ = source.info
    assert "Keras 3" in caught.value.message
    assert "tf_keras" in caught.value.message
    assert "--custom-objects py:file.py:Twice" in caught.value.hint
    assert Path(caught.value.log or "").read_text()


def test_builder_that_builds_no_model(model: Model, code: str) -> None:
    options = LoadOptions(builder=f"{code}:number")
    path = model("only.weights.h5")
    with open_source(path, options) as source, pytest.raises(InputError, match="int"):
        _ = source.info


def test_no_model_object() -> None:
    with pytest.raises(InputError, match="dict"):
        open_source({})
