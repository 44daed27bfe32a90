"""`PATH#x_key,y_key`: taking the spec apart and choosing arrays by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from litesmith.data.specs import TensorSpec
from litesmith.errors import InputError


@dataclass(frozen=True)
class Keys:
    """What follows `#`: `a;b;c,label` (listed) or `input=key;other=key2,label` (named)."""

    text: str = ""
    listed: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None


def split_location(spec: str) -> tuple[Path, Keys]:
    """Return the path and the keys of a data spec; a path that exists may itself hold `#`.

    Raises:
        InputError: malformed keys.
    """
    path, mark, text = spec.rpartition("#")
    if not mark or Path(spec).exists():
        return Path(spec), Keys()
    return Path(path), parse_keys(text)


def parse_keys(text: str) -> Keys:
    """Return the keys that the part after `#` names.

    Raises:
        InputError: named and listed keys mixed, or an empty name.
    """
    before, comma, label = text.rpartition(",")
    if not comma:
        before, label = label, ""
    parts = [part.strip() for part in before.split(";")] if before else []
    pairs = [part.partition("=") for part in parts]
    mixed = len({bool(equals) for _, equals, _ in pairs}) > 1
    empty = any(not head or (equals and not tail) for head, equals, tail in pairs)
    if mixed or empty or (comma and not label) or not text:
        raise InputError(
            f"'#{text}' is not understood.",
            "Write #x_key, #x_key,y_key or, for several inputs, #input=key;other=key2,y_key.",
        )
    if pairs and pairs[0][1]:
        named = {head.strip(): tail.strip() for head, _, tail in pairs}
        return Keys(text, (), named, label.strip() or None)
    return Keys(text, tuple(parts), {}, label.strip() or None)


def did_you_mean(wrong: str, known: Iterable[str], what: str) -> str:
    """Return a hint: the closest known name, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(wrong, names, 1)
    if close:
        return f"Did you mean '{close[0]}'? {what}: {', '.join(names)}."
    return f"{what}: {', '.join(names) or 'none'}."


def choose_arrays(
    available: Sequence[str], inputs: Sequence[TensorSpec], keys: Keys, where: str
) -> tuple[tuple[str, ...], str | None]:
    """Return the array's name for each model input and the name of the labels (None: none).

    Raises:
        InputError: a name that is not there, or no way to tell which array is meant.
    """
    if keys.named:
        chosen = _by_mapping(inputs, keys, where)
    elif keys.listed:
        if len(keys.listed) != len(inputs):
            raise InputError(
                f"{where}: '#{keys.text}' names {len(keys.listed)} arrays, but the model has "
                f"{len(inputs)} inputs.",
                _several_hint(where, inputs),
            )
        chosen = keys.listed
    else:
        chosen = _by_default(available, inputs, where)
    label = keys.label or ("y" if "y" in available and "y" not in chosen else None)
    for name in (*chosen, *([label] if label else [])):
        if name not in available:
            hint = did_you_mean(name, available, "Arrays there")
            raise InputError(f"{where} has no array '{name}'.", hint)
    return chosen, label


def _by_mapping(inputs: Sequence[TensorSpec], keys: Keys, where: str) -> tuple[str, ...]:
    names = [spec.name for spec in inputs]
    for name in keys.named:
        if name not in names:
            hint = did_you_mean(name, names, "The model's inputs")
            raise InputError(f"{where}: '#{keys.text}' names an unknown input '{name}'.", hint)
    missing = [name for name in names if name not in keys.named]
    if missing:
        raise InputError(f"{where}: '#{keys.text}' gives no array for the input '{missing[0]}'.")
    return tuple(keys.named[name] for name in names)


def _by_default(
    available: Sequence[str], inputs: Sequence[TensorSpec], where: str
) -> tuple[str, ...]:
    names = tuple(spec.name for spec in inputs)
    if len(inputs) == 1 and "x" in available:
        return ("x",)
    if all(name in available for name in names):
        return names
    if len(inputs) == 1 and len(available) == 1:
        return (available[0],)
    if len(inputs) == 1:
        raise InputError(
            f"{where} has no array 'x'; it holds {', '.join(available) or 'nothing'}.",
            suggestion(available, where),
        )
    missing = next(name for name in names if name not in available)
    raise InputError(
        f"{where} has no array for the model's input '{missing}'; it holds "
        f"{', '.join(available) or 'nothing'}.",
        _several_hint(where, inputs),
    )


def suggestion(available: Sequence[str], where: str) -> str:
    """Return what to type for a file with names such as `x_train`, `y_train`."""
    pairs = [(name, partner(name, available)) for name in available if partner(name, available)]
    specs = [f"{where}#{x},{y}" for x, y in pairs] or [f"{where}#{name}" for name in available[:1]]
    return f"Say which: {' or '.join(specs[:3])}" if specs else ""


def partner(name: str, available: Sequence[str]) -> str | None:
    """Return the labels that go by their name with the array `name` (`x_test`: `y_test`)."""
    found = f"y{name[1:]}"
    return found if name.startswith("x") and found in available else None


def _several_hint(where: str, inputs: Sequence[TensorSpec]) -> str:
    pairs = ";".join(f"{spec.name}=KEY" for spec in inputs)
    return f"Write {where}#{pairs}"
