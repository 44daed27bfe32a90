"""What a body computes: the only place where its operators and functions are applied."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from litesmith.sources.lambdas.body import (
    Attribute,
    Body,
    BodyError,
    Call,
    Constant,
    Functions,
    Input,
    Item,
    Negative,
    Operation,
    Sequence,
    Slice,
    Unpacked,
)

_LARGEST = 1 << 62  # of whole numbers that bodies compute; sizes and indices are smaller
_LONGEST = 64  # items of a list that a body puts together


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
