"""Byte code → body: a stack machine whose values are trees instead of results.

Only straight code is followed. An instruction, name or use that is not in a table ends the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from litesmith.sources.lambdas.body import (
    ATTRIBUTES,
    SIGNS,
    Attribute,
    Body,
    BodyError,
    Call,
    Constant,
    Input,
    Item,
    MisreadError,
    Negative,
    Operation,
    Sequence,
    Slice,
    Unpacked,
    operate,
    parts,
)
from litesmith.sources.lambdas.dialects import OPERATORS, Dialect, instructions
from litesmith.sources.lambdas.functions import MODULES, VALUES, Module, member, module
from litesmith.sources.lambdas.marshalled import Code, _Set

_PLAIN_FLAGS = 0x01 | 0x02 | 0x10 | 0x40  # optimized, new locals, nested, no free variables
_FUTURES = 0x1FFE000 | 0x4000000  # `from __future__ import …`, and "has a docstring"
_FUTURE_DIVISION = 0x2000
_STEPS = 400
_NODES = 2_000
_DEPTH = 60
_COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
_WORDS_2 = {"True": True, "False": False, "None": None}  # Python 2 looks them up
_INTRINSICS = {5: "UNARY_POSITIVE", 6: "LIST_TO_TUPLE"}


@dataclass(frozen=True)
class _Method:
    """An attribute of a tensor that is about to be called."""

    of: Body
    name: str


@dataclass(frozen=True)
class _Given:
    """A function of the user's --custom-objects."""

    name: str


class _Null:
    """The empty place that newer byte code keeps below what it calls."""


_NULL = _Null()
Value = Body | Module | _Method | _Given | _Null


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


def constant(value: Any) -> Constant:
    """Return a plain value as a body.

    Raises:
        BodyError: of another kind.
    """
    allowed = isinstance(value, bool | int | float | str) or value is None or value is Ellipsis
    if isinstance(value, tuple | list) and not isinstance(value, _Set):
        inner = ", ".join(constant(item).text for item in value)
        text = f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
        return Constant(value, text)
    if allowed or type(value).__module__ == "numpy":
        return Constant(value, "..." if value is Ellipsis else repr(value))
    raise BodyError(f"it holds a {type(value).__name__}")


def body_of(code: Code, dialect: Dialect, around: Surroundings) -> Body:
    """Return what the code computes.

    Raises:
        BodyError: it cannot be proved; the message completes "…, because".
        UnknownInstructionError: it is not of this dialect.
    """
    if code.flags & ~(_PLAIN_FLAGS | _FUTURES) or code.handled or code.cellvars or code.kwonly:
        raise BodyError("it is more than one expression")
    if code.argcount < 1 or len(code.varnames) < code.argcount:
        raise BodyError("it takes no input")
    machine = _Machine(code, dialect, around)
    try:
        for name, argument in instructions(code.code, dialect):
            machine.step(name, argument)
        return machine.result()
    except BodyError as error:
        error.followed = machine.steps
        raise


