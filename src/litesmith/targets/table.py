"""The table of targets."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from litesmith.errors import InputError


@dataclass(frozen=True)
class Target:
    """A runtime that must run the file.

    Attributes:
        name: what the user types.
        integer_only: it has no float arithmetic, so a float op inside the model is an error.
        proof: how it is known that the file runs: "litert" (it was run) or "rules" (a table).
        description: one clause for the reader.
    """

    name: str
    integer_only: bool
    proof: str
    description: str


_ETHOS_U55 = "Arm Ethos-U55 NPU, {} multiply-accumulates per cycle"
_ETHOS_U65 = "Arm Ethos-U65 NPU, {} multiply-accumulates per cycle"
_ETHOS_U85 = "Arm Ethos-U85 NPU, {} multiply-accumulates per cycle"

_ROWS: tuple[Target, ...] = (
    Target("cpu", False, "litert", "LiteRT with XNNPACK on a CPU"),
    Target("micro", False, "rules", "TensorFlow Lite for Microcontrollers"),
    *(Target(f"ethos-u55-{n}", True, "rules", _ETHOS_U55.format(n)) for n in (32, 64, 128, 256)),
    *(Target(f"ethos-u65-{n}", True, "rules", _ETHOS_U65.format(n)) for n in (256, 512)),
    *(
        Target(f"ethos-u85-{n}", True, "rules", _ETHOS_U85.format(n))
        for n in (128, 256, 512, 1024, 2048)
    ),
    Target("edgetpu", True, "rules", "Google Coral Edge TPU"),
)

TARGETS: Mapping[str, Target] = MappingProxyType({row.name: row for row in _ROWS})


def find_target(name: str) -> Target:
    """Return the target of that name.

    Raises:
        InputError: there is none.
    """
    if name in TARGETS:
        return TARGETS[name]
    close = difflib.get_close_matches(name, TARGETS, 1, 0.5)
    suggestion = f"Did you mean '{close[0]}'? " if close else ""
    raise InputError(f"There is no target '{name}'.", f"{suggestion}Known: {', '.join(TARGETS)}.")
