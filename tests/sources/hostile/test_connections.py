"""Layers that wait for each other: Keras would build for ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litesmith.errors import LoadError
from litesmith.sources.vetting import refuse_endless
from tests.sources.hostile.conftest import Refused
from tests.sources.hostile.files import Config, change, dense, layer

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _itself(config: Config) -> None:
    layer(config, "d")["inbound_nodes"] = layer(config, "e")["inbound_nodes"]


def _another_call(config: Config) -> None:
    text = json.dumps(layer(config, "e")["inbound_nodes"])
    layer(config, "e")["inbound_nodes"] = json.loads(text.replace('"d", 0', '"d", 7'))


@pytest.mark.parametrize("edit", [_itself, _another_call])
@pytest.mark.parametrize("file", ["m.keras", "m.h5"])
@pytest.mark.parametrize("which", ["keras", "tf_keras"])
def test_refused(
    tmp_path: Path, refused: Refused, which: str, file: str, edit: Callable[[Config], None]
) -> None:
    path = change(dense(tmp_path / file, which), edit)
    assert "never computed" in refused(path)


def _shared(package: Any) -> Any:
    layers = package.layers
    inner = package.Sequential([package.Input((4,)), layers.Dense(4)], name="inner")
    dense = layers.Dense(4, name="shared")
    a, b = package.Input((4,), name="a"), package.Input((4,), name="b")
    x = layers.Add()([dense(a), dense(b), inner(a), inner(dense(dense(b)))])
    nested = package.Model([a, b], x, name="nested")
    return package.Model([a, b], [nested([b, a]), nested([a, nested([a, b])])])


@pytest.mark.parametrize("which", ["keras", "tf_keras"])
def test_shared_and_nested_models_are_fine(which: str) -> None:
    import keras
    import tf_keras

    model = _shared({"keras": keras, "tf_keras": tf_keras}[which])
    refuse_endless(json.loads(model.to_json()), Path("m"))


@pytest.mark.parametrize(
    "config", [None, [], {"layers": 3}, {"layers": [1, {}], "output_layers": []}, {"layers": None}]
)
def test_other_forms(config: Any) -> None:
    refuse_endless(config, Path("m"))


def test_one_that_feeds_itself() -> None:
    own = {"class_name": "Dense", "name": "d", "config": {}, "inbound_nodes": [[["d", 0, 0, {}]]]}
    with pytest.raises(LoadError, match="'d' is fed"):
        refuse_endless({"config": {"layers": [own], "output_layers": [["d", 0, 0]]}}, Path("m"))