@dataclass
class _Machine:
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

    def step(self, name: str, argument: int) -> None:
        """Follow one instruction."""
        self.steps += 1
        if self.returned is not None or self.steps > _STEPS:
            raise BodyError("it is more than one expression")
        if not self.started and self.dialect.version >= (3, 11):
            if name == "COPY_FREE_VARS":
                return
            if name != "RESUME" or argument:
                raise MisreadError("it does not begin as a function does")
        self.started = True
        handler = _HANDLERS.get(name)
        if handler is None:
            sign = _BINARY.get(name)
            if sign is None:
                raise BodyError(f"it has the instruction {name}")
            self.binary(sign)
            return
        handler(self, argument)

    def result(self) -> Body:
        """Return what was returned."""
        if self.returned is None or self.stack:
            raise MisreadError("it returns nothing")
        return _body(self.returned)

    def push(self, value: Value) -> None:
        """Put a value on the stack."""
        if not isinstance(value, Module | _Method | _Given | _Null):
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
        return tuple(map(_body, self.take(count)))

    def named(self, index: int) -> str:
        """Return a name of a global or attribute."""
        if index >= len(self.code.names):
            raise MisreadError("it names nothing")
        return self.code.names[index]

    # --- loading

    def load_const(self, index: int) -> None:
        """Push a constant."""
        if index >= len(self.code.consts):
            raise MisreadError("a constant is missing")
        value = self.code.consts[index]
        if isinstance(value, Code):
            raise BodyError("it defines a function inside")
        self.push(constant(value))

    def load_fast(self, index: int) -> None:
        """Push a local or, since 3.11, any kind of variable by its joint index."""
        if index not in self.locals:
            if index >= len(self.code.varnames):
                raise MisreadError("it names nothing")
            name = self.code.varnames[index]
            raise BodyError(f"its parameter '{name}' has no value in the file")
        self.push(self.locals[index])

    def load_two(self, both: int) -> None:
        """Push two locals (3.13)."""
        self.load_fast(both >> 4)
        self.load_fast(both & 15)

    def store_load(self, both: int) -> None:
        """Set a local and push one (3.13)."""
        self.store_fast(both >> 4)
        self.load_fast(both & 15)

    def store_two(self, both: int) -> None:
        """Set two locals (3.13)."""
        self.store_fast(both >> 4)
        self.store_fast(both & 15)

    def store_fast(self, index: int) -> None:
        """Set a local."""
        if index >= len(self.code.varnames):
            raise MisreadError("it names nothing")
        self.locals[index] = self.pop()

    def load_deref(self, index: int) -> None:
        """Push a free variable."""
        joint = self.dialect.version >= (3, 11)
        names = self.code.varnames if joint else self.code.freevars
        name = names[index] if index < len(names) else "?"
        if name not in self.code.freevars or name not in self.around.closure:
            raise BodyError(f"it uses the variable '{name}', whose value the file does not hold")
        self.push(constant(self.around.closure[name]))

    def load_global(self, index: int) -> None:
        """Push a module by its customary name, a builtin, or an object of the user."""
        null = False
        if self.dialect.version >= (3, 11):
            index, null = index >> 1, bool(index & 1)
        name = self.named(index)
        if null and self.dialect.version < (3, 13):
            self.push(_NULL)
        if name in self.around.given:
            value = self.around.given[name]
            self.push(_Given(name) if callable(value) else constant(value))
        elif name in MODULES:
            self.push(Module(MODULES[name]))
        elif name in _WORDS_2 and self.dialect.layout == "2":
            self.push(constant(_WORDS_2[name]))
        else:
            raise BodyError(f"it uses '{name}', which the file does not define")
        if null and self.dialect.version >= (3, 13):
            self.push(_NULL)

    def load_attr(self, index: int) -> None:
        """Replace a module or tensor by a member; since 3.12 also what is called next."""
        method = False
        if self.dialect.version >= (3, 12):
            index, method = index >> 1, bool(index & 1)
        self.attribute(self.named(index), method)

    def load_method(self, index: int) -> None:
        """Replace a module or tensor by what is called next (3.7 … 3.11)."""
        self.attribute(self.named(index), self.dialect.version >= (3, 11))

    def attribute(self, name: str, method: bool) -> None:
        """Push `of.name`, with the empty place of a call when it is to be called."""
        of = self.pop()
        if isinstance(of, Module):
            found = member(of, name)
            value: Value = found if isinstance(found, Module) else constant(found)
        elif name in ATTRIBUTES:
            value = Attribute(_body(of), name)
        elif f"{name}()" in ATTRIBUTES:
            value = _Method(_body(of), f"{name}()")
        else:
            raise BodyError(f"it uses '.{name}'")
        if method and self.dialect.version < (3, 13):
            self.push(_NULL)
        self.push(value)
        if method and self.dialect.version >= (3, 13):
            self.push(_NULL)

    def import_name(self, index: int) -> None:
        """Push a module that the body imports; it is not imported."""
        wanted, level = self.pop(), self.pop()
        name = self.named(index)
        if not isinstance(level, Constant) or level.value not in (0, -1):
            raise BodyError(f"it imports {name}")
        whole = isinstance(wanted, Constant) and wanted.value is None
        path = name.split(".")[0] if whole else name
        self.push(module(path))

    def import_from(self, index: int) -> None:
        """Push a member of the module on top."""
        of = self.stack[-1] if self.stack else None
        if not isinstance(of, Module):
            raise BodyError("it imports something")
        found = member(of, self.named(index))
        self.push(found if isinstance(found, Module) else constant(found))

    # --- building

    def build(self, kind: Any) -> Callable[[int], None]:
        """Return the instruction that makes a tuple or list."""
        return lambda count: self.push(Sequence(kind, self.bodies(count)))

    def build_slice(self, count: int) -> None:
        """Push a slice."""
        if count not in (2, 3):
            raise MisreadError("its slice is unusual")
        ends = self.bodies(count)
        self.push(Slice((ends[0], ends[1], ends[2] if count == 3 else constant(None))))

    def slice_item(self, _: int) -> None:
        """Push `of[start:stop]` (3.12)."""
        of, start, stop = self.bodies(3)
        self.push(Item(of, Slice((start, stop, constant(None)))))

    def slice_2(self, parts: int) -> Callable[[int], None]:
        """Return Python 2's slice instruction; bit 0: has a start, bit 1: has a stop."""

        def run(_: int) -> None:
            stop = _body(self.pop()) if parts & 2 else constant(None)
            start = _body(self.pop()) if parts & 1 else constant(None)
            self.push(Item(_body(self.pop()), Slice((start, stop, constant(None)))))

        return run

    def list_extend(self, depth: int) -> None:
        """Append a constant tuple to the list below it."""
        items = self.pop()
        target = self.pop()
        if depth != 1 or not isinstance(items, Constant) or not isinstance(items.value, tuple):
            raise BodyError("it builds a list out of another")
        if not isinstance(target, Sequence) or target.kind is not list:
            raise BodyError("it builds a list out of another")
        self.push(Sequence(list, (*target.items, *map(constant, items.value))))

    def list_to_tuple(self, _: int = 0) -> None:
        """Replace a list by a tuple."""
        of = self.pop()
        if not isinstance(of, Sequence):
            raise BodyError("it builds a tuple out of something")
        self.push(Sequence(tuple, of.items))

    def unpack(self, count: int) -> None:
        """Push the elements of a list, the first on top."""
        whole = Unpacked(_body(self.pop()), count)
        for i in reversed(range(count)):
            self.push(Item(whole, constant(i)))

    def subscript(self, _: int) -> None:
        """Push `of[index]`."""
        of, index = self.bodies(2)
        self.push(Item(of, index))

    # --- computing

    def binary(self, sign: str) -> None:
        """Push an operation; numbers are computed at once, within bounds."""
        left, right = self.bodies(2)
        if sign == "classic /" and self.code.flags & _FUTURE_DIVISION:
            sign = "/"
        if isinstance(left, Constant) and isinstance(right, Constant):
            self.push(constant(operate(sign, left.value, right.value)))
            return
        self.push(Operation(sign, left, right))

    def operator(self, index: int) -> None:
        """Push an operation by its number (3.11 and newer)."""
        sign = OPERATORS[index % len(OPERATORS)]
        if index >= 2 * len(OPERATORS) or sign not in SIGNS:
            raise BodyError("it computes with bits")
        self.binary(sign)

    def compare(self, index: int) -> None:
        """Push a comparison."""
        shift = {(3, 12): 4, (3, 13): 5}.get(self.dialect.version, 0)
        if self.dialect.version == (3, 13) and index & 16:
            raise BodyError("it decides")
        number = index >> shift
        if number >= len(_COMPARISONS) or _COMPARISONS[number] not in SIGNS:
            raise BodyError("it compares for equality")
        self.binary(_COMPARISONS[number])

    def negative(self, _: int) -> None:
        """Push the opposite."""
        of = _body(self.pop())
        numeric = isinstance(of, Constant) and isinstance(of.value, int | float)
        self.push(constant(-of.value) if numeric else Negative(of))  # type: ignore[union-attr]

    # --- calling

    def call(self, function: Value, arguments: tuple[Body, ...], names: tuple[str, ...]) -> None:
        """Push a call; the last arguments are those by name."""
        first = len(arguments) - len(names)
        if first < 0 or len(set(names)) != len(names):
            raise MisreadError("its call is unusual")
        keywords = tuple(zip(names, arguments[first:], strict=True))
        positional = arguments[:first]
        if isinstance(function, _Method):
            if arguments:
                raise BodyError(f"it calls '.{function.name[:-2]}' with arguments")
            self.push(Attribute(function.of, function.name))
        elif isinstance(function, _Given):
            self.push(Call(function.name, positional, keywords))
        elif isinstance(function, Module) and function.callable:
            self.push(Call(function.path, positional, keywords))
        else:
            raise BodyError("it calls something that is no tensor function")

    def call_36(self, count: int) -> None:
        """CALL_FUNCTION and CALL_METHOD: positional arguments alone."""
        arguments = self.bodies(count)
        self.call(self.pop(), arguments, ())

    def call_36_keywords(self, count: int) -> None:
        """CALL_FUNCTION_KW: the names are a tuple on top."""
        names = _texts(self.pop())
        arguments = self.bodies(count)
        self.call(self.pop(), arguments, names)

    def call_pairs(self, counts: int) -> None:
        """CALL_FUNCTION before 3.6: name and value by turns after the positional arguments."""
        pairs = self.bodies(2 * (counts >> 8))
        arguments = self.bodies(counts & 255)
        names = tuple(_text(name) for name in pairs[::2])
        self.call(self.pop(), (*arguments, *pairs[1::2]), names)

    def call_311(self, count: int) -> None:
        """CALL: one of the two places below the arguments is empty."""
        names, self.keywords = self.keywords, ()
        arguments = self.bodies(count)
        self.call(self.callee(), arguments, names)

    def call_313_keywords(self, count: int) -> None:
        """CALL_KW: as CALL, with the names on top."""
        names = _texts(self.pop())
        arguments = self.bodies(count)
        self.call(self.callee(), arguments, names)

    def callee(self) -> Value:
        """Take the two places of a call."""
        pair = self.take(2)
        found = [value for value in pair if not isinstance(value, _Null)]
        if len(found) != 1:
            raise MisreadError("its call is unusual")
        return found[0]

    def keyword_names(self, index: int) -> None:
        """KW_NAMES: for the next call."""
        self.load_const(index)
        self.keywords = _texts(self.pop())

    # --- the rest

    def give_back(self, _: int) -> None:
        """Return what is on top."""
        self.returned = self.pop()

    def give_back_constant(self, index: int) -> None:
        """Return a constant (3.12)."""
        self.load_const(index)
        self.returned = self.pop()

    def intrinsic(self, number: int) -> None:
        """Instructions that 3.12 turned into calls."""
        if number not in _INTRINSICS:
            raise BodyError("it has an unusual instruction")
        if number == 6:
            self.list_to_tuple()

    def swap(self, depth: int) -> None:
        """Exchange the top with an older value."""
        if not 2 <= depth <= len(self.stack):
            raise MisreadError("its stack is empty")
        self.stack[-1], self.stack[-depth] = self.stack[-depth], self.stack[-1]

    def copy(self, depth: int) -> None:
        """Push an older value once more."""
        if not 1 <= depth <= len(self.stack):
            raise MisreadError("its stack is empty")
        self.push(self.stack[-depth])

    def rotate_three(self, _: int) -> None:
        """Lift the second and third, put the top third."""
        a, b, c = self.take(3)
        self.stack += [c, a, b]


