"""What a model expects of raw values, as `--preprocess` says it.

A new named kind is one row of `NAMED`; each is affine per channel, so that it can later become part
of the graph. A user's function (`py:…`) is the one kind that is not.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from litesmith.data.python_object import load_python, user_code
from litesmith.data.specs import Array, TensorSpec
from litesmith.errors import InputError

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Affine:
    """scale * x + offset, after reversing the channels (the last axis) if asked.

    `scale` and `offset` have one number, or one per channel of the model's order.
    """

    spec: str
    scale: Numbers = (1.0,)
    offset: Numbers = (0.0,)
    reverse_channels: bool = False
    keeps_shape: bool = True

    @property
    def is_identity(self) -> bool:
        """True when the model takes raw values."""
        return not self.reverse_channels and set(self.scale) == {1.0} and set(self.offset) == {0.0}

    @property
    def channels(self) -> int | None:
        """Number of channels it is made for, None when any will do."""
        count = max(len(self.scale), len(self.offset), 3 if self.reverse_channels else 1)
        return None if count == 1 else count

    def apply(self, values: Array, where: str) -> Array:
        """Return float64 scale * values + offset (or `values` themselves for the identity).

        Raises:
            InputError: the last axis of `values` is not the number of channels.
        """
        if self.is_identity:
            return values
        if self.channels is not None and values.shape[-1] != self.channels:
            raise InputError(
                f"--preprocess {self.spec} is for {self.channels} channels (the last axis), but an "
                f"example of {where} has shape {values.shape[1:]}."
            )
        ordered = values[..., ::-1] if self.reverse_channels else values
        scale: Array = np.array(self.scale, np.float64)
        with np.errstate(over="ignore"):  # infinity is reported by who asked, with its place
            return ordered * scale + np.array(self.offset, np.float64)


@dataclass(frozen=True)
class UserFunction:
    """A user's function: raw x (k, …) in, the model's x (k, …) out."""

    spec: str
    function: Callable[[Array], Any]
    keeps_shape: bool = False
    is_identity: bool = False

    def apply(self, values: Array, where: str) -> Array:
        """Return what the function makes of a batch.

        Raises:
            InputError: the function failed or changed the number of examples.
        """
        with user_code(f"The preprocessing {self.spec}"):
            result = np.asarray(self.function(values))
        if result.shape[:1] != values.shape[:1]:
            raise InputError(
                f"The preprocessing {self.spec} turned {len(values)} examples of {where} into an "
                f"array of shape {result.shape}.",
                "It is called with x of shape (n, …) and must return an array of n examples.",
            )
        return result


Preprocess = Affine | UserFunction


def mean_std(spec: str, mean: Numbers, std: Numbers, unit: float = 1.0) -> Affine:
    """Return (x / unit − mean) / std as an affine form."""
    count = max(len(mean), len(std))
    means, stds = _stretch(mean, count), _stretch(std, count)
    scale = tuple(1 / (unit * s) for s in stds)
    return Affine(spec, scale, tuple(-m / s for m, s in zip(means, stds, strict=True)))


def _stretch(numbers: Numbers, count: int) -> Numbers:
    return numbers * count if len(numbers) == 1 else numbers


NAMED: Mapping[str, Affine] = {
    "none": Affine("none"),
    "unit": Affine("unit", (1 / 255,)),
    "tf": Affine("tf", (1 / 127.5,), (-1.0,)),
    "torch": mean_std("torch", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), unit=255.0),
    "caffe": Affine("caffe", offset=(-103.939, -116.779, -123.68), reverse_channels=True),
}


def parse_preprocess(
    specs: Sequence[str] | str | None, inputs: Sequence[TensorSpec]
) -> tuple[Preprocess, ...]:
    """Return one `Preprocess` per model input.

    `SPEC` counts for every input that has no `name:SPEC` of its own.

    Raises:
        InputError: unknown kind or input, or two specs for the same input.
    """
    found = given_preprocess(specs, inputs)
    return tuple(NAMED["none"] if one is None else one for one in found)


def given_preprocess(
    specs: Sequence[str] | str | None, inputs: Sequence[TensorSpec]
) -> tuple[Preprocess | None, ...]:
    """Return one `Preprocess` per model input, None where nothing was said; else as above.

    Raises:
        InputError: as `parse_preprocess`.
    """
    given = [specs] if isinstance(specs, str) else list(specs or ())
    chosen: dict[str | None, Preprocess] = {}
    for text in given:
        name, spec = _split_name(text, inputs)
        if name in chosen:
            raise InputError(
                f"--preprocess is given twice for {f'input {name!r}' if name else 'all inputs'}."
            )
        chosen[name] = parse_one(spec)
    rest = chosen.get(None)
    return tuple(chosen.get(spec.name, rest) for spec in inputs)


def _split_name(text: str, inputs: Sequence[TensorSpec]) -> tuple[str | None, str]:
    for spec in inputs:
        if text.startswith(f"{spec.name}:"):
            return spec.name, text[len(spec.name) + 1 :]
    head, colon, _ = text.partition(":")
    if not colon or head == "py":
        return None, text
    names = [spec.name for spec in inputs]
    close = difflib.get_close_matches(head, names, 1)
    raise InputError(
        f"--preprocess {text}: the model has no input '{head}'.",
        f"Did you mean '{close[0]}'?" if close else f"Its inputs: {', '.join(names)}.",
    )


def parse_one(spec: str) -> Preprocess:
    """Return the `Preprocess` that a spec without an input's name describes.

    Raises:
        InputError: unknown kind or malformed numbers.
    """
    text = spec.strip()
    if text in NAMED:
        return NAMED[text]
    if text.startswith("py:"):
        function = load_python(text)
        if not callable(function):
            raise InputError(f"--preprocess {text}: this is not a function.")
        return UserFunction(text, function)
    if "=" in text:
        return _parse_numbers(text)
    close = difflib.get_close_matches(text, NAMED, 1)
    raise InputError(
        f"--preprocess '{text}' is not known.",
        f"Did you mean '{close[0]}'?"
        if close
        else f"Known: {', '.join(NAMED)}, scale=A,offset=B, mean=a;b;c,std=d;e;f, py:file.py:name.",
    )


def _parse_numbers(text: str) -> Affine:
    fields = {}
    for part in text.split(","):
        key, _, value = part.partition("=")
        try:
            fields[key.strip()] = tuple(float(number) for number in value.split(";"))
        except ValueError:
            raise InputError(f"--preprocess {text}: '{part}' is not name=number.") from None
    if any(not np.isfinite(numbers).all() for numbers in fields.values()):
        raise InputError(f"--preprocess {text}: the numbers must be finite.")
    lengths = {len(numbers) for numbers in fields.values()} - {1}
    if len(lengths) > 1:
        raise InputError(f"--preprocess {text}: the lists of numbers differ in length.")
    if fields.keys() <= {"scale", "offset"}:
        return Affine(text, fields.get("scale", (1.0,)), fields.get("offset", (0.0,)))
    if fields.keys() <= {"mean", "std"}:
        std = fields.get("std", (1.0,))
        if 0.0 in std:
            raise InputError(f"--preprocess {text}: std must not be 0.")
        return mean_std(text, fields.get("mean", (0.0,)), std)
    raise InputError(
        f"--preprocess {text} mixes or misspells its names.",
        "Write scale=A,offset=B or mean=a;b;c,std=d;e;f.",
    )
