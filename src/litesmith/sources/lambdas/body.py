"""A proved body as data: a small tree, what it reads like, and what it computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class BodyError(ValueError):
    """A body does something that is not a tensor computation.

    Attributes:
        followed: how many instructions had been understood until then.
    """

    followed = 0


class MisreadError(BodyError):
    """No compiler makes such byte code: most likely it is of another version."""


@dataclass(frozen=True)
class Input:
    """What the layer is called with: a tensor, or a list of them."""

    name: str


@dataclass(frozen=True, eq=False)
class Constant:
    """A value of the byte code, of its defaults or closure, or one that the user gave.

    Attributes:
        value: number, text, None, tuple, array, …
        text: how it is written.
    """

    value: Any
    text: str


@dataclass(frozen=True)
class Operation:
    """An operator between two bodies: + - * / // % ** @ < <= > >=."""

    sign: str
    left: Body
    right: Body


@dataclass(frozen=True)
class Negative:
    """The opposite of a body."""

    of: Body


@dataclass(frozen=True)
class Item:
    """An element or slice of a body."""

    of: Body
    index: Body


@dataclass(frozen=True)
class Unpacked:
    """A body that is a list of exactly `count` elements."""

    of: Body
    count: int


@dataclass(frozen=True)
class Sequence:
    """A tuple or list of bodies."""

    kind: type[tuple[Any, ...]] | type[list[Any]]
    items: tuple[Body, ...]


@dataclass(frozen=True)
class Slice:
    """start:stop:step; parts that are left out are the constant None."""

    parts: tuple[Body, Body, Body]


@dataclass(frozen=True)
class Attribute:
    """A shape, dtype or the like of a body."""

    of: Body
    name: str


@dataclass(frozen=True)
class Call:
    """A tensor function by its canonical name (`functions.py`), or a function of the user."""

    function: str
    arguments: tuple[Body, ...]
    keywords: tuple[tuple[str, Body], ...] = ()


Body = (
    Input | Constant | Operation | Negative | Item | Unpacked | Sequence | Slice | Attribute | Call
)
Functions = Callable[[str], Callable[..., Any]]


def describe(body: Body) -> str:
    """Return a body the way its author may have written it."""
    return _WORDS[type(body)](body)


_PRECEDENCE = {"<": 0, "<=": 0, ">": 0, ">=": 0, "+": 1, "-": 1, "**": 4}  # the others: 2


def _binds(body: Body) -> int:
    if isinstance(body, Operation):
        return _PRECEDENCE.get(body.sign, 2)
    return 3 if isinstance(body, Negative) or describe(body).startswith("-") else 9


def _operand(body: Body, least: int = 9) -> str:
    text = describe(body)
    return text if _binds(body) >= least else f"({text})"


def _operation(body: Any) -> str:
    level = _binds(body)
    sign = body.sign.removeprefix("classic ")
    return f"{_operand(body.left, level)} {sign} {_operand(body.right, level + 1)}"


def _sequence(body: Any) -> str:
    inner = ", ".join(map(describe, body.items))
    if body.kind is list:
        return f"[{inner}]"
    return f"({inner},)" if len(body.items) == 1 else f"({inner})"


def _call(body: Any) -> str:
    parts = [*map(describe, body.arguments), *(f"{k}={describe(v)}" for k, v in body.keywords)]
    return f"{body.function}({', '.join(parts)})"


def _index(body: Body) -> str:
    if isinstance(body, Slice):
        start, stop, step = (
            "" if isinstance(part, Constant) and part.value is None else describe(part)
            for part in body.parts
        )
        return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
    if isinstance(body, Sequence):
        return ", ".join(map(_index, body.items))
    return describe(body)


_WORDS: dict[type, Callable[[Any], str]] = {
    Input: lambda b: b.name,
    Constant: lambda b: b.text,
    Operation: _operation,
    Negative: lambda b: f"-{_operand(b.of, 3)}",
    Item: lambda b: f"{_operand(b.of)}[{_index(b.index)}]",
    Unpacked: lambda b: describe(b.of),
    Sequence: _sequence,
    Slice: lambda b: f"slice({_index(b)})",
    Attribute: lambda b: f"{_operand(b.of)}.{b.name}",
    Call: _call,
}


def depends_on_input(body: Body) -> bool:
    """Return True when a body computes from what the layer is called with."""
    if isinstance(body, Input):
        return True
    return any(depends_on_input(part) for part in parts(body))


def names_called(body: Body) -> set[str]:
    """Return the functions that a body calls."""
    found = {body.function} if isinstance(body, Call) else set()
    return found.union(*(names_called(part) for part in parts(body)))


def parts(body: Body) -> tuple[Body, ...]:
    """Return the bodies that a body is made of."""
    match body:
        case Operation(_, left, right):
            return (left, right)
        case Item(of, index):
            return (of, index)
        case Negative(of) | Unpacked(of, _) | Attribute(of, _):
            return (of,)
        case Sequence(_, items):
            return items
        case Slice(ends):
            return ends
        case Call(_, arguments, keywords):
            return (*arguments, *(value for _, value in keywords))
    return ()
