"""Byte code → body: a stack machine whose values are trees instead of results.

Only straight code is followed. An instruction, name or use that is not in a table ends the proof.
"""

from __future__ import annotations

from collections.abc import Callable

from litesmith.sources.lambdas import calling, computing, loading
from litesmith.sources.lambdas.body import Body, BodyError, MisreadError
from litesmith.sources.lambdas.dialects import Dialect, instructions
from litesmith.sources.lambdas.marshalled import Code
from litesmith.sources.lambdas.stack import NULL, Machine, Surroundings, as_body

_PLAIN_FLAGS = 0x01 | 0x02 | 0x10 | 0x40  # optimized, new locals, nested, no free variables
_FUTURES = 0x1FFE000 | 0x4000000  # `from __future__ import …`, and "has a docstring"
_STEPS = 400


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
    machine = Machine(code, dialect, around)
    try:
        for name, argument in instructions(code.code, dialect):
            _step(machine, name, argument)
        return _result(machine)
    except BodyError as error:
        error.followed = machine.steps
        raise


def _step(machine: Machine, name: str, argument: int) -> None:
    """Follow one instruction."""
    machine.steps += 1
    if machine.returned is not None or machine.steps > _STEPS:
        raise BodyError("it is more than one expression")
    if not machine.started and machine.dialect.version >= (3, 11):
        if name == "COPY_FREE_VARS":
            return
        if name != "RESUME" or argument:
            raise MisreadError("it does not begin as a function does")
    machine.started = True
    if name in _BINARY:
        computing.binary(machine, _BINARY[name])
    else:
        _HANDLERS[name](machine, argument)


def _result(machine: Machine) -> Body:
    """Return what was returned."""
    if machine.returned is None or machine.stack:
        raise MisreadError("it returns nothing")
    return as_body(machine.returned)


def _nothing(machine: Machine, argument: int) -> None:
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
_HANDLERS: dict[str, Callable[[Machine, int], None]] = {
    "NOP": _nothing,
    "RESUME": _nothing,
    "PRECALL": _nothing,
    "UNARY_POSITIVE": _nothing,
    "PUSH_NULL": lambda m, _: m.push(NULL),
    "POP_TOP": lambda m, _: (m.pop(), None)[1],
    "DUP_TOP": lambda m, _: loading.copy(m, 1),
    "COPY": loading.copy,
    "ROT_TWO": lambda m, _: loading.swap(m, 2),
    "ROT_THREE": loading.rotate_three,
    "SWAP": loading.swap,
    "LOAD_CONST": loading.load_const,
    "LOAD_FAST": loading.load_fast,
    "LOAD_FAST_LOAD_FAST": loading.load_two,
    "STORE_FAST": loading.store_fast,
    "STORE_FAST_LOAD_FAST": loading.store_load,
    "STORE_FAST_STORE_FAST": loading.store_two,
    "LOAD_DEREF": loading.load_deref,
    "LOAD_GLOBAL": loading.load_global,
    "LOAD_ATTR": loading.load_attr,
    "LOAD_METHOD": loading.load_method,
    "IMPORT_NAME": loading.import_name,
    "IMPORT_FROM": loading.import_from,
    "BUILD_TUPLE": computing.build(tuple),
    "BUILD_LIST": computing.build(list),
    "BUILD_SLICE": computing.build_slice,
    "BINARY_SLICE": computing.slice_item,
    "SLICE_0": computing.slice_2(0),
    "SLICE_1": computing.slice_2(1),
    "SLICE_2": computing.slice_2(2),
    "SLICE_3": computing.slice_2(3),
    "LIST_EXTEND": computing.list_extend,
    "LIST_TO_TUPLE": computing.list_to_tuple,
    "UNPACK_SEQUENCE": computing.unpack,
    "BINARY_SUBSCR": computing.subscript,
    "BINARY_OP": computing.operator,
    "COMPARE_OP": computing.compare,
    "UNARY_NEGATIVE": computing.negative,
    "CALL_FUNCTION": calling.call_36,
    "CALL_METHOD": calling.call_36,
    "CALL_FUNCTION_KW": calling.call_36_keywords,
    "CALL_FUNCTION_PAIRS": calling.call_pairs,
    "CALL": calling.call_311,
    "CALL_KW": calling.call_313_keywords,
    "KW_NAMES": calling.keyword_names,
    "RETURN_VALUE": computing.give_back,
    "RETURN_CONST": computing.give_back_constant,
    "CALL_INTRINSIC_1": computing.intrinsic,
}
