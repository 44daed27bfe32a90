"""Constant factors go past ReLUs, into weights that are not beside them.

Algebra, for s > 0 (LEAKY_RELU and PRELU likewise):
    s·relu(linear(z))       = relu(linear'(z))           back, s in the weights
    linear(relu(s·x))       = linear'(relu(x))           forward, s in the weights
    relu(s·x + t)           = s·relu(x + t/s)            the MUL goes forward, the ADD stays
Otherwise as `fold_backward` and `fold_forward`. Further side condition: |t/s| must not dwarf 1/s of
the other channels: one dead channel would take the range of all others in 8 bits.
A family of its own because it changes the values behind the ReLU, so how they are distributed over
the channels; `--no-rewrite scales_past_relu` keeps those of the original. Saves an op.
"""

from __future__ import annotations

from collections.abc import Callable

from litesmith.graph import Op
from litesmith.rewrite import fold_backward, fold_forward
from litesmith.rewrite.affine import KINDS
from litesmith.rewrite.engine import Decline, Edit, Family, View

_Fold = Callable[[Op, View, bool], "Edit | Decline | None"]


def _past(fold: _Fold) -> Callable[[Op, View], Edit | Decline | None]:
    def rule(op: Op, view: View) -> Edit | Decline | None:
        other = fold(op, view, False)
        if isinstance(other, Edit):
            return None  # left to the family without ReLUs, which may be left out
        found = fold(op, view, True)
        # What stands in the way of that family too is its to say.
        said = isinstance(found, Decline) and isinstance(other, Decline) and other.why == found.why
        return None if said else found

    return rule


SCALES_PAST_RELU = Family(
    "scales_past_relu",
    "constant factors go past ReLUs into weights",
    {kind: (_past(fold_backward.fold), _past(fold_forward.fold)) for kind in KINDS},
)
