"""Instructions that call: a tensor function, a method of a shape, a function of the user."""

from __future__ import annotations

from litesmith.sources.lambdas.body import (
    Attribute,
    Body,
    BodyError,
    Call,
    Constant,
    MisreadError,
)
from litesmith.sources.lambdas.functions import Module
from litesmith.sources.lambdas.loading import load_const
from litesmith.sources.lambdas.stack import Given, Machine, Method, Null, Value


def call(
    machine: Machine, function: Value, arguments: tuple[Body, ...], names: tuple[str, ...]
) -> None:
    """Push a call; the last arguments are those by name."""
    first = len(arguments) - len(names)
    if first < 0 or len(set(names)) != len(names):
        raise MisreadError("its call is unusual")
    keywords = tuple(zip(names, arguments[first:], strict=True))
    positional = arguments[:first]
    if isinstance(function, Method):
        if arguments:
            raise BodyError(f"it calls '.{function.name[:-2]}' with arguments")
        machine.push(Attribute(function.of, function.name))
    elif isinstance(function, Given):
        machine.push(Call(function.name, positional, keywords))
    elif isinstance(function, Module) and function.callable:
        machine.push(Call(function.path, positional, keywords))
    else:
        raise BodyError("it calls something that is no tensor function")


def call_36(machine: Machine, count: int) -> None:
    """CALL_FUNCTION and CALL_METHOD: positional arguments alone."""
    arguments = machine.bodies(count)
    call(machine, machine.pop(), arguments, ())


def call_36_keywords(machine: Machine, count: int) -> None:
    """CALL_FUNCTION_KW: the names are a tuple on top."""
    names = as_texts(machine.pop())
    arguments = machine.bodies(count)
    call(machine, machine.pop(), arguments, names)


def call_pairs(machine: Machine, counts: int) -> None:
    """CALL_FUNCTION before 3.6: name and value by turns after the positional arguments."""
    pairs = machine.bodies(2 * (counts >> 8))
    arguments = machine.bodies(counts & 255)
    names = tuple(as_text(name) for name in pairs[::2])
    call(machine, machine.pop(), (*arguments, *pairs[1::2]), names)


def call_311(machine: Machine, count: int) -> None:
    """CALL: one of the two places below the arguments is empty."""
    names, machine.keywords = machine.keywords, ()
    arguments = machine.bodies(count)
    call(machine, callee(machine), arguments, names)


def call_313_keywords(machine: Machine, count: int) -> None:
    """CALL_KW: as CALL, with the names on top."""
    names = as_texts(machine.pop())
    arguments = machine.bodies(count)
    call(machine, callee(machine), arguments, names)


def callee(machine: Machine) -> Value:
    """Take the two places of a call."""
    pair = machine.take(2)
    found = [value for value in pair if not isinstance(value, Null)]
    if len(found) != 1:
        raise MisreadError("its call is unusual")
    return found[0]


def keyword_names(machine: Machine, index: int) -> None:
    """KW_NAMES: for the next call."""
    load_const(machine, index)
    machine.keywords = as_texts(machine.pop())


def as_text(value: Value) -> str:
    """Return the text that a name is."""
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise MisreadError("its call is unusual")
    return value.value


def as_texts(value: Value) -> tuple[str, ...]:
    """Return the texts that a tuple of names is."""
    names = value.value if isinstance(value, Constant) else None
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise MisreadError("its call is unusual")
    return names
