"""A model with state as its user meets it: reset, then called step by step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.sources.state import State

Array = npt.NDArray[Any]
Call = Callable[[Sequence[Array]], list[Array]]


class Stepper:
    """The stateful original.

    Args:
        call: inputs without states in, outputs without states out; changes the variables.
        states: what the file takes and gives, in this order, behind inputs and outputs.
        changed: all variables that a call changes; they are left as they were found.
    """

    def __init__(self, call: Call, states: Sequence[State], changed: Sequence[Any]) -> None:
        self._call = call
        self._states = tuple(states)
        self._changed = tuple(changed)
        self._lock = threading.Lock()

    def run(self, example: Sequence[Array]) -> list[Array]:
        """Return outputs and new states of one call.

        Args:
            example: per input of the model its whole tensor, then the states to start from.
        """
        count = len(example) - len(self._states)
        with self._borrowed():
            for state, value in zip(self._states, example[count:], strict=True):
                state.set(value.reshape(state.start.shape))
            return self._step(example[:count])

    def stream(self, steps: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """Return outputs and states after each of several calls in a row, from a reset on."""
        with self._borrowed():
            for state in self._states:
                state.variable.assign(state.start)
            return [self._step(step) for step in steps]

    def _step(self, inputs: Sequence[Array]) -> list[Array]:
        return [*self._call(inputs), *(state.get() for state in self._states)]

    @contextmanager
    def _borrowed(self) -> Iterator[None]:
        """Lock the variables, which may be the caller's own, and put their values back."""
        with self._lock:
            before = [np.array(variable.numpy()) for variable in self._changed]
            try:
                yield
            finally:
                for variable, value in zip(self._changed, before, strict=True):
                    variable.assign(value)
