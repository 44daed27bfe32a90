"""Byte code of nine Pythons, recorded by make_recorded.py: proved, or refused with a reason."""

from __future__ import annotations

import base64
import json
import marshal
from pathlib import Path
from typing import Any

import pytest

from litesmith.sources.lambdas import BodyError, prove
from litesmith.sources.lambdas.proof import as_text
from tests.sources.lambdas.bodies import GOOD, REFUSED

_RECORDED: dict[str, dict[str, str]] = json.loads(
    (Path(__file__).parent / "recorded.json").read_text()
)
VERSIONS = ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


def config(code: str, closure: Any = (), defaults: Any = (), **more: Any) -> dict[str, Any]:
    """A Lambda as Keras 3 stores it."""
    inner = {"code": code, "defaults": list(defaults) or None, "closure": list(closure) or None}
    return {"name": "own", "function": {"class_name": "__lambda__", "config": inner}, **more}


def _of(name: str, version: str) -> dict[str, Any]:
    body = GOOD[name]
    code = _RECORDED[name][version]
    return config(code, body.closure, body.defaults, arguments=dict(body.arguments))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_body_is_proved(version: str) -> None:
    wrong = {}
    for name, body in GOOD.items():
        try:
            found = prove(_of(name, version), keras_version="3.5.0").text
        except BodyError as error:
            found = f"refused: {error}"
        if found.replace("classic /", "/") != body.text:
            wrong[name] = (found, body.text)
    assert not wrong


@pytest.mark.parametrize("version", VERSIONS)
def test_everything_else_is_refused(version: str) -> None:
    for name, (_, why) in REFUSED.items():
        if version not in _RECORDED[name]:
            continue
        with pytest.raises(BodyError) as caught:
            prove(config(_RECORDED[name][version]), keras_version="3.5.0")
        plainly = "straight byte code" in str(caught.value)
        assert why in str(caught.value) or plainly, (name, str(caught.value))


def test_one_version_is_told_from_another() -> None:
    """No body of one Python reads as another body in another Python's dialect."""
    for name, codes in _RECORDED.items():
        if name in GOOD:
            for version in codes:
                assert prove(_of(name, version), keras_version="3.5.0").body


class TestForms:
    """The forms in which Keras 1, 2 and 3 store a Lambda."""

    code = _RECORDED["affine"]["3.6"]

    def test_keras_2(self) -> None:
        stored = {"name": "l", "function": [self.code, None, None], "function_type": "lambda"}
        assert prove(stored).text == "2 * x + 0.5"

    def test_keras_2_tuples(self) -> None:
        shape = {"class_name": "__tuple__", "items": [-1, 72]}
        code = as_text(marshal.dumps((lambda x, s: tf.reshape(x, s)).__code__))  # type: ignore[name-defined]  # noqa: F821
        assert prove(config(code, defaults=[shape])).text == "tf.reshape(x, (-1, 72))"

    def test_keras_1(self) -> None:
        raw = base64.b64decode(self.code).decode("latin-1")
        stored = {"name": "l", "function": raw, "function_type": "lambda"}
        assert prove(stored).text == "2 * x + 0.5"

    def test_as_a_value_of_tf_keras(self) -> None:
        function = {"class_name": "__lambda__", "config": {"value": [self.code, None, None]}}
        assert prove({"name": "l", "function": function}).text == "2 * x + 0.5"

    def test_named_function(self) -> None:
        stored = {"name": "l", "function": "f", "function_type": "function", "module": "m"}
        with pytest.raises(BodyError, match="not in the file"):
            prove(stored)

    def test_mask(self) -> None:
        with pytest.raises(BodyError, match="mask"):
            prove(config(self.code, mask={"class_name": "__lambda__", "config": {}}))

    @pytest.mark.parametrize("function", [[], [1, 2, 3], {"class_name": "__lambda__"}, ["a" * 9]])
    def test_unusual(self, function: Any) -> None:
        with pytest.raises(BodyError):
            prove({"name": "l", "function": function})


class TestGiven:
    def test_global_of_the_user(self) -> None:
        code = _RECORDED["global"]["3.11"]
        assert prove(config(code), {"c": 2.0}).text == "x / 2.0"

    def test_function_of_the_user(self) -> None:
        proof = prove(config(_RECORDED["system"]["3.11"]), {"own": abs})
        assert proof.text == "own(x)"


@pytest.mark.parametrize("name", ["resize", "k_resize"])
def test_resize_of_two_tensorflows(name: str) -> None:
    code = _RECORDED[name]["3.6"]
    for version in ("2.2.4-tf", "2.3.1", "1.2.2", None):
        with pytest.raises(BodyError, match="TensorFlow 1 and 2"):
            prove(config(code), keras_version=version)
    for version in ("2.3.0-tf", "2.4.0", "2.15.0", "3.1.0"):
        assert prove(config(code), keras_version=version)
    assert prove(config(_RECORDED[name]["3.8"]), keras_version=None)


def test_slashes_of_windows() -> None:
    """Keras on Windows wrote 92 (a backslash) as 47 (a slash)."""
    code = compile("lambda x: x[:, :47]", "C:/models/train.py", "eval").co_consts[0]
    with pytest.raises(BodyError, match="Windows"):
        prove(config(as_text(marshal.dumps(code))))
    code = compile("lambda x: x[:, :48]", "C:/models/train.py", "eval").co_consts[0]
    assert prove(config(as_text(marshal.dumps(code))))
