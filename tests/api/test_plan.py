from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import InputError
from litesmith.forge.options import ExportOptions, LoadingOptions
from litesmith.forge.plan import load_options, make_plan
from litesmith.quantize import Quantize
from litesmith.recipe import write_recipe

DATA = np.zeros((2, 3), np.float32)


def plan(tmp_path, **options):
    return make_plan("m.keras", tmp_path / "out.tflite", ExportOptions(**options))


def refused(tmp_path, message, **options):
    with pytest.raises(InputError, match=message) as caught:
        plan(tmp_path, **options)
    return caught.value.hint


def test_int8_is_the_default_with_data(tmp_path):
    assert plan(tmp_path, data=DATA).scheme == "int8"
    assert plan(tmp_path).scheme == "dynamic"
    assert plan(tmp_path, data=DATA, quantize="float16").scheme == "float16"


def test_int8_without_data_says_what_to_pass(tmp_path):
    assert "--data" in refused(tmp_path, "representative examples", quantize="int8")


def test_a_rejected_file_stands_beside(tmp_path):
    assert plan(tmp_path).rejected == tmp_path / "out.rejected.tflite"
    other = make_plan("m.keras", tmp_path / "model.bin", ExportOptions())
    assert other.rejected == tmp_path / "model.bin.rejected.tflite"


def test_integer_targets_refuse_floats(tmp_path):
    steps = plan(tmp_path, data=DATA, target="edgetpu").steps
    assert [s.integer_only for s in steps if isinstance(s, Quantize)] == [True]


@pytest.mark.parametrize(
    ("target", "wide"),
    [("cpu", True), ("micro", True), ("gpu", False), ("edgetpu", False), ("ethos-u55-128", True)],
)
def test_int16_activations_need_a_target_that_has_them(tmp_path, target, wide):
    steps = plan(tmp_path, data=DATA, target=target).steps
    assert [s.wide_ops for s in steps if isinstance(s, Quantize)] == [wide]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"confident": True, "max_drop": 0.1}, "--confident needs"),
        ({"confident": True, "eval": "a"}, "--confident needs"),
        ({"metric": "auc"}, "--metric needs --eval"),
        ({"target": "edgetpu"}, "--target edgetpu runs integers only"),
        ({"target": "edgetpu", "data": DATA, "quantize": "dynamic"}, "runs integers only"),
        ({"preprocess": ("unit",)}, "--preprocess is of no use"),
        ({"target": "cpuu"}, "no target 'cpuu'"),
        ({"quantize": "int9"}, "no quantization scheme"),
        ({"quantize": "int3"}, "representative examples"),
        ({"input_type": "int7", "data": DATA}, "--input-type"),
        ({"input_type": "int8"}, "--input-type"),
        ({"max_drop": "x"}, "--max-drop"),
    ],
)
def test_options_that_cannot_work(tmp_path, options, message):
    refused(tmp_path, message, **options)


def test_the_source_is_never_the_destination(tmp_path):
    model = tmp_path / "m.tflite"
    model.write_bytes(b"x")
    with pytest.raises(InputError, match="the source itself"):
        make_plan(model, model, ExportOptions())
    with pytest.raises(InputError, match="the source itself"):
        make_plan(model, tmp_path / "o.tflite", ExportOptions(save_float=model))


def test_two_options_may_not_name_one_file(tmp_path):
    refused(tmp_path, "name the same file", save_float=tmp_path / "out.tflite")


def test_the_command_line_wins_over_the_recipe(tmp_path):
    (tmp_path / "r.toml").write_text(
        '[options]\nmax-drop = 0.5\nseed = 3\npreprocess = ["unit"]\nsignature = "a"\n'
        '[[step]]\nname = "quantize"\nscheme = "int8"\ninput_type = "uint8"\n'
    )
    made = plan(tmp_path, recipe=tmp_path / "r.toml", data=DATA, max_drop="1%", output_type="int8")
    assert made.steps == (Quantize("int8", "uint8", "int8"),)
    assert made.max_drop is not None
    assert made.max_drop.relative
    assert made.seed == 3
    assert made.options.preprocess == ("unit",)
    assert made.options.loading.signature == "a"


def test_a_plan_is_its_own_recipe(tmp_path):
    made = plan(tmp_path, data="a.npz#x", seed=5, loading=LoadingOptions(signature="s"))
    recipe = made.recipe()
    assert recipe.steps == made.steps
    assert recipe.options["data"] == "a.npz#x"
    assert recipe.options["signature"] == "s"
    assert recipe.options["seed"] == 5
    assert "data" not in plan(tmp_path, data=DATA).recipe().options


def test_loading_options_are_read():
    loading = LoadingOptions("s", ("a=1x2",), ("m.py:A,B",), "py:b.py:f", 5)
    found = load_options(loading, print)
    assert found.input_shapes == {"a": (1, 2)}
    assert found.custom_objects == ("py:m.py:A", "py:m.py:B")
    assert found.time_limit_s == 5
    with pytest.raises(InputError, match="--time-limit"):
        load_options(LoadingOptions(time_limit_s=0), print)


@pytest.mark.parametrize(
    "line", ["seed = 'a'", "seed = true", "confident = 1", "preprocess = 3", "target = ['cpu']"]
)
def test_options_of_a_recipe_have_types(tmp_path, line):
    (tmp_path / "r.toml").write_text(f"[options]\n{line}\n")
    refused(tmp_path, "must be of type", recipe=tmp_path / "r.toml")


def test_one_text_in_a_recipe_is_a_list_of_one(tmp_path):
    (tmp_path / "r.toml").write_text("[options]\npreprocess = 'unit'\n")
    made = plan(tmp_path, recipe=tmp_path / "r.toml", data=DATA)
    assert made.options.preprocess == ("unit",)


def test_packing_comes_behind_what_makes_weights_of_few_bits(tmp_path):
    steps = plan(tmp_path, quantize="binary", data="x.npz", pack=True).steps
    names = [step.name for step in steps]
    assert names.index("quantize") < names.index("train") < names.index("pack")
    steps = plan(tmp_path, quantize="int8", data="x.npz", bits=("a=1",), pack=True).steps
    assert [step.name for step in steps][-2:] == ["quantize", "pack"]
    assert "pack" not in {s.name for s in plan(tmp_path, quantize="binary", data="x.npz").steps}


def test_a_recipe_that_packs_packs_once(tmp_path):
    made = plan(tmp_path, quantize="ternary", data="x.npz", pack=True, edge_bits=4)
    path = tmp_path / "r.toml"
    path.write_text(write_recipe(made.recipe(), "test"))
    again = plan(tmp_path, recipe=path, pack=True)
    assert again.steps == made.steps


@pytest.mark.parametrize("target", ["micro", "ethos-u55-128"])
def test_targets_that_cannot_unpack(tmp_path, target):
    given = {"quantize": "int8", "data": "x.npz", "bits": ("a=1",), "target": target}
    with pytest.raises(InputError, match=f"--target {target} cannot"):
        plan(tmp_path, pack=True, **given)
    forms = [s.litert_forms for s in plan(tmp_path, **given).steps if s.name == "quantize"]
    assert forms == [False]


def test_edges_of_no_bits(tmp_path):
    with pytest.raises(InputError, match="--edge-bits 0"):
        plan(tmp_path, quantize="int4", data="x.npz", edge_bits=0)
