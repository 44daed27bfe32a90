"""Forms of one integer graph compete on a few examples: which answers are nearest to float's.

A form's error is multiplied by what it must win to be worth having. What is compared are distances,
which say how many answers change (`Measured`), while errors must not grow much; the gain, example
by example, must exceed its own uncertainty: a few examples prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from litesmith.graph import Graph, Op, Tensor
from litesmith.quantize.clip import Range
from litesmith.quantize.ranges import Ranges
from litesmith.quantize.second_look import few, runs
from litesmith.quantize.trials import Measured, Trials

CERTAIN = 0.5  # standard errors that a gain must exceed
_TRIALS = 32
_PLENTY = 8
_WORSE = 1.25  # times the error that a form may have whose answers are nearer


@dataclass(frozen=True, eq=False)
class Draft:
    """What is quantized, and how.

    Attributes:
        graph: float graph.
        ranges: of its tensors.
        floats: ops that stay float, and why.
        wide: ops that get 16 bits.
        scaled: names of tensors whose channels were scaled.
        why: what was changed, one clause each.
        clip: the ranges among `ranges` that were narrowed.
        price: factor that the error must have been reduced by.
        certain: standard errors that the gain must exceed.
        loops: how loops compute: a form of `loop_forms.precisions_of`, or in float ("").
    """

    graph: Graph
    ranges: Ranges
    floats: Mapping[Op, str] = field(default_factory=lambda: MappingProxyType({}))
    wide: frozenset[Op] = frozenset()
    scaled: frozenset[str] = frozenset()
    why: tuple[str, ...] = ()
    clip: Mapping[Tensor, Range] = field(default_factory=lambda: MappingProxyType({}))
    price: float = 1.0
    certain: float = CERTAIN
    loops: str = ""


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
        self.plain = self.best = draft
        self._build = build
        # The last ones, while the second look took the first, where there are enough.
        self._trials = Trials(draft.graph, draft.ranges.sample[-examples:])
        self._found: dict[Draft, Measured] = {}
        if self._trials.possible:
            self.add([draft])

    def add(self, drafts: Iterable[Draft]) -> None:
        """Let more drafts compete, as long as trials are left."""
        for draft in drafts:
            if self._left > 0:
                self._left -= 1
                self._found[draft] = self._trials.measured(self._build(draft))
                if self._wins(draft):
                    self.best = draft

    def _wins(self, draft: Draft) -> bool:
        """True when a draft, by its price, answers better than the best one beyond doubt."""
        best, new = self._found[self.best].distances, self._found[draft].distances
        if not np.isfinite(best).all() or not np.isfinite(new).all():
            return bool(np.isfinite(new).all())
        # Prices are of errors, which grow with the square.
        gain = best * self.best.price**0.5 - new * draft.price**0.5
        doubt = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else 0.0
        worse = self.error(draft) > _WORSE * self.error(self.best)
        return bool(gain.mean() > draft.certain * doubt) and not worse

    @property
    def plenty(self) -> bool:
        """True when forms need not be chosen before they are tried."""
        return self._left >= _PLENTY

    def allow(self, error: float, trials: int) -> None:
        """Leave at least so many trials where the best draft's error is above this."""
        if self._found and error < self.error(self.best) < float("inf"):
            self._left = max(self._left, trials)

    @property
    def nearest_clip(self) -> Mapping[Tensor, Range]:
        """The narrowed ranges that served best, even where none would have served better."""
        clips = [draft for draft in self._found if draft.clip]
        return min(clips, key=self.error).clip if clips else {}

    @property
    def nearest(self) -> Draft:
        """The draft with the least error, whatever its price."""
        return min(self._found, key=self.error)

    def error(self, draft: Draft) -> float:
        """Return the mean error of a draft that competed."""
        return float(self._found[draft].errors.mean())

    def exceeds(self, error: float) -> bool:
        """True when there is something to win: the best draft's error is finite and above this."""
        found = self.error(self.best) if self._found else 0.0
        return self._left > 0 and error < found < float("inf")
