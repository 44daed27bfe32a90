"""The reader of marshalled code against CPython's own, and against hostile bytes."""

from __future__ import annotations

import dis
import marshal
import opcode
import random
import struct
import sys
from types import CodeType
from typing import Any

import pytest

from litesmith.sources.lambdas.dialects import DIALECTS
from litesmith.sources.lambdas.marshalled import Code, read_code


def _same(found: Any, real: Any) -> bool:
    if isinstance(real, CodeType):
        assert isinstance(found, Code)
        assert (found.argcount, found.flags) == (real.co_argcount, real.co_flags)
        assert (found.code, found.names) == (real.co_code, real.co_names)
        assert found.freevars == real.co_freevars
        return _same(found.consts, real.co_consts)
    if isinstance(real, tuple | frozenset):
        assert len(found) == len(real)
        return isinstance(real, frozenset) or all(map(_same, found, real))
    return type(found) is type(real) and found == real


@pytest.mark.parametrize("version", range(5))
def test_this_pythons_own_library(version: int) -> None:
    if version < 3 and sys.version_info >= (3, 13):
        pytest.skip("older marshal versions are not written for code")
    for module in (dis, random, struct):
        with open(module.__file__ or "", encoding="utf-8") as file:
            code = compile(file.read(), module.__file__ or "", "exec")
        small = [c for c in code.co_consts if isinstance(c, CodeType)][:20]
        for one in small:
            found = read_code(marshal.dumps(one, version))
            assert len(found) == 1
            assert _same(found[0], one)


def test_tables_of_this_python() -> None:
    name = f"3.{sys.version_info[1]}"
    for dialect in DIALECTS:
        if name in dialect.name.split("-") or dialect.name.endswith(f"-{name}"):
            for number, instruction in dialect.names.items():
                real = opcode.opname[number].replace("INPLACE_", "BINARY_")
                assert real in (instruction, "<0>"), number


_ONE = marshal.dumps((lambda x: x * 2).__code__)


def test_truncated_and_flipped_bytes() -> None:
    for size in range(len(_ONE)):
        assert read_code(_ONE[:size]) == ()
    random_ = random.Random(1)
    for _ in range(4000):
        damaged = bytearray(_ONE)
        for _ in range(random_.randint(1, 4)):
            damaged[random_.randrange(len(damaged))] = random_.randrange(256)
        read_code(bytes(damaged))
    for _ in range(500):
        read_code(b"\xe3" + random_.randbytes(200))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"(" + struct.pack("<i", 1 << 30),
        b"(" + struct.pack("<i", -1),
        b"l" + struct.pack("<i", 1 << 29),
        b")\x01" * 100_000 + b"N",
        b"[" * 5000,
        b"r" + struct.pack("<i", 0),
        b"\xe3" + b"\x01\0\0\0" * 6 + b"r" + struct.pack("<i", 0),
        b"c" * 2_000_000,
    ],
)
def test_hostile_bytes(data: bytes) -> None:
    assert read_code(data) == ()


def test_references_that_double() -> None:
    """A billion laughs: each tuple holds the one before twice."""
    levels = b"\xa9\x02" * 30 + b"NN"
    laughs = (
        b")\x02"
        + b"\xa9\x02NN"
        + b"".join(b")\x02" + (b"r" + struct.pack("<i", i)) * 2 for i in range(30))
    )
    assert read_code(levels) == read_code(laughs) == ()
    parts = marshal.dumps((lambda x: x).__code__)
    assert read_code(parts)
    doubled: Any = (1,)
    for _ in range(16):
        doubled = (doubled, doubled)
    code = (lambda x: x).__code__.replace(co_consts=(doubled,))
    assert read_code(marshal.dumps(code)) == ()
