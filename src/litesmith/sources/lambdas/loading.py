"""Instructions that bring values onto the stack: constants, locals, modules and their members."""

from __future__ import annotations

from litesmith.sources.lambdas.body import Attribute, BodyError, Constant, MisreadError
from litesmith.sources.lambdas.evaluate import ATTRIBUTES
from litesmith.sources.lambdas.functions import MODULES, Module, member, module
from litesmith.sources.lambdas.marshalled import Code
from litesmith.sources.lambdas.stack import NULL, Given, Machine, Method, Value, as_body, constant

_WORDS_2 = {"True": True, "False": False, "None": None}  # Python 2 looks them up


def load_const(machine: Machine, index: int) -> None:
    """Push a constant."""
    if index >= len(machine.code.consts):
        raise MisreadError("a constant is missing")
    value = machine.code.consts[index]
    if isinstance(value, Code):
        raise BodyError("it defines a function inside")
    machine.push(constant(value))


def load_fast(machine: Machine, index: int) -> None:
    """Push a local or, since 3.11, any kind of variable by its joint index."""
    if index not in machine.locals:
        if index >= len(machine.code.varnames):
            raise MisreadError("it names nothing")
        name = machine.code.varnames[index]
        raise BodyError(f"its parameter '{name}' has no value in the file")
    machine.push(machine.locals[index])


def load_two(machine: Machine, both: int) -> None:
    """Push two locals (3.13)."""
    load_fast(machine, both >> 4)
    load_fast(machine, both & 15)


def store_load(machine: Machine, both: int) -> None:
    """Set a local and push one (3.13)."""
    store_fast(machine, both >> 4)
    load_fast(machine, both & 15)


def store_two(machine: Machine, both: int) -> None:
    """Set two locals (3.13)."""
    store_fast(machine, both >> 4)
    store_fast(machine, both & 15)


def store_fast(machine: Machine, index: int) -> None:
    """Set a local."""
    if index >= len(machine.code.varnames):
        raise MisreadError("it names nothing")
    machine.locals[index] = machine.pop()


def load_deref(machine: Machine, index: int) -> None:
    """Push a free variable."""
    joint = machine.dialect.version >= (3, 11)
    names = machine.code.varnames if joint else machine.code.freevars
    name = names[index] if index < len(names) else "?"
    if name not in machine.code.freevars or name not in machine.around.closure:
        raise BodyError(f"it uses the variable '{name}', whose value the file does not hold")
    machine.push(constant(machine.around.closure[name]))


def load_global(machine: Machine, index: int) -> None:
    """Push a module by its customary name, a builtin, or an object of the user."""
    null = False
    if machine.dialect.version >= (3, 11):
        index, null = index >> 1, bool(index & 1)
    name = machine.named(index)
    if null and machine.dialect.version < (3, 13):
        machine.push(NULL)
    if name in machine.around.given:
        value = machine.around.given[name]
        machine.push(Given(name) if callable(value) else constant(value))
    elif name in MODULES:
        machine.push(Module(MODULES[name]))
    elif name in _WORDS_2 and machine.dialect.layout == "2":
        machine.push(constant(_WORDS_2[name]))
    else:
        raise BodyError(f"it uses '{name}', which the file does not define")
    if null and machine.dialect.version >= (3, 13):
        machine.push(NULL)


def load_attr(machine: Machine, index: int) -> None:
    """Replace a module or tensor by a member; since 3.12 also what is called next."""
    method = False
    if machine.dialect.version >= (3, 12):
        index, method = index >> 1, bool(index & 1)
    attribute(machine, machine.named(index), method)


def load_method(machine: Machine, index: int) -> None:
    """Replace a module or tensor by what is called next (3.7 … 3.11)."""
    attribute(machine, machine.named(index), machine.dialect.version >= (3, 11))


def attribute(machine: Machine, name: str, method: bool) -> None:
    """Push `of.name`, with the empty place of a call when it is to be called."""
    of = machine.pop()
    if isinstance(of, Module):
        found = member(of, name)
        value: Value = found if isinstance(found, Module) else constant(found)
    elif name in ATTRIBUTES:
        value = Attribute(as_body(of), name)
    elif f"{name}()" in ATTRIBUTES:
        value = Method(as_body(of), f"{name}()")
    else:
        raise BodyError(f"it uses '.{name}'")
    if method and machine.dialect.version < (3, 13):
        machine.push(NULL)
    machine.push(value)
    if method and machine.dialect.version >= (3, 13):
        machine.push(NULL)


def import_name(machine: Machine, index: int) -> None:
    """Push a module that the body imports; it is not imported."""
    wanted, level = machine.pop(), machine.pop()
    name = machine.named(index)
    if not isinstance(level, Constant) or level.value not in (0, -1):
        raise BodyError(f"it imports {name}")
    whole = isinstance(wanted, Constant) and wanted.value is None
    path = name.split(".")[0] if whole else name
    machine.push(module(path))


def import_from(machine: Machine, index: int) -> None:
    """Push a member of the module on top."""
    of = machine.stack[-1] if machine.stack else None
    if not isinstance(of, Module):
        raise BodyError("it imports something")
    found = member(of, machine.named(index))
    machine.push(found if isinstance(found, Module) else constant(found))


def swap(machine: Machine, depth: int) -> None:
    """Exchange the top with an older value."""
    if not 2 <= depth <= len(machine.stack):
        raise MisreadError("its stack is empty")
    machine.stack[-1], machine.stack[-depth] = machine.stack[-depth], machine.stack[-1]


def copy(machine: Machine, depth: int) -> None:
    """Push an older value once more."""
    if not 1 <= depth <= len(machine.stack):
        raise MisreadError("its stack is empty")
    machine.push(machine.stack[-depth])


def rotate_three(machine: Machine, _: int) -> None:
    """Lift the second and third, put the top third."""
    a, b, c = machine.take(3)
    machine.stack += [c, a, b]
