"""A `Loaded` model traced: what it outputs, its lowering, and the original's own answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.convert import convert, with_signature
from litesmith.sources.loaded import Loaded, static
from litesmith.sources.options import specs_to_json
from litesmith.sources.reasons import reason
from litesmith.sources.structure import unique
from litesmith.sources.verify import probe, verify

Array = npt.NDArray[Any]
# Examples per call. MobileNetV2-224, 200 images: 3.0 s in eights, 3.7 s in thirty-twos.
_CHUNK = 8
_CHUNK_BYTES = 8 << 20


class TracedModel:
    """A loaded model with everything that is derived from its one batch-1 trace.

    Args:
        loaded: the model.
        inputs: its inputs, unknown dimensions besides the batch filled in.
        keras_version: as stored in the file.

    Raises:
        ConversionError: TensorFlow cannot trace the model.
    """

    def __init__(
        self, loaded: Loaded, inputs: Sequence[TensorSpec], keras_version: str | None = None
    ) -> None:
        self._loaded = loaded
        self.inputs = tuple(inputs)
        self.keras_version = keras_version
        self.function, names = _trace(loaded, [static(spec) for spec in inputs])
        # Several examples at once only when every input has a batch axis to put them on.
        self._batches = all(spec.shape[:1] in ((None,), (1,)) for spec in inputs)
        self.outputs = tuple(
            _output_spec(name, tensor, self._batches)
            for name, tensor in zip(names, self.function.outputs, strict=True)
        )
        self._many: Any = None

    def info(self) -> dict[str, Any]:
        """Return loader, inputs and outputs as JSON."""
        return {
            "loader": self._loaded.loader,
            "keras_version": self.keras_version,
            "inputs": specs_to_json(self.inputs),
            "outputs": specs_to_json(self.outputs),
            "notes": list(self._loaded.notes),
        }

    def lower(self, progress: Callable[[str], None]) -> bytes:
        """Return the float .tflite, batch 1, checked by value against the original.

        Raises:
            ConversionError: an op has no .tflite form, or the result computes something else.
        """
        progress("converting to .tflite")
        data = with_signature(convert(self.function), self.inputs, self.outputs)
        progress("checking it by value")
        examples = probe(self.inputs)
        verify(data, self.outputs, examples, self.run(examples), self.run)
        return data

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Return the original model's outputs.

        Args:
            batch: per input (k, *example_shape).

        Returns:
            Per output (k, *output_example_shape).

        Raises:
            InputError: the model refuses the examples.
        """
        try:
            if self._batches:
                answers = self._run_together(batch)
                if answers is not None:
                    return answers
            return self._run_each(batch)
        except InputError:
            raise
        except Exception as error:  # the adapter of TensorFlow's kernels
            raise InputError(
                f"The original model cannot run these examples: {reason(error)}."
            ) from error

    def _run_together(self, batch: Sequence[Array]) -> list[Array] | None:
        """Run in chunks; None when the model turns out not to keep examples apart."""
        try:
            many = self._many or _trace(self._loaded, [_any_batch(s) for s in self.inputs])[0]
        except ConversionError:
            self._batches = False
            return None
        self._many = many
        count = len(batch[0])
        size = _chunk_size(batch)
        chunks = ([_rows(x, i, size) for x in batch] for i in range(0, count, size))
        parts = [self._call(many, chunk) for chunk in chunks]
        if any(y.shape[:1] != (size,) for part in parts for y in part):
            self._batches = False
            return None
        return [np.concatenate(rows)[:count] for rows in zip(*parts, strict=True)]

    def _run_each(self, batch: Sequence[Array]) -> list[Array]:
        rows = []
        for i in range(len(batch[0])):
            one = [_as_fed(x[i], spec) for x, spec in zip(batch, self.inputs, strict=True)]
            rows.append([_as_example(y) for y in self._call(self.function, one)])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def _call(self, function: Any, arrays: Sequence[Array]) -> list[Array]:
        import tensorflow as tf

        fed = [
            tf.constant(np.ascontiguousarray(x), s.dtype)
            for x, s in zip(arrays, self.inputs, strict=True)
        ]
        return [y.numpy() for y in function(*fed)]


def _trace(loaded: Loaded, specs: Sequence[TensorSpec]) -> tuple[Any, list[str]]:
    """Return the concrete function over flat inputs and the names of its flat outputs."""
    import tensorflow as tf

    names: list[str] = []

    def flat(*tensors: Any) -> list[Any]:
        named = loaded.call(tensors)
        names[:] = [name for name, _ in named]
        # Identity: an output that is an input, a constant or said twice gets a tensor of its own.
        return [tf.identity(tensor) for _, tensor in named]

    labels = unique([re.sub(r"[^A-Za-z0-9_]", "_", spec.name).lstrip("_") or "x" for spec in specs])
    signature = [
        tf.TensorSpec(spec.shape, spec.dtype, label)
        for spec, label in zip(specs, labels, strict=True)
    ]
    try:
        function = tf.function(flat).get_concrete_function(*signature)
    except Exception as error:  # the adapter of tracing, which runs the model's own Python
        raise ConversionError(
            f"The model cannot be traced by TensorFlow: {reason(error)}."
        ) from error
    if not names:
        raise ConversionError("The model has no outputs.")
    return function, names


def _any_batch(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(spec.name, (None, *spec.shape[1:]), spec.dtype)


def _output_spec(name: str, tensor: Any, batches: bool) -> TensorSpec:
    if tensor.shape.rank is None:
        raise ConversionError(f"The output '{name}' has no known number of dimensions.")
    shape = tuple(tensor.shape.as_list())
    if batches and shape[:1] == (1,):
        shape = (None, *shape[1:])
    return TensorSpec(name, shape, tensor.dtype.name)


def _rows(array: Array, start: int, size: int) -> Array:
    """Return `size` rows, the last one repeated: kernels are set up anew for every batch size."""
    rows = array[start : start + size]
    missing = size - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows


def _as_fed(example: Array, spec: TensorSpec) -> Array:
    return example[None] if spec.shape[:1] in ((None,), (1,)) else example


def _as_example(output: Array) -> Array:
    return output[0] if output.shape[:1] == (1,) else output


def _chunk_size(batch: Sequence[Array]) -> int:
    bytes_each = max(1, sum(x[:1].nbytes for x in batch))
    return int(max(1, min(_CHUNK, _CHUNK_BYTES // bytes_each)))
