"""The stack machine's state: what may lie on the stack, and how large bodies may get."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from litesmith.sources.lambdas.body import (
    Body,
    BodyError,
    Constant,
    Input,
    MisreadError,
    parts,
)
from litesmith.sources.lambdas.dialects import Dialect
from litesmith.sources.lambdas.functions import VALUES, Module
from litesmith.sources.lambdas.marshalled import Code, SetItems

_NODES = 2_000
_DEPTH = 60


@dataclass(frozen=True)
class Method:
    """An attribute of a tensor that is about to be called."""

    of: Body
    name: str


@dataclass(frozen=True)
class Given:
    """A function of the user's --custom-objects."""

    name: str


class Null:
    """The empty place that newer byte code keeps below what it calls."""


NULL = Null()
Value = Body | Module | Method | Given | Null


@dataclass(frozen=True)
class Surroundings:
    """What a body may refer to besides itself.

    Attributes:
        parameters: values of the parameters after the first, by name.
        closure: values of free variables, by name.
        given: the user's objects by name.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    closure: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Machine:
    """The state: a stack, locals, and how large each body is."""

    code: Code
    dialect: Dialect
    around: Surroundings
    stack: list[Value] = field(default_factory=list)
    locals: dict[int, Value] = field(default_factory=dict)
    returned: Value | None = None
    keywords: tuple[str, ...] = ()
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    kept: list[Body] = field(default_factory=list)
    steps: int = 0
    started: bool = False

    def __post_init__(self) -> None:
        names = self.code.varnames[: self.code.argcount]
        self.locals[0] = Input(names[0] if names[0].isidentifier() else "x")
        for i, name in enumerate(names[1:], 1):
            if name in self.around.parameters:
                self.locals[i] = constant(self.around.parameters[name])

    def push(self, value: Value) -> None:
        """Put a value on the stack."""
        if not isinstance(value, Module | Method | Given | Null):
            nodes, depth = self.size(value)
            if nodes > _NODES or depth > _DEPTH:
                raise BodyError("it is too long")
        self.stack.append(value)

    def size(self, body: Body) -> tuple[int, int]:
        """Return nodes (a shared one counts every time) and depth of a body."""
        known = self.sizes.get(id(body))
        if known is None:
            sizes = [self.size(part) for part in parts(body)]
            known = 1 + sum(n for n, _ in sizes), 1 + max((d for _, d in sizes), default=0)
            self.sizes[id(body)] = known
            self.kept.append(body)  # else its id may be another's
        return known

    def pop(self) -> Value:
        """Take the value on top."""
        if not self.stack:
            raise MisreadError("its stack is empty")
        return self.stack.pop()

    def take(self, count: int) -> list[Value]:
        """Take the last `count` values, the oldest first."""
        if count > len(self.stack):
            raise MisreadError("its stack is empty")
        if not count:
            return []
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def bodies(self, count: int) -> tuple[Body, ...]:
        """Take `count` bodies."""
        return tuple(map(as_body, self.take(count)))

    def named(self, index: int) -> str:
        """Return a name of a global or attribute."""
        if index >= len(self.code.names):
            raise MisreadError("it names nothing")
        return self.code.names[index]


def constant(value: Any) -> Constant:
    """Return a plain value as a body.

    Raises:
        BodyError: of another kind.
    """
    allowed = isinstance(value, bool | int | float | str) or value is None or value is Ellipsis
    if isinstance(value, tuple | list) and not isinstance(value, SetItems):
        inner = ", ".join(constant(item).text for item in value)
        text = f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
        return Constant(value, text)
    if allowed or type(value).__module__ == "numpy":
        return Constant(value, "..." if value is Ellipsis else repr(value))
    raise BodyError(f"it holds a {type(value).__name__}")


def as_body(value: Value) -> Body:
    """Return a value that is a body, a dtype's name for a dtype.

    Raises:
        BodyError: it is a module or function.
    """
    if isinstance(value, Module) and value.path in VALUES:
        return constant(VALUES[value.path])
    if isinstance(value, Module | Method | Given | Null):
        raise BodyError("it uses a function or module as a value")
    return value
