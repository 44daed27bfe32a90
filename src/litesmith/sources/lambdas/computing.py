"""Instructions that make bodies out of bodies: operators, slices, lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litesmith.sources.lambdas.body import (
    BodyError,
    Constant,
    Item,
    MisreadError,
    Negative,
    Operation,
    Sequence,
    Slice,
    Unpacked,
)
from litesmith.sources.lambdas.dialects import OPERATORS
from litesmith.sources.lambdas.evaluate import SIGNS, operate
from litesmith.sources.lambdas.loading import load_const
from litesmith.sources.lambdas.stack import Machine, as_body, constant

_FUTURE_DIVISION = 0x2000
_COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
_LIST_TO_TUPLE = 6
_INTRINSICS = (5, _LIST_TO_TUPLE)  # 5: unary plus


def build(kind: Any) -> Callable[[Machine, int], None]:
    """Return the instruction that makes a tuple or list."""
    return lambda machine, count: machine.push(Sequence(kind, machine.bodies(count)))


def slice_2(ends: int) -> Callable[[Machine, int], None]:
    """Return Python 2's slice instruction; bit 0: has a start, bit 1: has a stop."""

    def run(machine: Machine, _: int) -> None:
        stop = as_body(machine.pop()) if ends & 2 else constant(None)
        start = as_body(machine.pop()) if ends & 1 else constant(None)
        machine.push(Item(as_body(machine.pop()), Slice((start, stop, constant(None)))))

    return run


def build_slice(machine: Machine, count: int) -> None:
    """Push a slice."""
    if count not in (2, 3):
        raise MisreadError("its slice is unusual")
    ends = machine.bodies(count)
    machine.push(Slice((ends[0], ends[1], ends[2] if count == 3 else constant(None))))


def slice_item(machine: Machine, _: int) -> None:
    """Push `of[start:stop]` (3.12)."""
    of, start, stop = machine.bodies(3)
    machine.push(Item(of, Slice((start, stop, constant(None)))))


def list_extend(machine: Machine, depth: int) -> None:
    """Append a constant tuple to the list below it."""
    items = machine.pop()
    target = machine.pop()
    if depth != 1 or not isinstance(items, Constant) or not isinstance(items.value, tuple):
        raise BodyError("it builds a list out of another")
    if not isinstance(target, Sequence) or target.kind is not list:
        raise BodyError("it builds a list out of another")
    machine.push(Sequence(list, (*target.items, *map(constant, items.value))))


def list_to_tuple(machine: Machine, _: int = 0) -> None:
    """Replace a list by a tuple."""
    of = machine.pop()
    if not isinstance(of, Sequence):
        raise BodyError("it builds a tuple out of something")
    machine.push(Sequence(tuple, of.items))


def unpack(machine: Machine, count: int) -> None:
    """Push the elements of a list, the first on top."""
    whole = Unpacked(as_body(machine.pop()), count)
    for i in reversed(range(count)):
        machine.push(Item(whole, constant(i)))


def subscript(machine: Machine, _: int) -> None:
    """Push `of[index]`."""
    of, index = machine.bodies(2)
    machine.push(Item(of, index))


def binary(machine: Machine, sign: str) -> None:
    """Push an operation; numbers are computed at once, within bounds."""
    left, right = machine.bodies(2)
    if sign == "classic /" and machine.code.flags & _FUTURE_DIVISION:
        sign = "/"
    if isinstance(left, Constant) and isinstance(right, Constant):
        machine.push(constant(operate(sign, left.value, right.value)))
        return
    machine.push(Operation(sign, left, right))


def operator(machine: Machine, index: int) -> None:
    """Push an operation by its number (3.11 and newer)."""
    sign = OPERATORS[index % len(OPERATORS)]
    if index >= 2 * len(OPERATORS) or sign not in SIGNS:
        raise BodyError("it computes with bits")
    binary(machine, sign)


def compare(machine: Machine, index: int) -> None:
    """Push a comparison."""
    shift = {(3, 12): 4, (3, 13): 5}.get(machine.dialect.version, 0)
    if machine.dialect.version == (3, 13) and index & 16:
        raise BodyError("it decides")
    number = index >> shift
    if number >= len(_COMPARISONS) or _COMPARISONS[number] not in SIGNS:
        raise BodyError("it compares for equality")
    binary(machine, _COMPARISONS[number])


def negative(machine: Machine, _: int) -> None:
    """Push the opposite."""
    of = as_body(machine.pop())
    numeric = isinstance(of, Constant) and isinstance(of.value, int | float)
    machine.push(constant(-of.value) if numeric else Negative(of))  # type: ignore[union-attr]


def intrinsic(machine: Machine, number: int) -> None:
    """Instructions that 3.12 turned into calls."""
    if number not in _INTRINSICS:
        raise BodyError("it has an unusual instruction")
    if number == _LIST_TO_TUPLE:
        list_to_tuple(machine)


def give_back(machine: Machine, _: int) -> None:
    """Return what is on top."""
    machine.returned = machine.pop()


def give_back_constant(machine: Machine, index: int) -> None:
    """Return a constant (3.12)."""
    load_const(machine, index)
    machine.returned = machine.pop()
