"""Preprocessing and channels built in: equal to NumPy's, and no op where it is exact without."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.data import TensorSpec, parse_preprocess
from litesmith.errors import InputError
from litesmith.interface import ShapeInputs
from litesmith.interface.channels import Channels, parse_channels
from tests.interface.inputs.shaped import EXACT, FIRST, model, shaped
from tests.support.graphs import Array

_SPECS = (
    "none",
    "unit",
    "tf",
    "torch",
    "caffe",
    "scale=0.5,offset=-3",
    "mean=10;20;30,std=2;4;8",
    "mean=120,std=60",
    "scale=-0.02,offset=1",
)


def preprocessed(spec: str, raw: Array) -> Array:
    """Keras' own formulas, written again."""
    x = raw.astype(np.float64)
    if spec == "unit":
        return x / 255
    if spec == "tf":
        return x / 127.5 - 1
    if spec == "torch":
        return (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    if spec == "caffe":
        return x[..., ::-1] - [103.939, 116.779, 123.68]
    if spec == "mean=10;20;30,std=2;4;8":
        return (x - [10, 20, 30]) / [2, 4, 8]
    if spec == "mean=120,std=60":
        return (x - 120) / 60
    if spec == "scale=0.5,offset=-3":
        return 0.5 * x - 3
    return -0.02 * x + 1 if spec.startswith("scale=-") else x


@settings(max_examples=40, deadline=None)
@given(
    spec=st.sampled_from(_SPECS),
    first=st.sampled_from(list(FIRST)),
    kind=st.sampled_from(["float32", "uint8", "int8"]),
    batch=st.sampled_from([1, 1, 2]),
    seed=st.integers(0, 99),
)
def test_embedded_preprocessing(spec: str, first: str, kind: str, batch: int, seed: int) -> None:
    step = ShapeInputs(preprocess=(spec,), types=(kind,))
    case = shaped(model(first, batch, seed=seed), step, seed=seed)
    raw = case.fed[0].astype(np.float64) + (128 if kind == "int8" else 0)
    assert np.abs(case.inner[0] - preprocessed(spec, raw)).max() < 1e-5 * 256
    assert case.specs[0].dtype == kind
    assert case.error() < 1e-5
    expected = {"CAST": 1} if kind != "float32" else {}
    turns = spec.startswith("scale=-") and first == "pooled"  # a maximum would be a minimum
    if first in EXACT and not turns:
        assert case.added == expected
    elif first != "logistic":
        # One op at most, beside the CAST: the border's zeros are no raw value.
        assert case.added.total() <= len(expected) + 1


@settings(max_examples=25, deadline=None)
@given(
    fed=st.sampled_from(["rgb", "bgr", "rgba", "gray"]),
    read=st.sampled_from(["rgb", "bgr", "gray"]),
    spec=st.sampled_from(["", "tf", "torch", "unit"]),
    first=st.sampled_from(["valid", "same", "padded", "depthwise same", "dense"]),
    seed=st.integers(0, 99),
)
def test_channels(fed: str, read: str, spec: str, first: str, seed: int) -> None:
    if read == "gray" and spec == "torch":
        return
    graph = model(first, channels=1 if read == "gray" else 3, seed=seed)
    step = ShapeInputs(preprocess=(spec,) if spec else (), channels=(f"{fed},{read}",))
    case = shaped(graph, step, seed=seed)
    assert case.specs[0].shape[-1] == {"rgb": 3, "bgr": 3, "rgba": 4, "gray": 1}[fed]
    assert case.error() < 1e-5
    channels = Channels(fed, read)
    assert np.allclose(channels.matrix.sum(1), 1)
    values = case.fed[0].astype(np.float64)
    assert np.allclose(channels.convert(values), values @ channels.matrix.T)


@pytest.mark.parametrize("first", ["valid", "same", "padded", "dense", "depthwise same"])
def test_reversed_channels_cost_nothing(first: str) -> None:
    case = shaped(model(first), ShapeInputs(channels=("bgr",)))
    assert not case.added
    if first != "depthwise same":
        repeated = shaped(model(first), ShapeInputs(channels=("gray",)))
        assert not repeated.added or first in ("dense", "padded")


def test_luma() -> None:
    gray = Channels("bgr", "gray").convert(np.array([[10.0, 20.0, 30.0]]))
    assert gray == pytest.approx(0.114 * 10 + 0.587 * 20 + 0.299 * 30)


@pytest.mark.parametrize(
    "chosen,shape,message",
    [
        ("cmyk", (None, 4, 4, 3), "is not known"),
        ("rgb,xyz", (None, 4, 4, 3), "is not known"),
        ("gray", (None, 4, 4, 5), "does not read"),
        ("rgb,gray", (None, 4, 4, 3), "does not read gray"),
        ("rgb", (None, 7), "does not read"),
    ],
)
def test_channels_that_do_not_fit(chosen: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_channels(chosen, TensorSpec("x", shape, "float32"))


def test_code_cannot_be_embedded(tmp_path: object) -> None:
    file = tmp_path / "own.py"  # type: ignore[operator]
    file.write_text("def f(x):\n    return x\n")
    step = ShapeInputs(preprocess=(f"py:{file}:f",))
    with pytest.raises(InputError, match="Python code") as info:
        step(model("valid"))
    assert "--embed-preprocess" in info.value.hint


def test_preprocessing_of_other_channels_is_refused() -> None:
    with pytest.raises(InputError, match="for 3 channels"):
        ShapeInputs(preprocess=("torch",))(model("valid", channels=1))


def test_integers_take_no_fractions() -> None:
    specs = (TensorSpec("tokens", (None, 5), "int32"),)
    with pytest.raises(InputError, match="is int32"):
        ShapeInputs(preprocess=("unit",)).translation(specs)
    fed = ShapeInputs(preprocess=("none",), types=("uint8",)).translation(specs).fed(specs)
    assert fed == specs


def test_what_data_must_still_undergo() -> None:
    specs = (TensorSpec("a", (None, 4, 4, 3), "float32"), TensorSpec("b", (None, 3), "float32"))
    step = ShapeInputs(preprocess=("a:tf",), types=("a:int8",))
    left = step.left(("a:tf", "b:unit"), specs)
    assert left == ("a:scale=1,offset=-128", "b:unit")
    a, b = parse_preprocess(left, specs)
    assert a.apply(np.array([200]), "") == 72 and b.spec == "unit"


def test_plausible_raw_values() -> None:
    image, row = TensorSpec("a", (None, 4, 4, 3), "float32"), TensorSpec("b", (1, 3), "float32")
    step = ShapeInputs(preprocess=("a:tf", "b:mean=10;20;30,std=2;4;8"))
    fed = step.translation((image, row)).fed((image, row))
    assert fed[0].span == (0, 255) and fed[1].span == (8, 38)
    eight = ShapeInputs(preprocess=("a:tf",), types=("a:int8",))
    assert eight.translation((image, row)).fed((image, row))[0].span == (-128, 127)


def test_rows_of_features() -> None:
    from tests.rewrite.affine_graphs import dense
    from tests.support.graphs import Builder, named

    b = Builder()
    graph = named(b.graph(dense(b, b.input((1, 3)), size=3)))
    case = shaped(graph, ShapeInputs(preprocess=("mean=10;20;30,std=2;4;8",)))
    assert not case.added and case.error() < 1e-5
