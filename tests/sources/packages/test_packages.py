"""Files whose layers are of a package: the Keras team's are imported, the user's are asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from litesmith.errors import InputError, LoadError
from litesmith.sources import LoadOptions, open_source
from tests.sources.proof import prove

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

_LAYERS = """
import keras

@keras.saving.register_keras_serializable(package={package!r})
class Scale(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=shape[-1:], initializer="random_normal", name="factor")
    def call(self, x):
        return x * self.factor

class Plus(keras.layers.Layer):
    def call(self, x):
        return x + 1.0
"""
_MAKE = """
import sys, keras, {package}.layers as own
steps, more = keras.Input((None, 4), name="steps"), keras.Input((None, 4), name="more")
x = own.Plus()(own.Scale()(keras.layers.Add()([steps, more])))
keras.Model([steps, more], keras.layers.Dense(3)(x)).save(sys.argv[1])
"""
_BOTH = {"steps": (1, 5, 4), "more": (1, 5, 4)}


def _package(folder: Path, name: str) -> Path:
    """Write a package of two layers, and save a model of them; return its file."""
    package = folder / "site" / name
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"import {name}.layers\n")
    (package / "layers.py").write_text(_LAYERS.format(package=name))
    path = folder / "m.keras"
    code = f"import sys; sys.path.append({str(package.parent)!r})\n" + _MAKE.format(package=name)
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
    return path


def test_package_of_the_keras_team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _package(tmp_path, "keras_cv")
    with pytest.raises(LoadError) as caught, open_source(path) as source:
        source.lower()
    assert "keras-cv, which is not installed here" in caught.value.message
    assert caught.value.hint.startswith("Install it")

    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with pytest.raises(InputError) as open_sizes, open_source(path) as source:
        source.lower()
    for name in ("steps", "more"):
        assert f"{name} ?x?x4" in open_sizes.value.message
        assert f"--input-shape {name}=1x128x4" in open_sizes.value.hint
    with open_source(path, LoadOptions(input_shapes=_BOTH)) as source:
        prove(source)


def test_package_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _package(tmp_path, "keras_nlp")
    (tmp_path / "site" / "keras_nlp" / "__init__.py").write_text("import no_such_tokenizer\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with pytest.raises(LoadError) as caught, open_source(path) as source:
        source.lower()
    assert "keras-nlp cannot be imported here" in caught.value.message
    assert "no_such_tokenizer" in caught.value.message


def test_package_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _package(tmp_path, "acme_layers")
    with pytest.raises(LoadError) as caught, open_source(path) as source:
        source.lower()
    assert "'Plus'" in caught.value.message and "Scale" in caught.value.message  # both at once
    assert "--custom-objects py:file.py" in caught.value.hint

    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    with pytest.raises(LoadError) as installed, open_source(path) as source:
        source.lower()
    assert "--custom-objects py:acme_layers.layers" in installed.value.hint
    options = LoadOptions(input_shapes=_BOTH, custom_objects=("py:acme_layers.layers",))
    with open_source(path, options) as source:
        prove(source)


def test_code_without_the_decorator(tmp_path: Path) -> None:
    """The file says `acme_layers>Scale`; the code at hand is not registered so."""
    path = _package(tmp_path, "acme_layers")
    text = _LAYERS.format(package="x").replace("@keras.saving", "#")
    (tmp_path / "own.py").write_text(text)
    options = LoadOptions(input_shapes=_BOTH, custom_objects=(f"py:{tmp_path / 'own.py'}",))
    with open_source(path, options) as source:
        prove(source)
