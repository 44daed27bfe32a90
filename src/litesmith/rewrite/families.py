"""The visible lists of rule families, in the order they are tried."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from litesmith.rewrite.absorbed_means import ABSORBED_MEANS, RESTORED_MEANS
from litesmith.rewrite.absorbed_reshapes import ABSORBED_RESHAPES
from litesmith.rewrite.activations import ACTIVATIONS
from litesmith.rewrite.centered_weights import CENTERED_WEIGHTS
from litesmith.rewrite.channel_orders import CHANNEL_ORDERS
from litesmith.rewrite.combine_constants import COMBINE_CONSTANTS
from litesmith.rewrite.composites import COMPOSITES
from litesmith.rewrite.duplicates import DUPLICATES
from litesmith.rewrite.embedding import EMBEDDING
from litesmith.rewrite.engine import Family
from litesmith.rewrite.expand_halves import EXPAND_HALVES
from litesmith.rewrite.fold_backward import FOLD_BACKWARD
from litesmith.rewrite.fold_constants import FOLD_CONSTANTS
from litesmith.rewrite.fold_forward import FOLD_FORWARD
from litesmith.rewrite.fuse_lstm import fuse_lstm
from litesmith.rewrite.global_pools import GLOBAL_POOLS
from litesmith.rewrite.identities import IDENTITIES
from litesmith.rewrite.integer_forms import INTEGER_FORMS
from litesmith.rewrite.linear_chains import LINEAR_CHAINS
from litesmith.rewrite.lstm_forms import always, better_fused, better_looped, never, stays_loop
from litesmith.rewrite.matmul_scales import MATMUL_SCALES
from litesmith.rewrite.matmul_transposes import MATMUL_TRANSPOSES
from litesmith.rewrite.moves import MOVES
from litesmith.rewrite.normalization import NORMALIZATION
from litesmith.rewrite.padding import PADDING
from litesmith.rewrite.parallel_branches import PARALLEL_BRANCHES
from litesmith.rewrite.pooled_products import POOLED_PRODUCTS
from litesmith.rewrite.reductions import REDUCTIONS
from litesmith.rewrite.regrouped_axes import REGROUPED_AXES
from litesmith.rewrite.scales_past_relu import SCALES_PAST_RELU
from litesmith.rewrite.shapes import SHAPES
from litesmith.rewrite.signs import SIGNS
from litesmith.rewrite.softmax import SOFTMAX
from litesmith.rewrite.softmax_axes import SOFTMAX_AXES
from litesmith.rewrite.thin_channels import THIN_CHANNELS
from litesmith.rewrite.time_distributed import TIME_DISTRIBUTED
from litesmith.rewrite.unfuse_lstm import unfuse_lstm
from litesmith.rewrite.unit_length import UNIT_LENGTH
from litesmith.rewrite.upsampling import UPSAMPLING

# The form that recurrent layers take: the faster one on the CPU, or the one that a target needs.
RECURRENT: Mapping[str, tuple[Family, Family]] = MappingProxyType(
    {
        "auto": (fuse_lstm(better_fused), unfuse_lstm(better_looped, stays_loop)),
        "fused": (fuse_lstm(always, tanh_only=True), unfuse_lstm(never, never)),
        "loop": (fuse_lstm(never), unfuse_lstm(always, always)),
    }
)

# Run on every float graph, to a fixed point.
FAMILIES: tuple[Family, ...] = (
    FOLD_CONSTANTS,
    SHAPES,
    EMBEDDING,
    IDENTITIES,
    COMPOSITES,
    TIME_DISTRIBUTED,
    *RECURRENT["auto"],
    SOFTMAX,
    SOFTMAX_AXES,
    ACTIVATIONS,
    PADDING,
    POOLED_PRODUCTS,
    CHANNEL_ORDERS,
    LINEAR_CHAINS,
    PARALLEL_BRANCHES,
    SIGNS,
    REDUCTIONS,
    UNIT_LENGTH,
    NORMALIZATION,
    CENTERED_WEIGHTS,
    UPSAMPLING,
    MOVES,
    REGROUPED_AXES,
    ABSORBED_RESHAPES,
    MATMUL_TRANSPOSES,
    MATMUL_SCALES,
    COMBINE_CONSTANTS,
    FOLD_BACKWARD,
    FOLD_FORWARD,
    SCALES_PAST_RELU,
    DUPLICATES,
    ABSORBED_MEANS,
    THIN_CHANNELS,
)
# Run after them when activations become integers.
INTEGER_FAMILIES: tuple[Family, ...] = (
    EXPAND_HALVES,
    RESTORED_MEANS,
    SIGNS,
    NORMALIZATION,
    INTEGER_FORMS,
    GLOBAL_POOLS,
)


def selected(recurrent: str = "auto") -> tuple[Family, ...]:
    """Return the families that run on every float graph.

    Args:
        recurrent: a key of `RECURRENT`.
    """
    chosen = {family.name: family for family in RECURRENT[recurrent]}
    return tuple(chosen.get(family.name, family) for family in FAMILIES)
