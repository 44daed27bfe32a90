"""A chain of constant MUL, ADD, SUB, DIV and NEG is at most one MUL and one ADD.

Algebra: each is x → s·x + t; composed they are s·x + t again. Written MUL → ADD, or ADD → MUL when
the chain begins with an ADD (x − mean loses digits when it is not made first and no factor is 0).
What comes out as ×1 or +0 in float32 goes. Side conditions: values between are read by nothing
else, are no outputs and have no activation; the last activation stays; the new constants are no
larger than the old ones together. Saves what exceeds two ops, and one of two of the same sort.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import Array, Op, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.affine import KINDS, Affine, Blocked, as_constant, read_affine
from litesmith.rewrite.engine import Edit, Family, View, activation, binary, bypass

_GROWTH_LIMIT = 4096  # bytes that a combined constant may add


def _combine(op: Op, view: View) -> Edit | None:
    found = read_affine(op)
    if found is None:
        return None
    x, total = found
    chain = [op]
    try:
        while (first := view.plain(x, *KINDS)) is not None:
            inner = read_affine(first)
            if inner is None:
                break
            x, total = inner[0], total.after(inner[1])
            chain.append(first)
        return _written(chain, x, total, view)
    except Blocked:
        return None


def _written(chain: Sequence[Op], x: Tensor, total: Affine, view: View) -> Edit | None:
    op, first = chain[0], chain[-1]
    fused = activation(op)
    parts = _parts(x, total, first.kind in ("ADD", "SUB"))
    if not parts and fused == Activation.NONE:
        return _identity(chain, x, view)
    if len(chain) <= max(len(parts), 1) or _grown(chain, parts):
        return None
    parts = parts or [("ADD", as_constant(f"{x.name}/zero", np.zeros(())))]
    made = []
    for i, (kind, values) in enumerate(parts):
        last = i == len(parts) - 1
        result = op.outputs[0] if last else op.outputs[0].with_(name=f"{op.outputs[0].name}/{kind}")
        made.append(binary(kind, x, values, result, op, fused if last else 0))
        x = result
    return Edit({**{inner: () for inner in chain[1:]}, op: made})


def _parts(x: Tensor, total: Affine, shift_first: bool) -> list[tuple[str, Tensor]]:
    """Return the ops that are left, (kind, constant), without ×1 and +0."""
    scale, shift = total.scale, total.shift
    centered = shift_first and bool(scale.all())
    found = [("MUL", as_constant(f"{x.name}/scale", scale))]
    offset = ("ADD", as_constant(f"{x.name}/shift", shift / scale if centered else shift))
    found.insert(0 if centered else 1, offset)
    neutral = {"MUL": 1.0, "ADD": 0.0}
    return [(kind, c) for kind, c in found if not _equal(c.data, neutral[kind])]


def _equal(values: Array | None, wanted: float) -> bool:
    return values is not None and bool((values == wanted).all())


def _grown(chain: Sequence[Op], parts: Sequence[tuple[str, Tensor]]) -> bool:
    old = sum(
        t.data.nbytes for op in chain for t in op.inputs if t is not None and t.data is not None
    )
    new = sum(t.data.nbytes for _, t in parts if t.data is not None)
    return new > old + _GROWTH_LIMIT


def _identity(chain: Sequence[Op], x: Tensor, view: View) -> Edit | None:
    if len(chain) == 1:
        return bypass(chain[0], x, view)
    edit = bypass(chain[0].with_(inputs=(x,)), x, view)
    if edit is None:
        return None
    kept = {o: new for o, new in edit.replace.items() if o in view.position}
    return Edit({**kept, **{op: () for op in chain}}, edit.tensors)


COMBINE_CONSTANTS = Family(
    "combine_constants",
    "chains of constant arithmetic become at most one MUL and one ADD",
    {kind: (_combine,) for kind in KINDS},
)
