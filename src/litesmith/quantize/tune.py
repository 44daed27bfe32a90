"""What 8 bits lose is found by trying: forms of the integer graph compete on a few examples.

Plain ranges, with one scale for each input, are the start. Something else takes their place only
when the answers of the whole file come clearly nearer to those of the float graph:
- ranges that clip rare values (`clip`), free at run time;
- an entrance that stays float up to where its columns are of one range (`entrance_forms`);
- a last layer that stays float, where the steps of its scores decide the answer.
The latter two break the promise of integers and are only tried when the answers are far off.
Each form's error is multiplied by what it must win to be worth having; the least product is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from litesmith.graph import Graph, Op, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.facts import facts
from litesmith.quantize.clip import Range, percentiles
from litesmith.quantize.entrance_forms import Entrance, entrance_forms, layer_price
from litesmith.quantize.ranges import Ranges, narrowed
from litesmith.quantize.second_look import few, runs
from litesmith.quantize.trials import Trials, heads

_VISIBLE = 2e-4  # error from which answers differ now and then (1 of 200, on classifiers)
# Error from which ops may stay float: the scheme promises integers, and hardware may count on it,
# so that only a file whose answers are of little use otherwise is another one (it is said).
_ISLANDS = 1e-2
_CLIP = 1.25  # what clipping must win
_PERCENT = (99.99, 99.9)
_TRIALS = 16
_LAST_REASON = "the steps of its scores as int8 would decide the answer"


@dataclass(frozen=True, eq=False)
class Draft:
    """What is quantized, and how.

    Attributes:
        graph: float graph.
        ranges: of its tensors.
        floats: ops that stay float, and why.
        why: what was changed, one clause each.
        clip: the ranges among `ranges` that were narrowed.
        price: factor that the error must have been reduced by.
    """

    graph: Graph
    ranges: Ranges
    floats: Mapping[Op, str] = field(default_factory=lambda: MappingProxyType({}))
    why: tuple[str, ...] = ()
    clip: Mapping[Tensor, Range] = field(default_factory=lambda: MappingProxyType({}))
    price: float = 1.0


Build = Callable[[Draft], Graph]


class Contest:
    """Drafts and their errors.

    Args:
        draft: with plain ranges, the first to compete.
        build: makes the integer graph of a draft.
    """

    def __init__(self, draft: Draft, build: Build) -> None:
        graph, seen = draft.graph, draft.ranges.examples
        examples = min(few(graph, seen), len(draft.ranges.sample))
        self._left = min(_TRIALS, runs(graph, seen) // max(examples, 1))
        self.plain = draft
        self.sample = draft.ranges.sample[:examples]
        self._build, self._trials = build, Trials(draft.graph, self.sample)
        self._errors: list[tuple[Draft, float]] = []
        if self._trials.possible:
            self.add([draft])

    def add(self, drafts: Iterable[Draft]) -> None:
        """Let more drafts compete, as long as trials are left."""
        for draft in drafts:
            if self._left > 0:
                self._left -= 1
                self._errors.append((draft, self._trials.error(self._build(draft))))

    @property
    def best(self) -> Draft:
        """The draft with the least product of error and price, the earlier of two."""
        if not self._errors:
            return self.plain
        return min(self._errors, key=lambda pair: pair[1] * pair[0].price)[0]

    @property
    def nearest_clip(self) -> Mapping[Tensor, Range]:
        """The narrowed ranges that served best, even where none would have served better."""
        clips = [pair for pair in self._errors if pair[0].clip]
        return min(clips, key=lambda pair: pair[1])[0].clip if clips else {}

    @property
    def nearest(self) -> Draft:
        """The draft with the least error, whatever its price."""
        return min(self._errors, key=lambda pair: pair[1])[0]

    def exceeds(self, error: float) -> bool:
        """True when there is something to win: the best draft's error is finite and above this."""
        found = dict(self._errors).get(self.best, 0.0) if self._errors else 0.0
        return error < found < float("inf")


def tuned(
    draft: Draft,
    build: Build,
    inputs: Iterable[Tensor],
    islands: bool,
    kept: Collection[Op] = (),
) -> Draft:
    """Return the draft whose answers are nearest to the float graph's.

    Args:
        draft: with plain ranges.
        build: makes the integer graph of a draft.
        inputs: float inputs that the file takes as float32.
        islands: whether ops may stay float.
        kept: ops of the graph whose bits the user chose.
    """
    contest = Contest(draft, build)
    if not contest.exceeds(_VISIBLE / 2):
        return contest.best
    contest.add(_clipped(draft, clip) for clip in _clips(draft))
    if islands and contest.exceeds(_ISLANDS):
        clip = contest.nearest_clip
        forms = [form for t in inputs for form in entrance_forms(draft.graph, draft.ranges, t)]
        forms = [form for form in forms if not any(op in kept for op in form.floats)]
        contest.add(_entered(draft, form, clip) for form in forms)
        contest.add(_entered(draft, form, {}) for form in forms if clip)
    if islands and contest.exceeds(_ISLANDS):
        several = dict.fromkeys((contest.best, contest.nearest))
        contest.add(found for d in several if (found := _last_layer(d, kept)) is not None)
    return contest.best


def _clips(draft: Draft) -> list[dict[Tensor, Range]]:
    values = draft.ranges.look.values
    rare = [percentiles(draft.ranges, values, percent) for percent in _PERCENT]
    return [clip for clip in rare if clip]


def _clipped(base: Draft, clip: Mapping[Tensor, Range]) -> Draft:
    if not clip:
        return base
    why = (*base.why, f"{len(clip)} ranges clip rare values")
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
