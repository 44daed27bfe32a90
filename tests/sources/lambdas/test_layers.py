"""Proved bodies as layers of both Keras: the same numbers as the function itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import LoadError
from litesmith.sources import LoadOptions, open_source
from litesmith.sources.lambdas import replacement
from tests.sources.lambdas.bodies import GOOD, REFUSED
from tests.sources.lambdas.test_proof import _RECORDED, _of

_PACKAGES = ("keras", "tf_keras")
# What the running Python itself recorded: any version would do, all prove the same body.
_VERSION = "3.11"


def _package(name: str) -> Any:
    import keras
    import tf_keras

    return {"keras": keras, "tf_keras": tf_keras}[name]


def _function(source: str, package: Any) -> Callable[..., Any]:
    import tensorflow as tf

    from litesmith.sources.lambdas.functions import backend

    scope = {"tf": tf, "K": backend(package), "np": np, "keras": package}
    if "resize_images" in source:
        scope["tf"] = tf.compat.v1
    if "import" in source:  # the body imports another Keras than the one under test
        source = source.replace("from keras import backend as K", "K = own")
        source = source.replace("import tensorflow.keras.backend as K", "K = own")
        scope["own"] = backend(package)
    exec(source, scope)
    return scope["f"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("which", _PACKAGES)
def test_values(name: str, which: str) -> None:
    package, body = _package(which), GOOD[name]
    layer, text = replacement(_of(name, _VERSION), package, keras_version="3.5.0")
    assert layer is not None, text
    random = np.random.default_rng(0)
    tensors = [random.normal(size=shape).astype("float32") for shape in body.shapes]
    value: Any = tensors if len(tensors) > 1 else tensors[0]
    arguments = dict(body.arguments)
    if body.defaults:
        arguments = {"s": body.defaults[0]}
    if body.closure:
        arguments = {}
    wanted = _function(body.source, package)(
        [_tensor(t) for t in tensors] if len(tensors) > 1 else _tensor(value), **arguments
    )
    found = layer(value)
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-6, atol=1e-6)


def _tensor(value: Any) -> Any:
    import tensorflow as tf

    return tf.constant(value)


def _model(package: Any, name: str) -> Any:
    body = GOOD[name]
    inputs = [package.Input(shape[1:], name=f"x{i}") for i, shape in enumerate(body.shapes)]
    function = _function(body.source, package)
    y = package.layers.Lambda(function, arguments=dict(body.arguments), name="own")(
        inputs if len(inputs) > 1 else inputs[0]
    )
    y = package.layers.Flatten()(y)
    return package.Model(inputs, package.layers.Dense(2, name="d")(y))


FILES = [
    ("keras", "scale", "m.keras"),
    ("keras", "resize", "m.keras"),
    ("keras", "distance", "m.h5"),
    ("tf_keras", "l2", "m.h5"),
    ("tf_keras", "argument", "m.h5"),
    ("tf_keras", "reshape", "m.keras"),
]


@pytest.mark.parametrize(("which", "name", "file"), FILES)
def test_files(tmp_path: Path, which: str, name: str, file: str) -> None:
    path = tmp_path / file
    package = _package(which)
    package.utils.set_random_seed(3)
    model = _model(package, name)
    model.save(str(path))
    with open_source(path) as source:
        assert source.lower()
        batch = [
            np.random.default_rng(1).normal(size=(3, *s.shape[1:])) for s in source.info.inputs
        ]
        batch = [x.astype("float32") for x in batch]
        answers = source.run(batch)
        assert any("was not run" in note for note in source.info.notes)
    wanted = model.predict(batch if len(batch) > 1 else batch[0], verbose=0)
    np.testing.assert_allclose(answers[0], wanted, atol=1e-5)


def _hostile(path: Path, sentinel: Path, name: str = "builtins") -> Path:
    """A model whose Lambda leaves a trace when it runs."""
    import keras

    scope: dict[str, Any] = {}
    exec(REFUSED[name][0].replace("SENTINEL", str(sentinel)), scope)
    layers = [keras.Input((4,), name="x"), keras.layers.Dense(2), keras.layers.Lambda(scope["f"])]
    model = keras.Sequential(layers)
    sentinel.unlink(missing_ok=True)  # building it ran it
    model.save(str(path))
    sentinel.unlink(missing_ok=True)
    return path


@pytest.mark.parametrize("file", ["m.keras", "m.h5"])
def test_hostile_lambda(tmp_path: Path, file: str) -> None:
    sentinel = tmp_path / "sentinel"
    path = _hostile(tmp_path / file, sentinel)
    with open_source(path) as source, pytest.raises(LoadError, match="__import__") as caught:
        _ = source.info
    assert "--custom-objects py:file.py:lambda_" in caught.value.hint
    assert "--trust" in caught.value.hint
    assert not sentinel.exists()


def test_trust_runs_it(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    path = _hostile(tmp_path / "m.h5", sentinel)
    with open_source(path, LoadOptions(trust=True)) as source:
        assert any("--trust" in note for note in source.info.notes)
        assert source.info.outputs[0].shape == (None, 2)
    assert sentinel.exists()


def test_trust_of_another_python(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    path = _hostile(tmp_path / "m.keras", sentinel)
    other = _RECORDED["builtins"]["3.6"]
    _rewrite(path, lambda config: _put(config, other))
    with (
        open_source(path, LoadOptions(trust=True)) as source,
        pytest.raises(LoadError, match=r"not of Python 3"),
    ):
        _ = source.info
    assert not sentinel.exists()


def test_custom_objects_replace_it(tmp_path: Path) -> None:
    sentinel = tmp_path / "sentinel"
    path = _hostile(tmp_path / "m.keras", sentinel)
    code = tmp_path / "mine.py"
    code.write_text("def lambda_(x):\n    return x * 3\n")
    _rewrite(path, _rename)
    options = LoadOptions(custom_objects=(f"py:{code}:lambda_",))
    with open_source(path, options) as source:
        assert any("your function lambda_(x)" in note for note in source.info.notes)
        assert source.lower()
    assert not sentinel.exists()


def _lambda_of(config: dict[str, Any]) -> dict[str, Any]:
    layers = config["config"]["layers"]
    found: dict[str, Any] = next(x for x in layers if x["class_name"] == "Lambda")["config"]
    return found


def _rename(config: dict[str, Any]) -> None:
    _lambda_of(config)["name"] = "lambda"


def _put(config: dict[str, Any], code: str) -> None:
    _lambda_of(config)["function"]["config"]["code"] = code


def _rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the configuration inside a `.keras`."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(parts["config.json"])
    change(config)
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def _activation(path: Path, sentinel: Path) -> Path:
    """A Dense whose activation is a lambda, stored as byte code."""
    import keras

    dense = keras.layers.Dense(2, name="d", activation="relu")
    keras.Sequential([keras.Input((4,), name="x"), dense]).save(str(path))
    code = _RECORDED["builtins"]["3.11"].replace("\n", "")

    def edit(config: dict[str, Any]) -> None:
        layer = next(x for x in config["config"]["layers"] if x["class_name"] == "Dense")
        value = {"class_name": "__lambda__", "config": {"value": [code, None, None]}}
        layer["config"]["activation"] = value

    _rewrite(path, edit)
    return path


def test_function_outside_of_a_lambda(tmp_path: Path) -> None:
    path = _activation(tmp_path / "m.keras", tmp_path / "sentinel")
    with open_source(path) as source, pytest.raises(LoadError, match=r"'d'.*not run"):
        _ = source.info


def test_loss_of_the_user_is_not_read(tmp_path: Path) -> None:
    """Nothing is compiled: a loss in a module that is not there does not matter."""
    import keras

    path = tmp_path / "m.keras"
    model = keras.Sequential([keras.Input((4,), name="x"), keras.layers.Dense(2, name="d")])
    model.compile("sgd", "mse")
    model.save(str(path))
    own = {"module": "mine", "class_name": "function", "config": "f", "registered_name": "f"}

    def edit(config: dict[str, Any]) -> None:
        config["compile_config"]["loss"] = own

    _rewrite(path, edit)
    with open_source(path) as source:
        assert source.info.notes == ()
