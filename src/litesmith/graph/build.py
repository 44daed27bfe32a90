"""New ops and constants, with the schema's default options."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.graph import schema
from litesmith.graph.dtypes import DType
from litesmith.graph.model import Op, Options, Tensor

# Option tables whose name does not follow from the op's.
_TABLES = {
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "CONV_3D": "Conv3DOptions",
    "CONV_3D_TRANSPOSE": "Conv3DOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "MEAN": "ReducerOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "REDUCE_ALL": "ReducerOptions",
    "REDUCE_ANY": "ReducerOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "PADV2": "PadV2Options",
    "BATCH_TO_SPACE_ND": "BatchToSpaceNDOptions",
    "SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions",
    "SVDF": "SVDFOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "BidirectionalSequenceLSTMOptions",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "SequenceRNNOptions",
    "BIDIRECTIONAL_SEQUENCE_RNN": "BidirectionalSequenceRNNOptions",
    "REVERSE_V2": "ReverseV2Options",
    "STABLEHLO_COMPOSITE": "StableHLOCompositeOptions",
    "TOPK_V2": "TopKV2Options",
    "NON_MAX_SUPPRESSION_V4": "NonMaxSuppressionV4Options",
    "NON_MAX_SUPPRESSION_V5": "NonMaxSuppressionV5Options",
}


def table_of(kind: str) -> str | None:
    """Return the option table of an op kind, None for kinds without one."""
    camel = "".join(part.capitalize() for part in kind.split("_")) + "Options"
    table = _TABLES.get(kind, camel)
    return table if hasattr(schema.module(), table + "T") else None


def default_options(kind: str, **fields: Any) -> Options | None:
    """Return an op kind's options: the schema's defaults with some fields changed.

    Raises:
        ValueError: the kind has no such option.
    """
    table = table_of(kind)
    if table is None:
        if fields:
            raise ValueError(f"{kind} has no options, so not {sorted(fields)}")
        return None
    attributes = schema.option_attributes(table)
    default = getattr(schema.module(), table + "T")()
    values = {name: getattr(default, attribute) for name, attribute in attributes.items()}
    unknown = set(fields) - set(values)
    if unknown:
        raise ValueError(f"{table} has no {sorted(unknown)}; it has {sorted(values)}")
    calls = schema.SUBGRAPH_FIELDS.get(table, ())
    kept = {
        n: tuple(v) if isinstance(v, list) else v
        for n, v in (values | fields).items()
        if attributes[n] not in calls
    }
    return Options(table, MappingProxyType(kept))


def make_op(
    kind: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    version: int = 1,
    origin: tuple[str, ...] = (),
    **fields: Any,
) -> Op:
    """Return an op with the schema's default options, some changed.

    Raises:
        ValueError: the kind has no such option.
    """
    options = default_options(kind, **fields)
    return Op(kind, tuple(inputs), tuple(outputs), options, version=version, origin=origin)


def make_constant(name: str, values: npt.ArrayLike, dtype: DType = DType.FLOAT32) -> Tensor:
    """Return a constant tensor of a fixed-size element type."""
    array = np.array(values, dtype.numpy, order="C")
    return Tensor(name, array.shape, dtype, array)
