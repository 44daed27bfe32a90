"""Bit packing against a bit-by-bit reference, and names of option fields."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.graph import DType, schema

_RANGES = {DType.INT2: (-2, 1), DType.INT4: (-8, 7), DType.UINT4: (0, 15)}


def reference(values: list[int], bits: int) -> bytes:
    """Little-endian bit string of two's complement elements."""
    whole = sum((v & (2**bits - 1)) << (i * bits) for i, v in enumerate(values))
    return whole.to_bytes(-(-len(values) * bits // 8), "little")


@given(st.sampled_from(sorted(_RANGES)), st.data())
def test_packing_matches_a_reference_and_comes_back(dtype: DType, data: st.DataObject) -> None:
    low, high = _RANGES[dtype]
    values = data.draw(st.lists(st.integers(low, high), max_size=70))
    array = np.asarray(values, dtype.numpy)
    packed = schema.pack_bits(array, dtype)
    assert packed.tobytes() == reference(values, dtype.bits)
    assert schema.unpack_bits(packed, dtype, len(values)).tolist() == values


@pytest.mark.parametrize(
    "attribute,expected",
    [
        ("dilationWFactor", "dilation_w_factor"),
        ("fusedActivationFunction", "fused_activation_function"),
        ("numSplits", "num_splits"),
        ("adjX", "adj_x"),
        ("keepNumDims", "keep_num_dims"),
        ("quantizedBiasType", "quantized_bias_type"),
    ],
)
def test_field_names_are_snake_case(attribute: str, expected: str) -> None:
    assert schema.snake(attribute) == expected


def test_every_option_table_has_distinct_field_names() -> None:
    for enum in ("BuiltinOptions", "BuiltinOptions2"):
        for table in schema.code_values(enum):
            if table != "NONE":
                names = schema.option_attributes(table)
                assert len(names) == len(vars(getattr(schema.module(), table + "T")()))


def test_tables_that_name_graphs_are_known() -> None:
    known = {**schema.SUBGRAPH_FIELDS, **{k: (v,) for k, v in schema.SUBGRAPH_LISTS.items()}}
    for enum in ("BuiltinOptions", "BuiltinOptions2"):
        for table in set(schema.code_values(enum)) - {"NONE"}:
            for name in vars(getattr(schema.module(), table + "T")()):
                if "subgraph" in name.lower():
                    assert name in known.get(table, ()), f"{table}.{name}"
