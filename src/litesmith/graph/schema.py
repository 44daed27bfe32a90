"""What reading and writing share: names of the schema's codes, option tables, bit packing."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np

from litesmith.graph.dtypes import DType
from litesmith.graph.model import Array

CUSTOM_PREFIX = "CUSTOM:"

# Option fields that name graphs; they become `Op.subgraphs`, in this order.
SUBGRAPH_FIELDS: dict[str, tuple[str, ...]] = {
    "WhileOptions": ("condSubgraphIndex", "bodySubgraphIndex"),
    "IfOptions": ("thenSubgraphIndex", "elseSubgraphIndex"),
    "CallOnceOptions": ("initSubgraphIndex",),
    "CallOptions": ("subgraph",),
    "StablehloWhileOptions": ("condSubgraphIndex", "bodySubgraphIndex"),
    "StablehloReduceOptions": ("bodySubgraphIndex",),
    "StablehloReduceWindowOptions": ("bodySubgraphIndex",),
    "StablehloSortOptions": ("comparatorSubgraphIndex",),
    "StablehloScatterOptions": ("updateComputationSubgraphIndex",),
    "StableHLOCompositeOptions": ("decompositionSubgraphIndex",),
}
# Fields that hold a list of graphs: refused aloud until a real file needs them.
SUBGRAPH_LISTS: dict[str, str] = {
    "StablehloCaseOptions": "branchSubgraphIndices",
    "StablehloCustomCallOptions": "calledComputations",
}


@cache
def module() -> Any:
    """Return the generated flatbuffer module of LiteRT's schema."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


@cache
def code_names(enum: str) -> dict[int, str]:
    """Return value → name of a schema enumeration ("BuiltinOperator", "TensorType", …)."""
    members = vars(getattr(module(), enum))
    return {value: name for name, value in members.items() if isinstance(value, int)}


@cache
def code_values(enum: str) -> dict[str, int]:
    """Return name → value of a schema enumeration."""
    return {name: value for value, name in code_names(enum).items()}


@cache
def snake(name: str) -> str:
    """Return the snake_case form of a generated attribute name ("dilationWFactor")."""
    return re.sub(
        r"(?<=[a-z0-9])([A-Z])", r"_\1", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    ).lower()


@cache
def option_attributes(table: str) -> dict[str, str]:
    """Return snake_case field → generated attribute of an option table."""
    return {snake(name): name for name in vars(getattr(module(), table + "T")())}


def unpack_bits(raw: Array, dtype: DType, count: int) -> Array:
    """Return `count` elements of a sub-byte type, one per array element.

    Args:
        raw: uint8[bytes], low bits first.
        dtype: INT2, INT4 or UINT4.
        count: elements to return.
    """
    bits = dtype.bits
    per_byte = 8 // bits
    shifts = np.arange(per_byte, dtype=np.uint8) * bits
    values = ((raw[:, None] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count]
    if dtype is DType.UINT4:
        return values
    sign = 1 << (bits - 1)
    return ((values ^ sign).astype(np.int16) - sign).astype(np.int8)


def pack_bits(values: Array, dtype: DType) -> Array:
    """Return the bytes of sub-byte elements: the inverse of `unpack_bits`."""
    bits = dtype.bits
    per_byte = 8 // bits
    flat = values.reshape(-1).astype(np.uint8) & ((1 << bits) - 1)
    padded = np.zeros(-(-flat.size // per_byte) * per_byte, np.uint8)
    padded[: flat.size] = flat
    columns = padded.reshape(-1, per_byte)
    packed = np.zeros(len(columns), np.uint8)
    for i in range(per_byte):
        packed |= columns[:, i] << np.uint8(i * bits)
    return packed
