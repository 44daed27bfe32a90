"""What the original model answers: several examples at a time where it keeps them apart."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.loaded import Loaded, some_size, static
from litesmith.sources.reasons import reason
from litesmith.sources.stepping import Stepper
from litesmith.sources.tracing import trace
from litesmith.sources.trials import open_axes
from litesmith.sources.verify import TOLERANCE, error

Array = npt.NDArray[Any]
# Examples per call. MobileNetV2-224, 200 images: 3.0 s in eights, 3.7 s in thirty-twos.
_CHUNK = 8
_CHUNK_BYTES = 8 << 20
_FEW = 2  # examples that show whether the model keeps them apart


class Original:
    """The loaded model, run.

    Args:
        loaded: the model.
        inputs: its inputs, states among them.
        function: its batch-1 trace.
        together: several examples may be given at once.
        stepper: runs a model with state, None for one without.
    """

    def __init__(
        self,
        loaded: Loaded,
        inputs: Sequence[TensorSpec],
        function: Any,
        stepper: Stepper | None = None,
        *,
        together: bool,
    ) -> None:
        self.inputs = tuple(inputs)
        self.together = together
        self._loaded = loaded
        self._function = function
        self._stepper = stepper
        self._many: Any = None
        self._functions: dict[Any, Any] = {}
        self._kept_apart = False

    def answers(self, batch: Sequence[Array], *, together: bool) -> list[Array]:
        """Return the outputs for a batch, given several at a time or one by one.

        Args:
            batch: per input (k, *example_shape).
            together: give several at a time.

        Returns:
            Per output (k, *output_example_shape).

        Raises:
            InputError: the model refuses the examples.
        """
        try:
            if together:
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
        many = self._for_any_batch(self._as_sized(batch))
        if many is None:
            self.together = False
            return None
        count = len(batch[0])
        size = _chunk_size(batch)
        chunks = ([_rows(x, i, size) for x in batch] for i in range(0, count, size))
        parts = [call(many, chunk, self.inputs) for chunk in chunks]
        if any(y.shape[:1] != (size,) for part in parts for y in part):
            self.together = False
            return None
        answers = [np.concatenate(rows)[:count] for rows in zip(*parts, strict=True)]
        if not self._kept_apart and not self._same_alone(batch, answers):
            self.together = False  # a loop that ends when the whole batch has converged, say
            return None
        self._kept_apart = True
        return answers

    def _same_alone(self, batch: Sequence[Array], answers: Sequence[Array]) -> bool:
        """Return whether the first few examples are answered alike one by one."""
        alone = self._run_each([x[:_FEW] for x in batch])
        return all(error(a, b[:_FEW]) <= TOLERANCE for a, b in zip(alone, answers, strict=True))

    def _as_sized(self, batch: Sequence[Array]) -> list[TensorSpec]:
        """Return the inputs with the examples' sizes in their open dimensions.

        What a model computes in a graph must not depend on whether sizes are known, but it does.
        """
        return [
            TensorSpec(s.name, (*s.shape[:1], *x.shape[x.ndim - len(s.shape) + 1 :]), s.dtype)
            if None in s.shape[1:]
            else s
            for s, x in zip(self.inputs, batch, strict=True)
        ]

    def _traced(self, specs: Sequence[TensorSpec]) -> Any:
        key = tuple(spec.shape for spec in specs)
        if key not in self._functions:
            self._functions[key] = trace(self._loaded, specs)[0]
        return self._functions[key]

    def _for_any_batch(self, specs: Sequence[TensorSpec]) -> Any:
        """Return the model for any number of examples, None when it takes one at a time."""
        if self._many is None and self._loaded.original is not None:
            several = [np.zeros((_CHUNK, *some_size(s)[1:]), s.dtype) for s in self.inputs]
            try:
                call(self._loaded.original, several, self.inputs)
            except Exception:  # the adapter of a foreign function: it decides what it takes
                return None
            self._many = self._loaded.original
        if self._many is None:
            with contextlib.suppress(ConversionError):
                return self._traced([_any_batch(spec) for spec in specs])
        return self._many

    def _run_each(self, batch: Sequence[Array]) -> list[Array]:
        rows = []
        function = self._function
        if open_axes(self.inputs):
            function = self._traced([static(spec) for spec in self._as_sized(batch)])
        for i in range(len(batch[0])):
            one = [as_fed(x[i], spec) for x, spec in zip(batch, self.inputs, strict=True)]
            if self._stepper is not None:
                answers = self._stepper.run(one)
            else:
                answers = call(self._loaded.original or function, one, self.inputs)
            rows.append([as_example(y) for y in answers])
        return [np.stack(column) for column in zip(*rows, strict=True)]


def _any_batch(spec: TensorSpec) -> TensorSpec:
    return TensorSpec(spec.name, (None, *spec.shape[1:]), spec.dtype)


def _rows(array: Array, start: int, size: int) -> Array:
    """Return `size` rows, the last one repeated: kernels are set up anew for every batch size."""
    rows = array[start : start + size]
    missing = size - len(rows)
    return np.concatenate([rows, np.repeat(rows[-1:], missing, axis=0)]) if missing else rows


def _chunk_size(batch: Sequence[Array]) -> int:
    bytes_each = max(1, sum(x[:1].nbytes for x in batch))
    return int(max(1, min(_CHUNK, _CHUNK_BYTES // bytes_each)))


def call(function: Any, arrays: Sequence[Array], specs: Sequence[TensorSpec]) -> list[Array]:
    """Return a TensorFlow function's outputs."""
    import tensorflow as tf

    # Not np.ascontiguousarray, which makes a vector of a scalar.
    fed = [tf.constant(np.array(x, order="C"), s.dtype) for x, s in zip(arrays, specs, strict=True)]
    return [y.numpy() for y in function(*fed)]


def as_fed(example: Array, spec: TensorSpec) -> Array:
    """Return an example as the tensor of its input: with a batch axis where that has one."""
    return example[None] if spec.shape[:1] in ((None,), (1,)) else example


def as_example(output: Array) -> Array:
    """Return a tensor that was put out for one example, without a batch axis."""
    return output[0] if output.shape[:1] == (1,) else output
