"""SavedModels that Keras did not write, and those of TF1."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import ConversionError, InputError, LitesmithError
from litesmith.graph import read
from litesmith.sources import LoadOptions, open_source
from tests.sources.proof import prove

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

Saved = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "options", "inputs", "outputs"),
    [
        ("hub", {"signature": "embed"}, ["x"], ["embedding"]),
        ("hub", {"signature": "integers"}, ["z", "a"], ["y"]),
        ("hub", {"signature": "loop"}, ["x"], ["y"]),
        ("hub", {"signature": "any_rank", "input_shapes": {"x": (1, 3, 2)}}, ["x"], ["y"]),
        ("hub", {"signature": "any_size", "input_shapes": {"x": (1, 7, 3)}}, ["x"], ["y"]),
        ("hub", {"signature": "labelled", "outputs": ("scores",)}, ["x"], ["scores"]),
        ("functions_only", {"signature": "classify"}, ["x"], ["scores"]),
        ("callable_only", {}, ["images"], ["output_0", "same"]),
        ("tf1", {}, ["x"], ["code", "out"]),
        ("tf1", {"outputs": ("out",)}, ["x"], ["out"]),
        ("tf1_train_and_serve", {}, ["x"], ["code", "out"]),
    ],
)
def test_names_order_and_values(
    saved: Saved, name: str, options: dict[str, Any], inputs: list[str], outputs: list[str]
) -> None:
    with open_source(saved(name), LoadOptions(**options)) as source:
        assert [spec.name for spec in source.info.inputs] == inputs
        assert [spec.name for spec in source.info.outputs] == outputs
        prove(source)
        key = options.get("signature", "serving_default")
        assert read(source.lower()).signatures[0].key == key


def test_the_trace_for_inference_is_chosen(saved: Saved) -> None:
    with open_source(saved("callable_only")) as source:
        (_, same), zeros = source.run([np.zeros((1, 4), np.float32)]), np.zeros((1, 2))
        np.testing.assert_array_equal(source.run([np.zeros((1, 4), np.float32)])[0], zeros)
        assert same.shape == (1, 4)


def test_tables_of_numbers_become_constants(saved: Saved) -> None:
    ids = np.array([[0, 1, 2], [3, 5, 90], [4, -1, 91], [2, 2, 1]])
    with open_source(saved("tables")) as source:
        dense, mutable, sparse = prove(source, batch=[ids])
    np.testing.assert_array_equal(dense, [[8, 7, 9], [-5, -5, -5], [-5, -5, -5], [9, 9, 7]])
    np.testing.assert_array_equal(mutable, [[0, 10, 20], [0, 0, 0], [0, 0, 0], [20, 20, 10]])
    np.testing.assert_array_equal(sparse, [[-1, -1, -1], [1, 2, 4], [-1, -1, -1], [-1, -1, -1]])


def test_examples_are_kept_apart_where_a_branch_sees_the_batch(saved: Saved) -> None:
    batch = np.array([[0.1, 0.2, 0.3, 0.4], [2.0, 1.0, 1.0, 1.0]], np.float32)
    with open_source(saved("hub"), LoadOptions(signature="until_all_are_small")) as source:
        (answers,) = prove(source, batch=[batch])
    np.testing.assert_allclose(answers, [batch[0], batch[1] * 0.5])


def test_a_lone_open_axis_is_said_to_be_the_batch(saved: Saved) -> None:
    with open_source(saved("hub"), LoadOptions(signature="wave")) as source:
        assert "--input-shape x=16000" in source.info.notes[0]
    options = LoadOptions(signature="wave", input_shapes={"x": (50,)})
    with open_source(saved("hub"), options) as source:
        assert source.info.inputs[0].shape == (50,)
        prove(source)


BAD: list[tuple[str, dict[str, Any], type[LitesmithError], str, str]] = [
    ("hub", {}, InputError, "any_rank, any_size, classify, embed", "--signature KEY"),
    ("hub", {"signature": "nope"}, InputError, "no signature 'nope'", "--signature KEY"),
    ("functions_only", {}, InputError, "several functions and no signature", "--signature KEY"),
    ("hub", {"signature": "any_rank"}, InputError, "'x'.*dimensions", "--input-shape x=1x"),
    ("hub", {"signature": "any_size"}, InputError, "unknown dimensions", "--input-shape x=1x128x3"),
    ("hub", {"signature": "labelled"}, ConversionError, "'names' holds", "--outputs scores"),
    ("hub", {"signature": "records"}, ConversionError, "ParseExample", "--input ParseExample"),
    ("hub", {"signature": "embed", "outputs": ("e",)}, InputError, "'e'", "embedding"),
    ("counting", {}, ConversionError, "seen|Lookup|table", ""),
]


@pytest.mark.parametrize(("name", "options", "kind", "says", "hint"), BAD)
def test_one_sentence_and_a_hint(
    saved: Saved,
    name: str,
    options: dict[str, Any],
    kind: type[LitesmithError],
    says: str,
    hint: str,
) -> None:
    with open_source(saved(name), LoadOptions(**options)) as source:
        with pytest.raises(kind, match=says) as caught:
            source.lower()
        assert type(caught.value) is kind
        assert hint in caught.value.hint


def test_records_cut_after_their_parser(saved: Saved) -> None:
    options = LoadOptions(signature="records", outputs=("scores",), cut=("ParseExample",))
    with open_source(saved("hub"), options) as source:
        assert [spec.dtype for spec in source.info.inputs] == ["float32", "int64"]
        prove(source)
