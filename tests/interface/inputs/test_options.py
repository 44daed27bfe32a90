"""Options that cannot work are refused before the model is loaded, or by name once it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from litesmith.errors import InputError
from litesmith.forge.ends import data_preprocess, refuse_types, with_ends
from litesmith.forge.options import ExportOptions
from litesmith.forge.plan import make_plan
from litesmith.interface import ShapeInputs
from litesmith.quantize import Quantize
from litesmith.recipe import default_steps, read_recipe, write_recipe


@pytest.mark.parametrize(
    "given,message",
    [
        ({"embed_preprocess": True}, "needs --preprocess"),
        ({"preprocess": ("tf",)}, "no use without --data"),
        ({"preprocess": ("tf",), "input_channels": ("bgr",)}, "needs --embed-preprocess"),
        ({"input_type": "uint8", "quantize": "none"}, "needs integer activations"),
        ({"input_type": "x:int16"}, "cannot be 'int16'"),
    ],
)
def test_contradictions(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        make_plan("model.keras", tmp_path / "a.tflite", ExportOptions(**given))


@pytest.mark.parametrize("scheme,kind", [("none", "float32"), ("dynamic", "float32")])
def test_float_files_of_raw_bytes(scheme: str, kind: str, tmp_path: Path) -> None:
    options = ExportOptions(
        quantize=scheme, preprocess=("tf",), embed_preprocess=True, input_type="uint8"
    )
    plan = make_plan("model.keras", tmp_path / "a.tflite", options)
    (shape,) = (s for s in plan.steps if isinstance(s, ShapeInputs))
    (quantize,) = (s for s in plan.steps if isinstance(s, Quantize))
    assert (shape.types, shape.preprocess, quantize.input_type) == (("uint8",), ("tf",), kind)


def test_int8_files_tell_both(tmp_path: Path) -> None:
    options = ExportOptions(
        data="a.npz", preprocess=("a:tf",), embed_preprocess=True, input_type="a:uint8,b:int8"
    )
    plan = make_plan("model.keras", tmp_path / "a.tflite", options)
    (shape,) = (s for s in plan.steps if isinstance(s, ShapeInputs))
    (quantize,) = (s for s in plan.steps if isinstance(s, Quantize))
    assert shape.types == ("a:uint8", "b:int8") and quantize.input_type == "a:uint8,b:int8"


def test_a_recipe_keeps_them(tmp_path: Path) -> None:
    options = ExportOptions(
        data="a.npz",
        preprocess=("tf",),
        embed_preprocess=True,
        input_type="uint8",
        input_size=("48x64",),
        input_channels=("bgr",),
        input_layout=("nchw",),
    )
    plan = make_plan("model.keras", tmp_path / "a.tflite", options)
    path = tmp_path / "recipe.toml"
    path.write_text(write_recipe(plan.recipe(), "test"), "utf-8")
    again = make_plan("model.keras", tmp_path / "a.tflite", ExportOptions(recipe=path))
    assert again.steps == plan.steps
    assert read_recipe(path, again.recipe().options).steps == plan.steps


def test_types_without_preprocessing_need_integers() -> None:
    from litesmith.data import TensorSpec

    class Fed:
        inputs = (TensorSpec("a", (None, 3), "uint8"), TensorSpec("b", (None, 3), "float32"))

    steps = with_ends(
        default_steps(Quantize("none")),
        ExportOptions(preprocess=("a:tf",), embed_preprocess=True, input_type="uint8"),
    )
    with pytest.raises(InputError, match="'b' has no preprocessing"):
        refuse_types(steps, Fed())  # type: ignore[arg-type]
    refuse_types((*steps, Quantize("int8")), Fed())  # type: ignore[arg-type]


def test_data_undergoes_what_is_not_built_in() -> None:
    steps = default_steps(Quantize("none"))
    assert data_preprocess(steps, None, ("tf",)) == ("tf",)  # type: ignore[arg-type]