def _body(value: Value) -> Body:
    if isinstance(value, Module) and value.path in VALUES:
        return constant(VALUES[value.path])
    if isinstance(value, Module | _Method | _Given | _Null):
        raise BodyError("it uses a function or module as a value")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, Constant) or not isinstance(value.value, str):
        raise MisreadError("its call is unusual")
    return value.value


def _texts(value: Value) -> tuple[str, ...]:
    names = value.value if isinstance(value, Constant) else None
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise MisreadError("its call is unusual")
    return names


def _nothing(machine: _Machine, argument: int) -> None:
    return None


_BINARY = {
    "BINARY_POWER": "**",
    "BINARY_MULTIPLY": "*",
    "BINARY_ADD": "+",
    "BINARY_SUBTRACT": "-",
    "BINARY_FLOOR_DIVIDE": "//",
    "BINARY_TRUE_DIVIDE": "/",
    "BINARY_DIVIDE": "classic /",
    "BINARY_MODULO": "%",
    "BINARY_MATRIX_MULTIPLY": "@",
}
_HANDLERS: dict[str, Callable[[_Machine, int], None]] = {
    "NOP": _nothing,
    "RESUME": _nothing,
    "PRECALL": _nothing,
    "UNARY_POSITIVE": _nothing,
    "PUSH_NULL": lambda m, _: m.push(_NULL),
    "POP_TOP": lambda m, _: (m.pop(), None)[1],
    "DUP_TOP": lambda m, _: m.copy(1),
    "COPY": _Machine.copy,
    "ROT_TWO": lambda m, _: m.swap(2),
    "ROT_THREE": _Machine.rotate_three,
    "SWAP": _Machine.swap,
    "LOAD_CONST": _Machine.load_const,
    "LOAD_FAST": _Machine.load_fast,
    "LOAD_FAST_LOAD_FAST": _Machine.load_two,
    "STORE_FAST": _Machine.store_fast,
    "STORE_FAST_LOAD_FAST": _Machine.store_load,
    "STORE_FAST_STORE_FAST": _Machine.store_two,
    "LOAD_DEREF": _Machine.load_deref,
    "LOAD_GLOBAL": _Machine.load_global,
    "LOAD_ATTR": _Machine.load_attr,
    "LOAD_METHOD": _Machine.load_method,
    "IMPORT_NAME": _Machine.import_name,
    "IMPORT_FROM": _Machine.import_from,
    "BUILD_TUPLE": lambda m, n: m.build(tuple)(n),
    "BUILD_LIST": lambda m, n: m.build(list)(n),
    "BUILD_SLICE": _Machine.build_slice,
    "BINARY_SLICE": _Machine.slice_item,
    "SLICE_0": lambda m, _: m.slice_2(0)(0),
    "SLICE_1": lambda m, _: m.slice_2(1)(0),
    "SLICE_2": lambda m, _: m.slice_2(2)(0),
    "SLICE_3": lambda m, _: m.slice_2(3)(0),
    "LIST_EXTEND": _Machine.list_extend,
    "LIST_TO_TUPLE": _Machine.list_to_tuple,
    "UNPACK_SEQUENCE": _Machine.unpack,
    "BINARY_SUBSCR": _Machine.subscript,
    "BINARY_OP": _Machine.operator,
    "COMPARE_OP": _Machine.compare,
    "UNARY_NEGATIVE": _Machine.negative,
    "CALL_FUNCTION": _Machine.call_36,
    "CALL_METHOD": _Machine.call_36,
    "CALL_FUNCTION_KW": _Machine.call_36_keywords,
    "CALL_FUNCTION_PAIRS": _Machine.call_pairs,
    "CALL": _Machine.call_311,
    "CALL_KW": _Machine.call_313_keywords,
    "KW_NAMES": _Machine.keyword_names,
    "RETURN_VALUE": _Machine.give_back,
    "RETURN_CONST": _Machine.give_back_constant,
    "CALL_INTRINSIC_1": _Machine.intrinsic,
}
