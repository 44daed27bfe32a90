"""Arbitrary metadata, drawn from the schema itself."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from litesmith.graph.tables import Blob, Kind, Scalar, Table, Text, Union
from litesmith.interface.metadata.schema import SCHEMA

_SCALARS = {
    "b": st.integers(0, 2),
    "i": st.integers(-(2**31), 2**31 - 1),
    "I": st.integers(0, 2**32 - 1),
    "f": st.floats(width=32, allow_nan=False),
}


def tables(kind: type) -> st.SearchStrategy[Any]:
    """Return a strategy for one of the schema's tables and all below it."""
    return st.builds(kind, *(_values(k) for k in SCHEMA[kind]))


def _values(kind: Kind) -> st.SearchStrategy[Any]:
    if isinstance(kind, Scalar):
        return _SCALARS[kind.code]
    if isinstance(kind, Text):
        return st.text(max_size=6)
    if isinstance(kind, Blob):
        return st.binary(max_size=40)
    if isinstance(kind, Table):
        return st.none() | tables(kind.of)
    if isinstance(kind, Union):
        return st.none() | st.one_of(*(tables(member) for member in kind.members))
    inner = tables(kind.of.of) if isinstance(kind.of, Table) else _values(kind.of)
    return st.lists(inner, max_size=2).map(tuple)
