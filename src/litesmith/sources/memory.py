"""A Keras model object of the caller: traced and frozen here, converted in the child.

Its classes exist only in the caller's process, so the child cannot import them; the caller has
imported TensorFlow anyway.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from litesmith.children import Child, protocol
from litesmith.errors import LoadError
from litesmith.sources.detect import SourceFormat
from litesmith.sources.flex import FlexSession
from litesmith.sources.options import LoadOptions, SourceInfo, specs_to_json
from litesmith.sources.process import PROGRAM

Array = npt.NDArray[Any]
_PACKAGES = {"keras": "Keras", "tf_keras": "tf_keras"}


def is_model_object(value: object) -> bool:
    """Return True for a model of Keras 3 or tf_keras; imports neither."""
    return model_title(value) is not None


def model_title(value: object) -> str | None:
    """Return the Keras package and version of a model, None for other objects."""
    for package, title in _PACKAGES.items():
        module: Any = sys.modules.get(package)
        if module is not None and isinstance(value, module.Model):
            return f"{title} {module.__version__}"
    return None


class MemorySource:
    """A built Keras model of this process.

    Args:
        model: `keras.Model` (TensorFlow backend) or `tf_keras.Model`; must not change until closed.
        options: shapes, time limit, progress; the rest does not apply.

    Raises:
        LoadError: its inputs are not known, or Keras runs on another backend.
        InputError, ConversionError: as for files.
    """

    def __init__(self, model: Any, options: LoadOptions) -> None:
        from litesmith.sources.ends import refuse_text_outputs, with_ends
        from litesmith.sources.keras_model import check_backend, from_keras, half_precision_layers
        from litesmith.sources.loaded import check_inputs, with_shapes
        from litesmith.sources.traced import TracedModel

        title = model_title(model) or ""
        check_backend(model)
        if half_precision_layers(model):
            raise LoadError(
                f"The model '{model.name}' computes in half precision.",
                "Save it (.keras) and give the file: it is then computed in float32.",
            )
        loaded = from_keras(model, title, options.input_shapes)
        loaded, shapes = with_ends(loaded, options.outputs, options.cut, options.input_shapes)
        inputs = with_shapes(loaded.inputs, shapes)
        check_inputs(inputs, shapes)
        self._options = options
        self._title = title
        self._model = TracedModel(
            loaded, inputs, batch=options.batch, allow_flex=options.allow_flex
        )
        refuse_text_outputs(self._model.outputs)

    @functools.cached_property
    def info(self) -> SourceInfo:
        """What was traced (see `Source`)."""
        return SourceInfo(
            path="",
            format=SourceFormat.MEMORY.value,
            loader=self._title,
            keras_version=self._title.split()[-1],
            size_bytes=0,
            inputs=self._model.inputs,
            outputs=self._model.outputs,
            notes=self._model.notes,
            states=self._model.states,
        )

    def lower(self) -> bytes:
        """Return the float .tflite (see `Source`)."""
        from litesmith.sources.graphdef import freeze
        from litesmith.sources.trials import trial_to_json

        child = Child(PROGRAM, self._options.time_limit_s, self._options.on_progress)
        try:
            frozen = freeze(self._model.lowering())
            path = child.work.path / "graph.pb"
            with protocol.disk(child.work.path):
                path.write_bytes(frozen.graph.SerializeToString())
            choices = self._model.choices()
            trials = self._model.trials(choices)
            reply = child.request(
                "convert",
                graph=str(path),
                feeds=frozen.feeds,
                fetches=frozen.fetches,
                inputs=specs_to_json(self._model.inputs),
                outputs=specs_to_json(self._model.outputs),
                sizes=specs_to_json(choices[0]),
                trials=[trial_to_json(trial, child.work.path) for trial in trials],
                batch=self._model.batch,
                allow_flex=self._options.allow_flex,
            )
            return Path(reply["path"]).read_bytes()
        finally:
            child.close()

    def run(self, batch: Sequence[Array], key: str | None = None) -> list[Array]:
        """Return the model's outputs (see `Source`)."""
        from litesmith.sources.source import check_batch

        check_batch(batch, self.info.inputs)
        return self._model.run([np.asarray(x) for x in batch])

    def session(self, model: bytes) -> FlexSession:
        """Return a file with select-TF ops, run by the caller's TensorFlow (see `Source`)."""
        return FlexSession(model)

    def close(self) -> None:
        """Nothing to free: the model is the caller's."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
