"""State between calls, and what it is called: variables that a model changes.

They become inputs and outputs of the file (`lift.py`), which the application carries: zeros first,
afterwards what came out under the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec
from litesmith.sources.structure import unique

Array = npt.NDArray[Any]

PARTS = {1: ("_h",), 2: ("_h", "_c")}  # what recurrent layers keep


@dataclass(frozen=True, eq=False)
class State:
    """A variable that a model reads in one call and has changed in an earlier one.

    Attributes:
        name: of the input and of the output.
        variable: `tf.Variable`.
        start: its value before the first call; the file's inputs and outputs are relative to it.
    """

    name: str
    variable: Any
    start: Array

    def set(self, value: Array) -> None:
        """Let the original model continue from a value that the file would be fed."""
        self.variable.assign(value + self.start if self.start.any() else value)

    def get(self) -> Array:
        """Return what the file would put out for the original's present state."""
        value: Array = self.variable.numpy()
        return value - self.start if self.start.any() else value


@dataclass(frozen=True)
class Named:
    """What a loader knows of a variable that may turn out to be state.

    Attributes:
        variable: `tf.Variable`.
        name: for the application, such as "lstm_state_h".
        zeros: a reset makes it zeros, whatever it holds now.
    """

    variable: Any
    name: str
    zeros: bool


def name_states(variables: Sequence[Any], known: Iterable[Named] = ()) -> tuple[State, ...]:
    """Return the variables as states: in the loader's order where it knows them."""
    told = {id(named.variable.handle): (i, named) for i, named in enumerate(known)}
    ranked = sorted(
        ((told.get(id(v.handle), (len(told), None)), i, v) for i, v in enumerate(variables)),
        key=lambda item: (item[0][0], path_of(item[2]), item[1]),
    )
    bases = [_base(v) for (_, named), _, v in ranked if named is None]
    names, seen = [], dict.fromkeys(bases, 0)
    for (_, named), _, variable in ranked:
        if named is not None:
            names.append(named.name)
            continue
        base = _base(variable)
        parts = PARTS.get(bases.count(base)) if base.endswith("_state") else None
        names.append(base + (parts[seen[base]] if parts else ""))
        seen[base] += 1
    return tuple(
        State(name, v, _start(v, named is not None and named.zeros))
        for name, ((_, named), _, v) in zip(unique(names), ranked, strict=True)
    )


def renamed_apart(states: Sequence[State], others: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the states as inputs or outputs whose names differ from the `others`'."""
    taken = [spec.name for spec in others]
    names = unique([*taken, *(state.name for state in states)])[len(taken) :]
    return tuple(
        TensorSpec(name, state.start.shape, state.start.dtype.name)
        for name, state in zip(names, states, strict=True)
    )


def state_notes(states: Sequence[State]) -> tuple[str, ...]:
    """Say what the application has to carry."""
    if not states:
        return ()
    names = ", ".join(state.name for state in states)
    return (
        f"The model keeps state between calls, which the application carries ({names}): feed zeros "
        "first, then what came out under the same name.",
    )


def _start(variable: Any, zeros: bool) -> Array:
    value: Array = variable.numpy()
    return np.zeros_like(value) if zeros or value.dtype == np.bool_ else value


def _base(variable: Any) -> str:
    """Return `lstm_state` for lstm/rnn_state (Keras 3) and lstm/Variable (tf_keras)."""
    parts = path_of(variable).split("/")
    if parts[-1] in ("rnn_state", "Variable") and len(parts) > 1:
        return f"{parts[-2]}_state"
    return re.sub(r"\W", "_", "_".join(parts[-2:]))


def path_of(variable: Any) -> str:
    """Return the name of a `tf.Variable`, layers included."""
    return str(variable.name).removesuffix(":0")
