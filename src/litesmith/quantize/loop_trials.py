"""Which way loops compute is found by trying: integers in them first, then float where it wins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from litesmith.graph import Graph, Op
from litesmith.quantize.contest import Contest, Draft
from litesmith.quantize.plan import before_loops

# What a form of loops must win, and what is said of it. The float one is hardly slower on a CPU
# (weights are int8 all the same), but is none of the integers that were asked for.
_FORMS: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "int8": (0.9, "states that loops update are int8"),
        "int16": (1.0, "states that loops update are int16"),
        "float32": (1.1, "states that loops update stay float: as int8 they would be off"),
        "": (1.2, "loops stay float: integers in them would change the answers"),
    }
)
_PRODUCTS = 1.1  # what products in float before a loop must win
_REASON = "its int8 results would be all that a loop in float sees"


def try_loops(
    contest: Contest, forms: Sequence[str], kept: Callable[[Graph], Collection[Op]]
) -> None:
    """Settle how loops compute; the best draft becomes the plain one.

    Args:
        contest: what is best there is varied.
        forms: other ones, see `loop_forms.forms`.
        kept: graph → ops of it whose bits the user chose.
    """
    base = contest.best
    contest.add([_looped(base, form) for form in forms if form != base.loops])
    best = contest.best
    if not best.loops and (floats := before_loops(best.graph)):
        own = kept(best.graph)
        contest.add([_products_float(best, [op for op in floats if op not in own])])
    contest.plain = contest.best


def _looped(base: Draft, form: str) -> Draft:
    price, why = _FORMS[form]
    return replace(base, loops=form, why=(*base.why, why), price=base.price * price)


def _products_float(base: Draft, ops: Collection[Op]) -> Draft:
    """Let the products that loops in float read stay float as well."""
    return replace(
        base,
        floats={**base.floats, **dict.fromkeys(ops, _REASON)},
        why=(*base.why, "what loops read stays float"),
        price=base.price * _PRODUCTS,
    )
