"""A `Loaded` model traced: what it outputs, its lowering, and the original's own answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError, InputError
from litesmith.sources.answers import Original, as_example, as_fed, call
from litesmith.sources.convert import convert, with_signature
from litesmith.sources.graphdef import Frozen, as_function, branches
from litesmith.sources.lift import changed_variables, lift
from litesmith.sources.loaded import Loaded, check_batch, some_size, static, with_batch
from litesmith.sources.options import specs_to_json
from litesmith.sources.reasons import reason
from litesmith.sources.state import State, name_states, renamed_apart, state_notes
from litesmith.sources.stepping import Stepper
from litesmith.sources.tracing import trace
from litesmith.sources.trials import (
    STEPS,
    Trial,
    accepted_sizes,
    check,
    make_trials,
    open_axes,
    with_default_sizes,
)
from litesmith.sources.verify import probe

Array = npt.NDArray[Any]


class TracedModel:
    """A loaded model with everything that is derived from its one batch-1 trace.

    Args:
        loaded: the model.
        inputs: its inputs, unknown dimensions besides the batch filled in.
        keras_version: as stored in the file.
        batch: examples per invocation of the file, None when the application chooses.
        allow_flex: keep ops without a builtin kernel as select-TF ops.

    Raises:
        ConversionError: TensorFlow cannot trace the model.
        InputError: the model cannot have that batch.
    """

    def __init__(
        self,
        loaded: Loaded,
        inputs: Sequence[TensorSpec],
        keras_version: str | None = None,
        batch: int | None = 1,
        *,
        allow_flex: bool = False,
    ) -> None:
        self._loaded = loaded
        self._allow_flex = allow_flex
        self.inputs = tuple(inputs)
        self.batch = check_batch(inputs, batch)
        self.keras_version = keras_version
        self.function, names = trace(loaded, [static(spec) for spec in inputs])
        batches = all(spec.shape[:1] in ((None,), (1,)) for spec in inputs)
        self.outputs = tuple(
            _output_spec(name, shape, tensor.dtype.name, batches)
            for name, shape, tensor in zip(
                names, self._output_shapes(), self.function.outputs, strict=True
            )
        )
        # Several examples at once only when every input has a batch axis to put them on, and when
        # no branch of the model is taken by all of them together.
        together = batches and not branches(self.function)
        self._stepper: Stepper | None = None
        self._lifted: Frozen | None = None
        self._states: tuple[State, ...] = ()
        changed = changed_variables(self.function)
        if changed:
            self._lift(changed)
            together = False
        self._original = Original(
            loaded, self.inputs, self.function, self._stepper, together=together
        )

    def info(self) -> dict[str, Any]:
        """Return loader, inputs and outputs as JSON."""
        return {
            "loader": self._loaded.loader,
            "keras_version": self.keras_version,
            "inputs": specs_to_json(self.inputs),
            "outputs": specs_to_json(self.outputs),
            "notes": list(self.notes),
            "states": list(self.states),
        }

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the inputs that are state, the last ones."""
        return tuple(spec.name for spec in self.inputs[len(self.inputs) - len(self._states) :])

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences the user should read."""
        return (*self._loaded.notes, *state_notes(self._states))

    def _lift(self, changed: Sequence[Any]) -> None:
        """Make inputs and outputs of the variables that the model changes."""
        if self.batch != 1:
            raise InputError(
                "The model keeps state between calls, for a batch of its own size.",
                "Build it with the batch that the application has, and leave --batch out.",
            )
        found = name_states(changed, self._loaded.states())
        model_inputs, count = self.inputs, len(self.outputs)
        self.function = trace(self._loaded, [static(spec) for spec in model_inputs], found)[0]
        self._lifted, states = lift(self.function, found, len(model_inputs))
        self._states = tuple(states)

        def step(arrays: Sequence[Array]) -> list[Array]:
            return call(self.function, arrays, model_inputs)[:count]

        self._stepper = Stepper(step, states, changed)
        self.inputs += renamed_apart(states, self.inputs)
        self.outputs += renamed_apart(states, self.outputs)

    def lowering(self) -> Any:
        """Return what the converter gets: a concrete function of the file's own shapes."""
        if self._lifted is not None:
            return as_function(self._lifted)
        if self.batch == 1:
            return self.function
        return trace(self._loaded, [with_batch(spec, self.batch) for spec in self.inputs])[0]

    def lower(self, progress: Callable[[str], None]) -> bytes:
        """Return the float .tflite, batch 1, checked by value against the original.

        Raises:
            ConversionError: an op has no .tflite form, or the result computes something else.
        """
        from litesmith.sources.front_end import refuse_front_end

        progress("converting to .tflite")
        own = self.inputs[: len(self._loaded.inputs)]  # without state
        if not self._allow_flex:
            refuse_front_end(self._loaded, own, self.function)
        lowered = convert(self.lowering(), self.batch, allow_flex=self._allow_flex)
        data = with_signature(lowered, self.inputs, self.outputs, self._loaded.key)
        progress("checking it by value")
        return self._verify(data)

    def _verify(self, data: bytes) -> bytes:
        choices = self.choices()
        if open_axes(self.inputs):
            data = with_default_sizes(data, choices[0])
        try:
            for trial in self.trials(choices):
                check(data, self.outputs, trial, None if trial.states else self.run)
        except ConversionError:
            if not self._original.together or self.batch == 1:
                raise
            self._original.together = False  # a loop that ends when all have converged, say
            for trial in self.trials(choices):
                check(data, self.outputs, trial, self.run)
        return data

    def choices(self) -> list[tuple[TensorSpec, ...]]:
        """Return the inputs with sizes for their open dimensions: several where there are any.

        Raises:
            InputError: the model computes on too few of the sizes tried.
        """
        return accepted_sizes(self.inputs, self.run) if open_axes(self.inputs) else [self.inputs]

    def trials(self, choices: Sequence[tuple[TensorSpec, ...]]) -> Iterator[Trial]:
        """Yield what the file must reproduce."""
        # A file of batch 1 or of an open one is held against the model called for one example at a
        # time, by the trace that is there already.
        together = self._original.together and self.batch not in (None, 1)
        answers = partial(self._original.answers, together=together)
        yield from make_trials(choices, self.batch, answers)
        if self._stepper is not None:
            count = len(self._states)
            examples = probe(choices[0], STEPS)
            steps = [
                [as_fed(x[i], s) for x, s in zip(examples, self.inputs, strict=True)][:-count]
                for i in range(STEPS)
            ]
            columns = zip(*self._stepper.stream(steps), strict=True)
            reference = [np.stack([as_example(y) for y in column]) for column in columns]
            yield Trial(examples, reference, states=count, what=" over several steps")

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Return the original model's outputs.

        Args:
            batch: per input (k, *example_shape).

        Returns:
            Per output (k, *output_example_shape).

        Raises:
            InputError: the model refuses the examples.
        """
        return self._original.answers(batch, together=self._original.together)

    def _output_shapes(self) -> list[tuple[int | None, ...]]:
        """Return the outputs' shapes; where the graph does not tell their rank, by running it."""
        shapes = [tensor.shape for tensor in self.function.outputs]
        if any(shape.rank is None for shape in shapes):
            one = [np.zeros(some_size(spec), spec.dtype) for spec in self.inputs]
            try:
                found = call(self._loaded.original or self.function, one, self.inputs)
            except Exception as error:  # the adapter of TensorFlow's kernels
                raise ConversionError(
                    f"The model's outputs have no known number of dimensions, and it cannot be run "
                    f"to see them: {reason(error)}."
                ) from error
            return [tuple(array.shape) for array in found]
        return [tuple(shape.as_list()) for shape in shapes]


def _output_spec(name: str, shape: tuple[int | None, ...], dtype: str, batches: bool) -> TensorSpec:
    if batches and shape[:1] == (1,):
        shape = (None, *shape[1:])
    return TensorSpec(name, shape, dtype)
