from __future__ import annotations

import tomllib

import pytest

from litesmith.errors import InputError
from litesmith.quantize import Quantize
from litesmith.recipe import Recipe, default_steps, read_recipe, step_options, write_recipe

KNOWN = ("data", "max-drop", "preprocess", "confident", "seed")


def test_a_recipe_survives_being_written(tmp_path):
    steps = default_steps(Quantize("int8", input_type="uint8", integer_only=True))
    options = {"data": 'a "quoted"\\path\n\x7f', "max-drop": 0.01, "preprocess": ("unit", "b:tf"),
               "confident": True, "seed": 7}  # fmt: skip
    path = tmp_path / "r.toml"
    path.write_text(write_recipe(Recipe(steps, options), "litesmith 0"), encoding="utf-8")
    found = read_recipe(path, KNOWN)
    assert found.steps == steps
    assert dict(found.options) == options | {"preprocess": ["unit", "b:tf"]}


def test_options_that_were_not_given_are_left_out():
    text = write_recipe(Recipe((), {"data": None, "preprocess": (), "seed": 0}), "x")
    assert tomllib.loads(text) == {"options": {"seed": 0}}


def test_a_step_names_all_its_options():
    assert step_options(Quantize("none")) == {
        "scheme": "none", "input_type": "float32", "output_type": "float32", "integer_only": False,
        "integer_cells": False,
        "per_tensor": (), "bits": (), "float_ops": (), "edge_bits": 0, "litert_forms": True,
        "wide_ops": True,
    }  # fmt: skip


def test_what_a_step_leaves_out_is_its_default(tmp_path):
    (tmp_path / "r.toml").write_text('[[step]]\nname = "quantize"\nscheme = "float16"\n')
    assert read_recipe(tmp_path / "r.toml", KNOWN).steps == (Quantize("float16"),)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[options\n", "is not TOML", ""),
        ("[optoins]\n", "there is no 'optoins'", "options"),
        ("[options]\nmax_drop = 1\n", "there is no 'max_drop'", "max-drop"),
        ("options = 3\n", r"needs \[options\]", ""),
        ("[[step]]\nscheme = 'int8'\n", "without a name", "quantize"),
        ("[[step]]\nname = 'quantise'\n", "there is no 'quantise'", "quantize"),
        ("[[step]]\nname = 'quantize'\nshceme = 'int8'\n", "there is no 'shceme'", "scheme"),
        ("[[step]]\nname = 'quantize'\nscheme = 8\n", "scheme must be of type str", ""),
        ("[[step]]\nname = 'quantize'\nscheme = 'int9'\n", "no quantization scheme", "int8"),
    ],
)
def test_mistakes_are_named(tmp_path, text, message, hint):
    (tmp_path / "r.toml").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_recipe(tmp_path / "r.toml", KNOWN)
    assert hint in caught.value.hint


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_a_recipe_that_cannot_be_read(tmp_path, name):
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / name, KNOWN)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "r.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not TOML"):
        read_recipe(tmp_path / "r.toml", KNOWN)
