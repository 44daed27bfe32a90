"""The targets: what a user may name, each with the table of what it runs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from litesmith.errors import InputError
from litesmith.targets.cpu import XNNPACK
from litesmith.targets.edgetpu import EDGETPU
from litesmith.targets.ethos import U55, U85
from litesmith.targets.gpu import GPU
from litesmith.targets.micro import MICRO
from litesmith.targets.rules import Table


@dataclass(frozen=True)
class Target:
    """A runtime that must run the file.

    Attributes:
        name: what the user types.
        integer_only: it has no float arithmetic, so a float op inside the model is an error.
        proof: how it is known that the file runs: "litert" (it was run) or "rules" (a table).
        description: one clause for the reader.
        table: what it runs.
        form: what a float model is supposed to become for it ("int8", "float32").
    """

    name: str
    integer_only: bool
    proof: str
    description: str
    table: Table
    form: str = "int8"

    @property
    def recurrent(self) -> str:
        """The form of recurrent layers that it needs ("fused"), "auto" when it takes any."""
        row = self.table.rows.get("UNIDIRECTIONAL_SEQUENCE_LSTM")
        return (row.recurrent if row is not None else "") or "auto"


_ETHOS_U55 = "Arm Ethos-U55 NPU, {} multiply-accumulates per cycle"
_ETHOS_U65 = "Arm Ethos-U65 NPU, {} multiply-accumulates per cycle"
_ETHOS_U85 = "Arm Ethos-U85 NPU, {} multiply-accumulates per cycle"

_ROWS: tuple[Target, ...] = (
    Target("cpu", False, "litert", "LiteRT with XNNPACK on a CPU", XNNPACK, "float32"),
    Target("micro", False, "rules", "TensorFlow Lite for Microcontrollers", MICRO),
    *(
        Target(f"ethos-u55-{n}", True, "rules", _ETHOS_U55.format(n), U55)
        for n in (32, 64, 128, 256)
    ),
    *(Target(f"ethos-u65-{n}", True, "rules", _ETHOS_U65.format(n), U55) for n in (256, 512)),
    *(
        Target(f"ethos-u85-{n}", True, "rules", _ETHOS_U85.format(n), U85)
        for n in (128, 256, 512, 1024, 2048)
    ),
    Target("edgetpu", True, "rules", "Google Coral Edge TPU", EDGETPU),
    Target("gpu", False, "rules", "LiteRT's GPU delegate on a phone", GPU, "float32"),
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
