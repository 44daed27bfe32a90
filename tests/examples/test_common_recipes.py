"""Each script from the web against the one litesmith command that does what its author meant."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

RECIPES = Path(__file__).resolve().parents[2] / "examples" / "common_recipes"
EVALUATE = ["--eval", "examples/digits/digits.npz#x_test,y_test"]


@dataclass(frozen=True)
class Pair:
    """What the web script wrote and said, and what litesmith wrote and said."""

    web: bytes
    words: str
    ours: bytes
    report: dict[str, Any]


def documented_commands(script: Path) -> list[list[str]]:
    """The `$ …` lines of the script's docstring, split into words."""
    docstring = ast.get_docstring(ast.parse(script.read_text())) or ""
    lines = docstring.replace("\\\n", " ").splitlines()
    return [shlex.split(line.strip()[2:]) for line in lines if line.strip().startswith("$ ")]


@cache
def script_named(number: str) -> Path:
    (script,) = RECIPES.glob(f"{number}_*.py")
    return script


@pytest.fixture
def both(checkout: Path, litesmith_command: Callable[..., Any]) -> Callable[[str], Pair]:
    """Run script and command of one number in a scratch folder."""

    def run_both(number: str) -> Pair:
        python, command = documented_commands(script_named(number))
        web = subprocess.run(
            [sys.executable, *python[1:]], capture_output=True, text=True, check=False
        )
        assert web.returncode == 0, web.stderr[-2000:]
        options = [] if "none" in command else EVALUATE
        ours = litesmith_command(*command[1:], *options, "--json")
        assert ours.returncode == 0, ours.stderr[-2000:] + ours.stdout[-2000:]
        written = checkout / command[command.index("-o") + 1]
        return Pair(
            (checkout / "model.tflite").read_bytes(),
            web.stdout,
            written.read_bytes(),
            json.loads(ours.stdout),
        )

    return run_both


def predictions(model: bytes, digits: Path) -> np.ndarray:
    """Class of each test digit: int64[597]; integer inputs are quantized as the file says."""
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    images = np.load(digits / "digits.npz")["x_test"][..., None].astype(np.float32) / 16.0
    if source["dtype"] != np.float32:
        scale, zero = source["quantization"]
        limits = np.iinfo(source["dtype"])
        images = np.clip(np.round(images / scale) + zero, limits.min, limits.max)
    classes = []
    for image in images.astype(source["dtype"]):
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        classes.append(int(interpreter.get_tensor(target["index"]).argmax()))
    return np.array(classes)


def accuracy(model: bytes, digits: Path) -> float:
    return float(np.mean(predictions(model, digits) == np.load(digits / "digits.npz")["y_test"]))


def types_at_ends(model: bytes) -> tuple[str, str]:
    interpreter = Interpreter(model_content=model)
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    return np.dtype(source["dtype"]).name, np.dtype(target["dtype"]).name


def float_activations(model: bytes) -> int:
    """How many tensors inside the file (neither input nor output) are float."""
    interpreter = Interpreter(model_content=model)
    ends = {t["index"] for t in interpreter.get_input_details() + interpreter.get_output_details()}
    tensors = [t for t in interpreter.get_tensor_details() if t["index"] not in ends]
    return sum(t["dtype"] == np.float32 and t["shape"].size > 1 for t in tensors)


def test_readme_shows_the_scripts_commands() -> None:
    readme = (RECIPES / "README.md").read_text().replace("\\\n", " ").splitlines()
    shown = [shlex.split(line) for line in readme if line.startswith("    litesmith ")]
    written = [documented_commands(script)[1] for script in sorted(RECIPES.glob("0*.py"))]
    assert shown == written


def test_plain_conversion(both: Callable[[str], Pair], digits: Path) -> None:
    pair = both("01")
    assert types_at_ends(pair.ours) == types_at_ends(pair.web) == ("float32", "float32")
    assert np.array_equal(predictions(pair.ours, digits), predictions(pair.web, digits))
    assert len(pair.ours) <= 1.05 * len(pair.web)
    assert pair.report["parity"]["float_max_abs_error"] < 1e-4
    assert pair.report["artifact"]["inputs"][0]["name"] == "image"


def test_quantization_aware_is_post_training(both: Callable[[str], Pair], digits: Path) -> None:
    pair = both("02")
    assert types_at_ends(pair.ours) == types_at_ends(pair.web) == ("float32", "float32")
    assert pair.report["artifact"]["float_ops"] == 0
    assert float_activations(pair.ours) == float_activations(pair.web) == 0
    assert len(pair.ours) <= 1.05 * len(pair.web)
    assert accuracy(pair.ours, digits) >= accuracy(pair.web, digits) - 0.005
    assert pair.report["score"]["artifact"] == pytest.approx(accuracy(pair.ours, digits), abs=1e-6)


def test_int8_ends_need_examples(both: Callable[[str], Pair], digits: Path) -> None:
    pair = both("03")
    assert "ValueError" in pair.words
    assert types_at_ends(pair.web) == ("float32", "float32")
    assert float_activations(pair.web) > 0
    assert types_at_ends(pair.ours) == ("int8", "int8")
    assert pair.report["artifact"]["float_ops"] == float_activations(pair.ours) == 0
    assert accuracy(pair.ours, digits) >= accuracy(pair.web, digits) - 0.01
