"""Model objects of the caller, of both Keras."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from litesmith.data import synthetic_examples
from litesmith.errors import LoadError
from litesmith.graph import read
from litesmith.runtime import Session
from litesmith.sources import LoadOptions, Source, is_model_object, open_source
from tests.sources import zoo


@pytest.fixture(params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


def _check(source: Source, inputs: list[str], outputs: list[str]) -> None:
    data = source.lower()
    graph = read(data)
    assert (list(graph.input_names()), list(graph.output_names())) == (inputs, outputs)
    batch = list(next(iter(synthetic_examples(source.info.inputs, 5).batches(5))))
    for a, b in zip(source.run(batch), Session(data).run(batch), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_functional(keras: Any) -> None:
    with open_source(zoo.two_by_two(keras)) as source:
        assert source.info.format == "memory"
        _check(source, ["zebra", "apple"], ["zz", "aa"])


def test_subclassed(keras: Any) -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, features: Any, training: bool | None = None) -> Any:
            if training:
                features = features + 1
            return {"z": self.dense(features), "a": features * 2}

    model = Own()
    assert is_model_object(model)
    with pytest.raises(LoadError, match="not known"):
        open_source(model)
    with open_source(model, LoadOptions(input_shapes={"features": (1, 5)})) as source:
        assert source.info.inputs[0].name == "features"
    model(np.zeros((2, 5), "float32"))
    with open_source(model) as source:
        _check(source, ["features"], ["z", "a"])
