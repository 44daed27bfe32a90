"""Codes of weights that take few values: several weights in a byte, and the table that undoes it.

    binary   −1, 1        8 weights in a byte, a table of 256×8
    ternary  −1, 0, 1     5 weights in a byte (3^5 = 243), a table of 243×5: 1.6 bits
    3 bits   −4 … 3       a plane of the high bits (−4 or 0; 8 in a byte) and one of the low two (0
                          to 3; 4 in a byte); a weight is the exclusive or of both

A plane's codes are indices into its table, whose rows are the weights one after the other: the
first weight is the least digit. What is left of the last byte repeats the plane's first value. One
weight less per byte halves the table, which is smaller where weights are few.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from litesmith.graph import Array


@dataclass(frozen=True)
class Plane:
    """A part of each weight, as digits of a number of one byte.

    Attributes:
        values: what each digit means, int8.
        digits: weights per byte.
    """

    values: tuple[int, ...]
    digits: int

    def size(self, count: int) -> int:
        """Return the bytes of so many weights' codes and the table."""
        return -(-count // self.digits) + self.table.size

    def fitted(self, count: int) -> Plane:
        """Return the plane with as many digits, or one less, as make so many weights smallest."""
        return min(self, Plane(self.values, self.digits - 1), key=lambda p: p.size(count))

    @property
    def table(self) -> Array:
        """int8[rows, digits]: what each byte means; rows that no code names are left out."""
        base = len(self.values)
        codes = np.arange(base**self.digits)[:, None] // base ** np.arange(self.digits) % base
        return np.asarray(self.values, np.int8)[codes]

    def codes(self, parts: Array) -> Array:
        """Return uint8[⌈n / digits⌉] of int8[n], whose elements are all among `values`."""
        base = len(self.values)
        order = np.argsort(self.values)
        ranks = np.searchsorted(np.asarray(self.values)[order], parts)
        digits = np.zeros(-(-parts.size // self.digits) * self.digits, np.int64)
        digits[: parts.size] = order[ranks]
        powers = base ** np.arange(self.digits)
        return np.asarray((digits.reshape(-1, self.digits) * powers).sum(1), np.uint8)


@dataclass(frozen=True)
class Code:
    """A way to keep weights.

    Attributes:
        name: for reports.
        planes: one, or two whose values are combined by exclusive or.
    """

    name: str
    planes: tuple[Plane, ...]

    @cached_property
    def values(self) -> frozenset[int]:
        """The weights it can keep."""
        found = {0}
        for plane in self.planes:
            found = {a ^ b for a in found for b in plane.values}
        return frozenset(found)

    def parts(self, weights: Array) -> tuple[Array, ...]:
        """Return one int8 array per plane; their exclusive or is `weights`.

        Args:
            weights: int8, all among `values`.
        """
        if len(self.planes) == 1:
            return (weights,)
        high = np.where(weights < 0, np.int8(-4), np.int8(0))
        return high, weights ^ high

    def fitted(self, count: int) -> Code:
        """Return the code in the form that makes so many weights smallest."""
        return Code(self.name, tuple(plane.fitted(count) for plane in self.planes))

    def size(self, count: int) -> int:
        """Return the bytes of so many weights' codes and the tables."""
        return sum(plane.size(count) for plane in self.planes)


CODES = (
    Code("1 bit", (Plane((-1, 1), 8),)),
    Code("three values", (Plane((-1, 0, 1), 5),)),
    Code("3 bits", (Plane((-4, 0), 8), Plane((0, 1, 2, 3), 4))),
)


def code_of(weights: Array, codes: Sequence[Code] = CODES) -> Code | None:
    """Return the first code that can keep the weights, None when none can.

    Args:
        weights: int8.
        codes: the smallest first.
    """
    found = frozenset(np.unique(weights).tolist())
    return next((code for code in codes if found <= code.values), None)
