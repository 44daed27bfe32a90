"""The visible list of heads."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from litesmith.errors import InputError
from litesmith.interface.heads.argmax import ARGMAX
from litesmith.interface.heads.head import Head
from litesmith.interface.heads.keep import KEEP
from litesmith.interface.heads.logits import LOGITS
from litesmith.interface.heads.probabilities import PROBABILITIES, SIGMOID
from litesmith.interface.heads.threshold import THRESHOLD
from litesmith.interface.heads.topk import TOPK

_ROWS = (KEEP, LOGITS, PROBABILITIES, SIGMOID, ARGMAX, TOPK, THRESHOLD)
HEADS: Mapping[str, Head] = MappingProxyType({head.name: head for head in _ROWS})


@dataclass(frozen=True)
class Chosen:
    """A head with its argument (0 for none)."""

    head: Head
    argument: float


def parse_head(text: str) -> Chosen:
    """Return "argmax" or "topk=5" as a head.

    Raises:
        InputError: an unknown head, or an argument that is missing, superfluous or no number.
    """
    name, equals, written = (part.strip() for part in text.partition("="))
    if name not in HEADS:
        near = difflib.get_close_matches(name, HEADS, 1)
        hint = f"Did you mean '{near[0]}'? " if near else ""
        raise InputError(f"There is no head '{name}'.", f"{hint}Heads: {', '.join(_forms())}.")
    head = HEADS[name]
    if bool(equals) != bool(head.argument):
        raise InputError(f"--head {text} is not complete.", f"Write {_form(head)}.")
    try:
        return Chosen(head, float(written) if equals else 0.0)
    except ValueError:
        raise InputError(f"--head {text}: '{written}' is not a number.") from None


def _forms() -> list[str]:
    return [_form(head) for head in HEADS.values()]


def _form(head: Head) -> str:
    return f"{head.name}={head.argument}" if head.argument else head.name
