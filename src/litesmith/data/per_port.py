"""`NAME:VALUE` options: one value per input or output, or one for all."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from litesmith.errors import InputError


def by_port(
    given: Sequence[str], names: Sequence[str], option: str, default: str, what: str
) -> tuple[str, ...]:
    """Return one value per port.

    `VALUE` counts for every port that has no `NAME:VALUE` of its own.

    Args:
        given: what the user wrote.
        names: of the ports.
        option: e.g. "--head".
        default: value of a port that nothing was said of.
        what: "input" or "output".

    Raises:
        InputError: an unknown port, or two values for one.
    """
    chosen: dict[str | None, str] = {}
    for text in given:
        name, value = _split(text, names, option, what)
        if name in chosen:
            which = f"{what} {name!r}" if name else f"all {what}s"
            raise InputError(f"{option} is given twice for {which}.")
        chosen[name] = value
    rest = chosen.get(None, default)
    return tuple(chosen.get(name, rest) for name in names)


def _split(text: str, names: Sequence[str], option: str, what: str) -> tuple[str | None, str]:
    for name in names:
        if text.startswith(f"{name}:"):
            return name, text[len(name) + 1 :].strip()
    head, colon, _ = text.partition(":")
    if not colon:
        return None, text.strip()
    near = difflib.get_close_matches(head, names, 1)
    raise InputError(
        f"{option} {text}: the model has no {what} '{head}'.",
        f"Did you mean '{near[0]}'?" if near else f"Its {what}s: {', '.join(names)}.",
    )
