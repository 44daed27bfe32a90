"""What a value of `--quantize` means, as one table."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from litesmith.errors import InputError

FLOAT_BITS = 32
LEAST_UNTRAINED = 4  # bits of weights that rounding alone leaves of use


@dataclass(frozen=True)
class Scheme:
    """One way to store weights and to compute.

    Attributes:
        name: as on the command line.
        summary: one line for help and reports.
        bits: of an op's weights unless `--bits` says otherwise (16 with float activations:
            float16; 16 with integer ones: int16 activations and int8 weights).
        integer: activations are integers, so that ops need integer forms and ranges.
        hybrid: ops may quantize their float input on the fly, where that is no slower.
        edge_bits: of the first and last ops with weights, 0 for the same as all.
        edge_part: the most of all weights that such an op may hold to get them.
    """

    name: str
    summary: str
    bits: int = FLOAT_BITS
    integer: bool = False
    hybrid: bool = False
    edge_bits: int = 0
    edge_part: float = 1.0

    @property
    def needs_data(self) -> bool:
        """Representative examples are required."""
        return self.integer

    @property
    def needs_training(self) -> bool:
        """Weights this coarse answer nothing useful before they were trained."""
        return self.bits < LEAST_UNTRAINED


_SCHEMES = (
    Scheme("none", "float32 weights and activations"),
    Scheme("float16", "float16 weights, float32 activations", 16),
    Scheme("dynamic", "int8 weights, float32 activations quantized on the fly", 8, hybrid=True),
    Scheme(
        "dynamic-int4", "int4 weights, float32 activations quantized on the fly", 4, hybrid=True
    ),
    Scheme("weights-int8", "int8 weights expanded to float32, which all arithmetic stays", 8),
    Scheme("weights-int4", "int4 weights expanded to float32, which all arithmetic stays", 4),
    Scheme("int8", "int8 weights and activations, integer only", 8, integer=True),
    Scheme("int16x8", "int8 weights, int16 activations, integer only", 16, integer=True),
    Scheme(
        "int4",
        "int4 weights, int8 activations, integer only",
        4,
        integer=True,
        edge_bits=8,
        edge_part=0.05,
    ),
    Scheme("int3", "weights of 3 bits, int8 activations, trained", 3, integer=True, edge_bits=8),
    Scheme(
        "ternary",
        "weights -a, 0, a with one a per channel, int8 activations, trained",
        2,
        integer=True,
        edge_bits=8,
    ),
    Scheme(
        "binary",
        "weights -a, a with one a per channel, int8 activations, trained",
        1,
        integer=True,
        edge_bits=8,
    ),
)
SCHEMES: Mapping[str, Scheme] = MappingProxyType({s.name: s for s in _SCHEMES})


def find_scheme(name: str) -> Scheme:
    """Return a scheme by name.

    Raises:
        InputError: there is none, with the nearest name or what this version has.
    """
    if name in SCHEMES:
        return SCHEMES[name]
    available = ", ".join(SCHEMES)
    near = difflib.get_close_matches(name, SCHEMES, 1)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    raise InputError(f"There is no quantization scheme '{name}'.", f"{hint}Available: {available}.")


def default_scheme(has_data: bool) -> str:
    """Return the scheme used when none is named: never slower than float on the CPU."""
    return "int8" if has_data else "dynamic"
