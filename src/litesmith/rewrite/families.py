"""The visible lists of rule families, in the order they are tried."""

from __future__ import annotations

from litesmith.rewrite.activations import ACTIVATIONS
from litesmith.rewrite.engine import Family
from litesmith.rewrite.fold_constants import FOLD_CONSTANTS
from litesmith.rewrite.identities import IDENTITIES
from litesmith.rewrite.integer_forms import INTEGER_FORMS

# Run on every float graph, to a fixed point.
FAMILIES: tuple[Family, ...] = (
    FOLD_CONSTANTS,
    IDENTITIES,
    ACTIVATIONS,
)
# Run after them when activations become integers.
INTEGER_FAMILIES: tuple[Family, ...] = (INTEGER_FORMS,)
