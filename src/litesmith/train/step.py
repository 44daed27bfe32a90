"""`Train`: the options of training, as a step of a recipe."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from litesmith.data.python_object import PREFIX
from litesmith.errors import InputError
from litesmith.train.nouns import LOSSES

AUTO = "auto"
# Short names that people and Keras use.
_SHORT: Mapping[str, str] = MappingProxyType({
    "crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
})  # fmt: skip
_MOST_STEPS = 10_000_000


@dataclass(frozen=True)
class Train:
    """Train what the `quantize` step before it makes, taught by the float graph.

    It has no effect of its own: what a quantized graph computes can only be trained before it is
    lowered to integers, so the two steps are carried out as one (`forge/training.py`).

    Attributes:
        steps: "auto", or a number.
        loss: name of a loss on the labels of `--data` that is mixed in, "" for none.
        augment: vary the examples.
        seed: of the order of examples and of what is varied.
    """

    steps: str = AUTO
    loss: str = ""
    augment: bool = True
    seed: int = 0
    name: str = "train"

    def __post_init__(self) -> None:
        if self.steps != AUTO and parse_steps(self.steps) is None:
            raise InputError(f"--train {self.steps} trains nothing.", "Leave the step out.")
        if self.loss:
            find_loss(self.loss)

    @property
    def count(self) -> int | None:
        """The number of steps, None for a choice that fits."""
        return None if self.steps == AUTO else parse_steps(self.steps)


def parse_steps(given: str) -> int | None:
    """Return the number in `--train 600`, None for "none" or 0.

    Raises:
        InputError: neither.
    """
    text = given.strip().lower().replace("_", "").replace(",", "")
    if text in ("none", "off", "no"):
        return None
    if not text.isdecimal() or int(text) > _MOST_STEPS:
        raise InputError(
            f"--train {given} is not understood.",
            "Write auto, a number of steps such as 600, or none.",
        )
    return int(text) or None


def find_loss(name: str) -> str:
    """Return the name of a loss in `LOSSES`, or "py:…" as it is.

    Raises:
        InputError: there is none, with the nearest name.
    """
    if name.startswith(PREFIX):
        return name
    text = name.strip().lower().replace("-", "_")
    found = _SHORT.get(text, text)
    if found in LOSSES:
        return found
    known = (*LOSSES, "crossentropy", "mse", "mae")
    near = difflib.get_close_matches(text, known, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise InputError(f"There is no loss '{name}'.", f"{hint}Known: {', '.join(known)}, py:….")
