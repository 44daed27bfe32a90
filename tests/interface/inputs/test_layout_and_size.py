"""Channels first, and images of the application's size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from litesmith.data import TensorSpec, load_examples
from litesmith.errors import InputError
from litesmith.graph import Graph, write
from litesmith.interface import ShapeInputs
from litesmith.interface.inputs import specs_of
from litesmith.interface.resize import resize
from litesmith.runtime import Session
from tests.interface.inputs.shaped import answers, kinds, model, quantized, relative, shaped
from tests.rewrite.affine_graphs import conv
from tests.support.graphs import VALID, Builder, named


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    method=st.sampled_from(["", ",bilinear", ",nearest"]),
    layout=st.sampled_from(["nhwc", "nchw"]),
    kind=st.sampled_from(["float32", "uint8", "int8"]),
    first=st.sampled_from(["valid", "same"]),
    seed=st.integers(0, 99),
)
def test_sizes(
    height: int, width: int, method: str, layout: str, kind: str, first: str, seed: int
) -> None:
    step = ShapeInputs(
        preprocess=("torch",), types=(kind,), size=(f"{height}x{width}{method}",), layout=(layout,)
    )
    case = shaped(model(first, seed=seed), step, count=3, seed=seed)
    size = (height, width)
    assert case.specs[0].example_shape == ((3, *size) if layout == "nchw" else (*size, 3))
    assert case.error() < 2e-5


@pytest.mark.parametrize("method", ["bilinear", "nearest"])
def test_resizing_by_hand(method: str) -> None:
    change = resize(f"2x4,{method}", TensorSpec("x", (None, 4, 2, 1), "float32"))
    assert change is not None
    column = np.array([[10.0, 10, 10, 10], [20, 20, 20, 20]])[None, :, :, None]
    found = change.feed(column)[0, :, 0, 0]
    assert found == pytest.approx(
        [10, 12.5, 17.5, 20] if method == "bilinear" else [10, 10, 20, 20]
    )


def test_int8_resizes_codes() -> None:
    step = ShapeInputs(preprocess=("tf",), types=("uint8",), size=("20x30",))
    case = shaped(model("same"), step)
    file = quantized(case.graph, case.specs, case.fed)
    assert kinds(file)["RESIZE_BILINEAR"] == 1 and not kinds(file)["ADD"]
    assert relative(answers(file, case.fed), case.wanted) < 0.05


def test_the_model_s_own_size_changes_nothing() -> None:
    outcome = ShapeInputs(size=("9x10",))(model("valid"))
    assert (outcome.done, outcome.why) == (False, "nothing was asked for")


@pytest.mark.parametrize(
    "given,shape,message",
    [
        ("9", (None, 4, 4, 3), "is not understood"),
        ("0x4", (None, 4, 4, 3), "is not understood"),
        ("4x4,cubic", (None, 4, 4, 3), "is not understood"),
        ("4x4", (None, None, None, 3), "not an image of a fixed size"),
        ("4x4", (None, 12), "no input is an image"),
        ("x:4x4", (None, 12), "not an image of a fixed size"),
    ],
)
def test_sizes_that_do_not_fit(given: str, shape: tuple[int | None, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ShapeInputs(size=(given,)).translation((TensorSpec("x", shape, "float32"),))


def two_images() -> Graph:
    b = Builder()
    x, y = b.input((1, 6, 7, 3)), b.input((1, 6, 7, 3))
    joined = b.op("ADD", conv(b, x, 4, padding=VALID), conv(b, y, 4, padding=VALID))
    return named(b.graph(joined))


def test_one_of_several_inputs() -> None:
    step = ShapeInputs(layout=("x1:nchw",), size=("x0:9x9",), preprocess=("tf", "x1:torch"))
    case = shaped(two_images(), step)
    assert [s.example_shape for s in case.specs] == [(9, 9, 3), (3, 6, 7)]
    assert case.error() < 1e-5
    assert case.why.startswith("x0: preprocessing 'tf' built in, fed 9x9")
    assert [s.feeds for s in case.specs] == ["raw values", "raw values, channels first"]


def test_an_open_batch_stays_open() -> None:
    graph = model("valid")
    x = graph.inputs[0]
    open_ = {t: t.with_(shape_signature=(-1, *t.shape[1:])) for t in graph.tensors() if t.shape}
    from litesmith.graph.edit import substitute

    graph = substitute(graph, {t: new for t, new in open_.items() if not t.is_constant})
    step = ShapeInputs(
        preprocess=("caffe",),
        types=("uint8",),
        layout=("nchw",),
        size=("12x12",),
        channels=("gray",),
    )
    after = step(graph).graph
    assert after.inputs[0].shape_signature == (-1, 1, 12, 12)
    raw = np.random.default_rng(0).integers(0, 256, (5, 1, 12, 12)).astype(np.uint8)
    specs = specs_of(graph.input_names(), graph.inputs)
    inner = step.translation(specs).feed([raw])
    found = Session(write(after)).run([raw], size=5)[0]
    assert relative(found, Session(write(graph)).run(inner, size=5)[0]) < 1e-5
    assert x.shape[0] == 1


def test_data_in_either_layout_and_images(tmp_path: object) -> None:
    spec = specs_of(("x",), model("valid").inputs)
    step = ShapeInputs(preprocess=("tf",), types=("uint8",), layout=("nchw",), channels=("bgr",))
    fed = step.translation(spec).fed(spec)
    values = np.random.default_rng(0).integers(0, 256, (2, 9, 10, 3)).astype(np.uint8)
    for data in (values, values.transpose(0, 3, 1, 2)):
        (batch,) = next(load_examples(data, fed).batches(2))
        assert batch.dtype == np.uint8 and np.array_equal(batch, values.transpose(0, 3, 1, 2))
    for i, image in enumerate(values):
        Image.fromarray(image).save(tmp_path / f"{i}.png")  # type: ignore[operator]
    (batch,) = next(load_examples(tmp_path, fed).batches(2))
    # Files hold RGB; what the application feeds is BGR.
    assert np.array_equal(batch, values[..., ::-1].transpose(0, 3, 1, 2))


def test_raw_fractions_are_no_bytes() -> None:
    spec = specs_of(("x",), model("valid").inputs)
    step = ShapeInputs(preprocess=("tf",), types=("int8",))
    fed = step.translation(spec).fed(spec)
    left = step.left(("tf",), spec)
    (batch,) = next(load_examples(np.full((1, 9, 10, 3), 255.0), fed, left).batches(1))
    assert batch.dtype == np.int8 and (batch == 127).all()
    with pytest.raises(InputError, match="fractions"):
        load_examples(np.full((1, 9, 10, 3), 0.5), fed, left)
