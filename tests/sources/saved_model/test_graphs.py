"""SavedModels in 16 and 64 bits, and of functions over the whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import ConversionError
from litesmith.sources import LoadOptions, open_source
from tests.sources.proof import prove

pytestmark = pytest.mark.slow  # loads TensorFlow


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tensorflow as tf

    def spec(dtype: str) -> list[Any]:
        return [tf.TensorSpec([None, 8], dtype, "x")]

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            random = np.random.default_rng(0)
            self.weight = tf.Variable(random.normal(size=(8, 8)), dtype="float32")

        @tf.function(input_signature=spec("float32"))
        def mixed(self, x: Any) -> Any:
            for _ in tf.range(3):
                half = tf.cast(x, tf.float16) @ tf.cast(self.weight, tf.float16)
                x = tf.cast(tf.tanh(half + tf.constant(0.1, tf.float16)), tf.float32)
            return {"y": x}

        @tf.function(input_signature=spec("bfloat16"))
        def halves(self, x: Any) -> Any:
            return {"y": tf.nn.relu(x @ tf.cast(self.weight, tf.bfloat16))}

        @tf.function(input_signature=spec("float64"))
        def doubles(self, x: Any) -> Any:
            return {"y": x @ tf.cast(self.weight, tf.float64)}

        @tf.function(input_signature=spec("float32"))
        def over_the_batch(self, x: Any) -> Any:
            return {"y": (x @ self.weight) * (1.0 + tf.reduce_max(x))}

    made, path = Module(), tmp_path_factory.mktemp("graphs") / "m"
    names = ("mixed", "halves", "doubles", "over_the_batch")
    tf.saved_model.save(made, str(path), {name: getattr(made, name) for name in names})
    return path


@pytest.mark.parametrize("name", ["mixed", "halves"])
def test_half_precision_computes_in_float32(module: Path, name: str) -> None:
    with open_source(module, LoadOptions(signature=name)) as source:
        assert [spec.dtype for spec in (*source.info.inputs, *source.info.outputs)] == [
            "float32"
        ] * 2
        assert "16-bit precision" in " ".join(source.info.notes)
        prove(source)


def test_double_precision_is_named(module: Path) -> None:
    options = LoadOptions(signature="doubles")
    with (
        open_source(module, options) as source,
        pytest.raises(ConversionError, match="computes in float64") as caught,
    ):
        source.lower()
    assert "float32" in caught.value.hint


def test_examples_that_see_each_other_are_run_one_by_one(module: Path) -> None:
    with open_source(module, LoadOptions(signature="over_the_batch")) as source:
        prove(source)
