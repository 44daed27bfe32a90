"""Tables of other schemas: what was written is read, and damage is told."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph.tables import (
    Blob,
    DamagedError,
    Many,
    Scalar,
    Schema,
    Table,
    Text,
    Union,
    decode,
    encode,
)


@dataclass(frozen=True)
class Leaf:
    number: int = 0
    real: float = 0.0


@dataclass(frozen=True)
class Other:
    text: str = ""


@dataclass(frozen=True)
class Root:
    name: str = ""
    either: Leaf | Other | None = None
    leaf: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    texts: tuple[str, ...] = ()
    reals: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()
    small: int = 3
    data: bytes = b""


_SCHEMA: Schema = {
    Leaf: (Scalar("i"), Scalar("f", 0.0)),
    Other: (Text(),),
    Root: (
        Text(),
        Union((Leaf, Other)),
        Table(Leaf),
        Many(Table(Leaf)),
        Many(Text()),
        Many(Scalar("f")),
        Many(Scalar("I")),
        Scalar("b", 3),
        Blob(),
    ),
}
_reals = st.floats(width=32, allow_nan=False)
_leaves = st.builds(Leaf, st.integers(-(2**31), 2**31 - 1), _reals)
_roots = st.builds(
    Root,
    st.text(),
    st.none() | _leaves | st.builds(Other, st.text()),
    st.none() | _leaves,
    st.lists(_leaves, max_size=4).map(tuple),
    st.lists(st.text(), max_size=4).map(tuple),
    st.lists(_reals, max_size=9).map(tuple),
    st.lists(st.integers(0, 2**32 - 1), max_size=9).map(tuple),
    st.integers(-128, 127),
    st.binary(max_size=70),
)


@settings(max_examples=150, deadline=None)
@given(_roots)
def test_round_trip(root: Root) -> None:
    assert decode(encode(root, _SCHEMA, b"TEST"), Root, _SCHEMA, b"TEST") == root


@settings(max_examples=300, deadline=None)
@given(_roots, st.data())
def test_damage_never_ends_in_another_error(root: Root, data: st.DataObject) -> None:
    raw = bytearray(encode(root, _SCHEMA, b"TEST"))
    for _ in range(3):
        raw[data.draw(st.integers(8, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(8, len(raw)))])
    for damaged in (bytes(raw), cut):
        with suppress(DamagedError):
            decode(damaged, Root, _SCHEMA, b"TEST")


def test_blob_is_aligned() -> None:
    for size in range(1, 40):
        raw = encode(Root(data=b"\xab" * size, name="x" * size), _SCHEMA, b"TEST")
        assert raw.index(b"\xab" * size) % 16 == 0


def test_identifier_is_asked_for() -> None:
    with pytest.raises(DamagedError, match="identifier"):
        decode(encode(Root(), _SCHEMA, b"TEST"), Root, _SCHEMA, b"M001")
    with pytest.raises(DamagedError):
        decode(b"", Root, _SCHEMA, b"TEST")


def test_one_value_that_is_referred_to_often_is_refused() -> None:
    raw = bytearray(encode(Root(texts=("x",)), _SCHEMA, b"TEST"))
    position = int.from_bytes(raw[:4], "little")
    vtable = position - int.from_bytes(raw[position : position + 4], "little", signed=True)
    number = 5  # of the texts; the union before them takes two
    entry = vtable + 4 + 2 * number
    field = position + int.from_bytes(raw[entry : entry + 2], "little")
    raw[field : field + 4] = (len(raw) - field).to_bytes(4, "little")

    def many(count: int, size: int) -> bytes:
        """A list whose references all lead to one text behind it."""
        references = b"".join((4 * (count - i)).to_bytes(4, "little") for i in range(count))
        text = size.to_bytes(4, "little") + b"y" * size
        return bytes(raw) + count.to_bytes(4, "little") + references + text

    assert decode(many(3, 5), Root, _SCHEMA, b"TEST").texts == ("yyyyy",) * 3
    with pytest.raises(DamagedError, match="more than a file of its size"):
        decode(many(100_000, 1_000_000), Root, _SCHEMA, b"TEST")
