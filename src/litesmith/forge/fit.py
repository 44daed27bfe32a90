"""Bits per op under limits of bytes and time: what costs least, verified on the real file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from litesmith.forge.limits import Limits
from litesmith.forge.variants import Candidate, Job, Variants, facts_of, rows_of, told
from litesmith.quantize.allocate import Limit, allocate, least
from litesmith.quantize.choose import WIDE, Precisions
from litesmith.quantize.op_latency import op_latencies
from litesmith.quantize.sensitivity import (
    Bits,
    Cost,
    Sensitivity,
    Subject,
    measure,
    stored_bytes,
)

_FOUR, _EIGHT = 4, 8
_ATTEMPTS = 4  # files; each tells better what else a file holds and takes time for
_AIM = 0.97  # of a limit of time, which no two measurements agree on
_TIGHT = 0.85  # of it is used by a file that need not be tried to be bettered

T = TypeVar("T")


def fitted(job: Job[T], proved: T, limits: Limits) -> tuple[T, tuple[Any, ...]]:
    """Return a file within the limits and its steps, or the one that comes nearest.

    Ops get 4 or 8 bits (16 where the scheme has them), so that what that costs is least: summed
    error (`sensitivity.measure`) where an op gets fewer bits than the scheme gives it, bytes where
    it gets more because those run faster.

    Args:
        job: the run.
        proved: its file so far.
        limits: of the file.
    """
    first, step = _Timed(job.first(proved), job, limits), job.step()
    if step is None or first.kept:
        return proved, job.steps
    job.listen("repair", None)
    variants = Variants(job, step)
    found = measure(_from_few(variants.subject))
    search = _Search(job, variants, limits, first, _choices(variants.subject, found))
    best = search.run()
    if job.lesson is not None and best.file.chosen:  # what was measured did not need training
        trained = variants.attempt(best.file.chosen)
        best = best if trained is None else _Timed(trained, job, limits)
    chosen = best.file.chosen
    why = (
        f"{told(chosen)}; {_became(first, best)}; chosen on {found.examples} representative "
        "examples"
        if best.kept
        else f"{best.amounts()} is the least that bits per op can make of this model"
    )
    facts = facts_of("fit", job, best.kept, why, chosen)
    variants.settle(best.file, facts, rows_of(found, chosen))
    return best.file.proved, best.file.steps


class _Timed:
    """A candidate and what it takes.

    Args:
        file: the candidate.
        job: the run, which can time it.
        limits: of the file.
    """

    def __init__(self, file: Candidate[Any], job: Job[Any], limits: Limits) -> None:
        self.file, self.limits = file, limits
        self.most: float | None = None
        self.ms = 0.0
        latency = None if limits.latency is None or job.clock is None else job.clock(file.proved)
        if latency is not None:
            self.ms, self.most = latency.artifact, limits.milliseconds(latency)

    @property
    def kept(self) -> bool:
        """True when the file is within the limits."""
        small = self.limits.size is None or self.file.size <= self.limits.size
        return small and (self.most is None or self.ms <= self.most)

    def amounts(self) -> str:
        """Return what is limited, in words."""
        size = [] if self.limits.size is None else [f"{self.file.size} bytes"]
        time = [] if self.most is None else [f"{self.ms:.3g} ms"]
        return " and ".join((*size, *time))


def _became(first: _Timed, best: _Timed) -> str:
    limits, parts = best.limits, []
    if limits.size is not None:
        sizes = f"{first.file.size} bytes became {best.file.size}"
        parts.append(f"{sizes} (allowed {limits.size})")
    if best.most is not None:
        parts.append(f"{first.ms:.3g} ms became {best.ms:.3g} (allowed {best.most:.3g})")
    return ", ".join(parts)


def _from_few(subject: Subject) -> Subject:
    """Return the subject with all weights at 4 bits or fewer to begin with.

    Ops that the user named keep what they have.
    """
    given = subject.precisions
    top = WIDE if given.default == WIDE else subject.top
    few = Precisions(min(_FOUR, given.default), given.own, given.edges)
    return replace(subject, precisions=few, top=top)


@dataclass(frozen=True)
class _Choices:
    """What ops may get, as `allocate` takes it.

    Attributes:
        costs: each op's precisions; the error is what the precision costs beside the scheme's.
        now: op → bits that the scheme gives it.
    """

    costs: tuple[Cost, ...]
    now: Bits


def _choices(subject: Subject, found: Sensitivity) -> _Choices:
    costs = [cost for cost in found.costs if cost.bits <= _EIGHT]
    ops = dict.fromkeys(cost.op for cost in costs)
    now = {op: _given(subject, op, costs) for op in ops}
    if subject.precisions.default == WIDE:
        costs += [Cost(op, WIDE, 0.0, stored_bytes(op, WIDE)) for op in ops if now[op] == WIDE]
    errors = {(cost.op, cost.bits): cost.error for cost in costs}
    total = max(sum(stored_bytes(op, bits) for op, bits in now.items()), 1)
    worst = max([*errors.values(), 1e-30])

    def priced(cost: Cost) -> Cost:
        fewer = max(cost.error - errors[cost.op, now[cost.op]], 0.0) / worst
        more = max(cost.size - stored_bytes(cost.op, now[cost.op]), 0) / total
        return replace(cost, error=fewer + more)

    return _Choices(tuple(map(priced, costs)), now)


def _given(subject: Subject, op: Any, costs: Sequence[Cost]) -> int:
    """Return the bits that the scheme gives an op, among those it may have."""
    wanted = subject.precisions.of(op)
    has = [cost.bits for cost in costs if cost.op is op]
    return wanted if wanted in has or wanted == WIDE else min(has, key=lambda b: abs(b - wanted))


class _Search:
    """Files of other bits, each of which tells better what the next one will take."""

    def __init__(
        self, job: Job[Any], variants: Variants[Any], limits: Limits, first: _Timed, all_: _Choices
    ) -> None:
        self._job, self._variants, self._limits = job, variants, limits
        self._first, self._choices = first, all_
        pairs = [(cost.op, cost.bits) for cost in all_.costs]
        timed = first.most is not None
        self._ms: Mapping[Any, float] = op_latencies(variants.subject, pairs) if timed else {}

    def run(self) -> _Timed:
        """Return the cheapest file that keeps the limits, or the one that comes nearest."""
        best = now = self._first
        tried: list[Bits] = [{}]
        for _ in range(_ATTEMPTS):
            found = allocate(self._choices.costs, self._left(now))
            bits = self._least() if found is None else found
            chosen = {op: own for op, own in bits.items() if own != self._choices.now[op]}
            if chosen in tried:
                return best
            tried.append(chosen)
            one = self._variants.attempt(chosen, taught=False)
            if one is None:
                return best
            now = _Timed(one, self._job, self._limits)
            best = now if self._better(now, best) else best
            if found is None or (now.kept and _is_tight(now)):
                return best
        return best

    def _better(self, now: _Timed, best: _Timed) -> bool:
        if now.kept and best.kept:
            return self._price(now) < self._price(best)
        return now.kept or (not best.kept and _excess(now) <= _excess(best))

    def _price(self, one: _Timed) -> float:
        bits = {**self._choices.now, **one.file.chosen}
        return sum(cost.error for cost in self._choices.costs if bits[cost.op] == cost.bits)

    def _left(self, now: _Timed) -> list[Limit]:
        """Return the limits of what ops take, after what a file takes beside them."""
        bits = {**self._choices.now, **now.file.chosen}
        costs, limits = self._choices.costs, []
        if self._limits.size is not None:
            other = now.file.size - sum(stored_bytes(op, own) for op, own in bits.items())
            limits.append(Limit([cost.size for cost in costs], self._limits.size - other))
        if now.most is not None:
            other_ms = now.ms - sum(self._ms[op, own] for op, own in bits.items())
            each = [self._ms[cost.op, cost.bits] for cost in costs]
            limits.append(Limit(each, _AIM * now.most - other_ms))
        return limits

    def _least(self) -> Mapping[Any, int]:
        costs = self._choices.costs
        if self._first.most is not None:
            return least(costs, [self._ms[cost.op, cost.bits] for cost in costs])
        return least(costs, [cost.size for cost in costs])


def _is_tight(one: _Timed) -> bool:
    """True where bits that cost less would hardly fit."""
    return one.most is None or one.ms >= _TIGHT * one.most


def _excess(one: _Timed) -> float:
    """Return by what part the limit that is missed most is missed."""
    size = 0.0 if one.limits.size is None else one.file.size / one.limits.size
    return max(size, 0.0 if not one.most else one.ms / one.most)
