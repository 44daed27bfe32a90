"""A proved body as data: a small tree, what it reads like, and what it computes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_LARGEST = 1 << 62  # of whole numbers that bodies compute; sizes and indices are smaller
_LONGEST = 64  # items of a list that a body puts together


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


def compute(body: Body, value: Any, functions: Functions) -> Any:
    """Return what a body yields for the layer's input.

    Args:
        body: the tree.
        value: tensor, or list of tensors.
        functions: canonical name → the function.

    Raises:
        BodyError: values of a kind that no tensor computation has.
    """

    def go(node: Body) -> Any:
        match node:
            case Input():
                return value
            case Constant():
                return node.value
            case Operation(sign, left, right):
                return operate(sign, go(left), go(right))
            case Negative(of):
                return -go(of)
            case Item(of, index):
                return go(of)[go(index)]
            case Unpacked(of, count):
                return _unpack(go(of), count)
            case Sequence(kind, items):
                return kind(map(go, items))
            case Slice(ends):
                return slice(*map(go, ends))
            case Attribute(of, name):
                return ATTRIBUTES[name](go(of))
            case Call(name, arguments, keywords):
                return functions(name)(*map(go, arguments), **{k: go(v) for k, v in keywords})
        raise BodyError(f"a {type(node).__name__}")

    return go(body)


def _unpack(value: Any, count: int) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or len(value) != count:
        raise BodyError(f"it unpacks {count} inputs")
    return tuple(value)


def _shape_of(value: Any) -> Any:
    return value.shape


# What may be asked of a tensor, its shape or a size of TensorFlow 1. Nothing else is looked up.
ATTRIBUTES: Mapping[str, Callable[[Any], Any]] = {
    "shape": _shape_of,
    "dtype": lambda value: value.dtype,
    "ndim": lambda value: len(value.shape),
    "rank": lambda value: value.rank,
    "ndims": lambda value: value.rank,
    "get_shape()": _shape_of,
    "as_list()": list,
    "value": lambda value: value,  # of a TF 1 dimension; a plain number since
}

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "@": operator.matmul,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
SIGNS = frozenset(_OPERATORS)


def operate(sign: str, left: Any, right: Any) -> Any:
    """Apply an operator; between plain Python values only where it stays small.

    Raises:
        BodyError: text, huge numbers or long lists.
    """
    if sign == "classic /":
        sign = _classic(left, right)
    kinds = [_kind(left), _kind(right)]
    if "tensor" in kinds and "other" not in kinds:
        return _OPERATORS[sign](left, right)
    if kinds == ["number", "number"]:
        return _small(sign, left, right)
    sequences = (list, tuple)
    if sign == "+" and isinstance(left, sequences) and type(left) is type(right):
        if len(left) + len(right) > _LONGEST:
            raise BodyError("a long list")
        return [*left, *right] if isinstance(left, list) else (*left, *right)
    if "shape" in kinds and sign == "+":  # a TensorShape and a list
        return left + right
    raise BodyError(f"'{sign}' between a {type(left).__name__} and a {type(right).__name__}")


def _small(sign: str, left: Any, right: Any) -> Any:
    if sign == "**" and (abs(right) > _LONGEST or abs(left) > _LARGEST):
        raise BodyError("a huge power")
    try:
        result = _OPERATORS[sign](left, right)
    except (ArithmeticError, TypeError) as error:
        raise BodyError(str(error)) from error
    if isinstance(result, int) and abs(result) > _LARGEST:
        raise BodyError("a huge number")
    return result


def _kind(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return "number"
    name = type(value).__name__
    if name == "TensorShape":
        return "shape"
    has_both = hasattr(value, "dtype") and hasattr(value, "shape")
    return "tensor" if has_both and getattr(value.dtype, "kind", "f") != "O" else "other"


def _classic(left: Any, right: Any) -> str:
    """Return which division Python 2's is: exact as soon as a float takes part."""
    if any(isinstance(v, float) or _floating(v) for v in (left, right)):
        return "/"
    return "//"


def _floating(value: Any) -> bool:
    dtype = getattr(value, "dtype", None)
    return bool(getattr(dtype, "is_floating", getattr(dtype, "kind", "") == "f"))
