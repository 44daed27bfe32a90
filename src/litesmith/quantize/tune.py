"""What 8 bits lose is found by trying: forms of the integer graph compete on a few examples.

Plain ranges, with one scale for each input, are the start. Something else takes their place only
when the answers of the whole file come clearly nearer to those of the float graph:
- ranges that clip rare values (`clip`), of all tensors or of single ones, free at run time;
- channels that are scaled to one range (`equalize`), free as well;
- ops with int16 activations where that is cheap (`wide_forms`);
- an entrance that stays float up to where its columns are of one range (`entrance_forms`);
- a last layer that stays float, where the steps of its scores decide the answer.
The latter two break the promise of integers and are only tried when the answers are far off.
How they compete is in `contest`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.facts import facts
from litesmith.graph.heads import heads
from litesmith.quantize.clip import Range, gains, percentiles, typical
from litesmith.quantize.contest import CERTAIN, Build, Contest, Draft
from litesmith.quantize.entrance_forms import Entrance, entrance_forms, layer_price
from litesmith.quantize.equalize import equalized, ties
from litesmith.quantize.loop_trials import try_loops
from litesmith.quantize.ranges import narrowed
from litesmith.quantize.second_look import channel_ends, few
from litesmith.quantize.wide_forms import Wide, wide_forms, wide_tensors

_VISIBLE = 2e-4  # error from which answers differ now and then (1 of 200, on classifiers)
_NOTABLE = 1e-3  # error from which more is tried than all ranges at once
_WIDER = 3e-3  # error from which ops may get 16 bits (some tenths of a point, on classifiers)
# Error from which ops may stay float: the scheme promises integers, and hardware may count on it,
# so that only a file whose answers are of little use otherwise is another one (it is said).
_ISLANDS = 1e-2
_MIXED = 3e-3  # … where the file holds float ops anyway: loops, or recurrent ops
_CLIP = 1.1  # what clipping all tensors must win
_CLIP_ONE = 1.05  # … and clipping a single one
_EQUALIZE = 1.1  # … and scaling channels
_STRENGTHS = (0.5, 1.0)
_ENOUGH = 32  # examples from which some of them are rare
_TYPICAL = (0.95, 0.9, 0.75)
_PERCENT = 99.99
_TYPICAL_ONE = 0.8
_SERIOUS = 6  # trials that a file of little use is worth at least
_MOST_ONE = 2  # single tensors that are tried
_CERTAIN_ONE = 2.0  # standard errors that a gain must exceed where many are tried
_MARGIN = 4.0  # times the range that was seen, where 16 bits can afford it
_CLIPS = "ranges clip rare values"
_LAST_REASON = "the steps of its scores as int8 would decide the answer"


Kept = Callable[[Graph], Collection[Op]]


@dataclass(frozen=True)
class Islands:
    """What the file may hold beside int8 ops.

    Attributes:
        floats: float ops.
        wide: ops with int16 activations.
    """

    floats: bool = True
    wide: bool = True


def tuned(
    draft: Draft,
    build: Build,
    inputs: Iterable[Tensor],
    islands: Islands,
    kept: Kept = lambda graph: (),
    loops: Sequence[str] = (),
) -> Draft:
    """Return the draft whose answers are nearest to the float graph's.

    Args:
        draft: with plain ranges.
        build: makes the integer graph of a draft.
        inputs: float inputs that the file takes as float32.
        islands: what the file may hold beside int8 ops.
        kept: graph → ops of it whose bits the user chose.
        loops: other ways for loops to compute, see `Draft.loops`.
    """
    contest = Contest(draft, build)
    if not contest.exceeds(_VISIBLE / 2):
        return contest.best
    try_loops(contest, loops, kept)
    draft = contest.plain
    plenty = contest.plenty
    contest.add(_clipped(draft, clip) for clip in _clips(draft)[: None if plenty else 1])
    if contest.exceeds(_NOTABLE):
        contest.add(_equalized(contest.best, _STRENGTHS[: None if plenty else 1]))
    if contest.exceeds(_NOTABLE) and plenty:
        _clip_single(contest)
    if islands.wide:
        _widen(contest, kept)
    if islands.floats:
        contest.allow(_bar(draft), _SERIOUS)
        _enter(contest, inputs, islands, kept)
    if contest.best.graph is not draft.graph and contest.exceeds(_NOTABLE):
        try_loops(contest, loops, kept)  # again, on what they read now
    return contest.best


def _widen(contest: Contest, kept: Kept) -> None:
    """Give cheap ops 16 bits where the error shows."""
    if contest.exceeds(_WIDER):
        for base in dict.fromkeys((contest.best, contest.plain)):
            contest.add(_widened(base, form) for form in wide_forms(base.graph, kept(base.graph)))


def _enter(contest: Contest, inputs: Iterable[Tensor], islands: Islands, kept: Kept) -> None:
    """Let ops at the ends stay float where the answers are of little use otherwise."""
    draft = contest.plain
    limit = _bar(draft)
    if contest.exceeds(limit):
        clip, own = contest.nearest_clip, kept(draft.graph)
        ways = [way for t in inputs for way in entrance_forms(draft.graph, draft.ranges, t)]
        ways = [way for way in ways if not any(op in own for op in way.floats)]
        contest.add(_entered(draft, way, clip) for way in ways)
        contest.add(_entered(draft, way, {}) for way in ways if clip)
        best = contest.best
        if islands.wide and best.floats != draft.floats and contest.exceeds(_VISIBLE / 2):
            contest.add(_widened(best, form) for form in wide_forms(best.graph, kept(best.graph)))
    if contest.exceeds(limit):
        several = dict.fromkeys((contest.best, contest.nearest))
        made = [_last_layer(d, kept(d.graph)) for d in several if not d.wide]
        contest.add(found for found in made if found is not None)


def _bar(draft: Draft) -> float:
    """Return the error from which ops may stay float."""
    # A file that holds float ops anyway breaks no promise by one more.
    loops = not draft.loops and any(op.subgraphs for op in draft.graph.ops)
    return _MIXED if draft.floats or loops else _ISLANDS


def _equalized(base: Draft, strengths: Sequence[float]) -> Iterator[Draft]:
    """Yield the draft with channels scaled to one range, as far as each strength says."""
    groups = ties(base.graph)
    seen = [t for group in groups for t in group if t in base.ranges.low]
    sample = base.ranges.sample[: few(base.graph, base.ranges.examples)]
    channels = channel_ends(base.graph, seen, sample) if seen and sample else {}
    for strength in strengths:
        found = equalized(base.graph, base.ranges, channels, strength) if channels else None
        if found is None:
            return
        yield replace(
            base,
            graph=found.graph,
            ranges=found.ranges,
            floats={found.swap.get(op, op): reason for op, reason in base.floats.items()},
            scaled=found.names,
            why=(*base.why, "channels are scaled to one range"),
            price=base.price * _EQUALIZE,
        )


def _clip_single(contest: Contest) -> None:
    """Clip single tensors, one after the other: those with most to win, and the last ones."""
    best = contest.best
    if best.ranges.examples < _ENOUGH:
        return
    rare = typical(best.ranges, best.ranges.look.ends, _TYPICAL_ONE)
    last = [head.tensor for head in heads(best.graph) if head.tensor in rare]
    for tensor in dict.fromkeys([*last, *gains(best.ranges, rare)[:_MOST_ONE]]):
        if contest.exceeds(_VISIBLE / 2):
            contest.add([_clipped_one(contest.best, tensor, rare[tensor])])


def _clipped_one(base: Draft, tensor: Tensor, wanted: Range) -> Draft:
    clip = {**base.clip, tensor: wanted}
    ranges = narrowed(base.graph, base.ranges, {tensor: wanted})
    price = base.price * _CLIP_ONE
    why = (*(w for w in base.why if _CLIPS not in w), f"{len(clip)} {_CLIPS}")
    return replace(base, ranges=ranges, clip=clip, price=price, why=why, certain=_CERTAIN_ONE)


def _widened(base: Draft, form: Wide) -> Draft:
    wide = base.wide | set(form.ops)
    ends = {t: base.ranges.of(t) for t in wide_tensors(base.graph, wide) if t in base.ranges.low}
    chosen = {t: (_MARGIN * low, _MARGIN * high) for t, (low, high) in ends.items()}
    return replace(
        base,
        ranges=narrowed(base.graph, base.ranges, chosen),
        wide=wide,
        why=(*base.why, form.why),
        price=base.price * form.price,
        certain=CERTAIN,
    )


def _clips(draft: Draft) -> list[dict[Tensor, Range]]:
    look = draft.ranges.look
    if draft.ranges.examples < _ENOUGH:
        return []
    rare = [typical(draft.ranges, look.ends, part) for part in _TYPICAL]
    rare.append(percentiles(draft.ranges, look.values, _PERCENT))
    ends = {*draft.graph.inputs, *(head.tensor for head in heads(draft.graph))}
    inner = {t: r for t, r in rare[0].items() if t not in ends}
    return [clip for clip in (*rare, inner) if clip]


def _clipped(base: Draft, clip: Mapping[Tensor, Range]) -> Draft:
    if not clip:
        return base
    why = (*base.why, f"{len(clip)} {_CLIPS}")
    ranges = narrowed(base.graph, base.ranges, clip)
    return replace(base, ranges=ranges, why=why, clip=clip, price=base.price * _CLIP)


def _entered(base: Draft, form: Entrance, clip: Mapping[Tensor, Range]) -> Draft:
    draft = replace(
        base,
        graph=form.graph,
        ranges=form.ranges,
        floats={**base.floats, **dict.fromkeys(form.floats, form.reason)},
        why=(*base.why, form.why),
        price=base.price * form.price,
        certain=CERTAIN,
    )
    return _clipped(draft, {t: r for t, r in clip.items() if t in form.ranges.low})


def _last_layer(base: Draft, kept: Collection[Op]) -> Draft | None:
    made_by = producers(base.graph)
    last = [made_by.get(head.tensor) for head in heads(base.graph)]
    linear = [op for op in last if op is not None and (row := facts(op)) and row.weights]
    if not linear or any(op in base.floats or op in kept for op in linear):
        return None
    floats = {**base.floats, **dict.fromkeys(linear, _LAST_REASON)}
    why = (*base.why, "the last layer stays float")
    price = base.price * layer_price(base.graph, linear)
    return replace(base, floats=floats, why=why, price=price)
