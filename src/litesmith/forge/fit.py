"""Bits per op under a limit of bytes: the choice that costs least, verified on the real file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from litesmith.forge.variants import Candidate, Job, Variants, facts_of, rows_of, told
from litesmith.quantize.allocate import allocate
from litesmith.quantize.choose import Precisions
from litesmith.quantize.sensitivity import Bits, Cost, Subject, measure, stored_bytes

_FOUR, _EIGHT = 4, 8
_ATTEMPTS = 4  # files; each tells better what else than weights a file holds

T = TypeVar("T")


def fitted(job: Job[T], proved: T, limit: int) -> tuple[T, tuple[Any, ...]]:
    """Return a file of at most `limit` bytes and its steps, or the smallest there is.

    Weights get 4 or 8 bits, so that the summed costs of all ops (`sensitivity.measure`) are least.

    Args:
        job: the run.
        proved: its file so far.
        limit: bytes.
    """
    first, step = job.first(proved), job.step()
    if step is None or first.size <= limit:
        return proved, job.steps
    job.listen("repair", None)
    variants = Variants(job, step)
    found = measure(_from_four(variants.subject))
    costs = [cost for cost in found.costs if cost.bits <= _EIGHT and cost.size]
    best = _searched(variants, costs, first, limit)
    if job.lesson is not None and best.chosen:  # what they weigh did not need training
        best = variants.attempt(best.chosen) or best
    done = best.size <= limit
    lowered = {op: bits for op, bits in best.chosen.items() if bits == _FOUR}
    why = (
        f"{told(lowered)}; {first.size} bytes became {best.size} (allowed {limit}); chosen on "
        f"{found.examples} representative examples"
        if done
        else f"{best.size} bytes is the smallest file that bits per op can make of this model"
    )
    variants.settle(best, facts_of("fit", job, done, why, lowered), rows_of(found, best.chosen))
    return best.proved, best.steps


def _from_four(subject: Subject) -> Subject:
    """Return the subject with all weights at 4 bits to begin with, but for ops the user named."""
    return replace(subject, precisions=Precisions(_FOUR, subject.precisions.own), top=32)


def _searched(
    variants: Variants[T], costs: list[Cost], first: Candidate[T], limit: int
) -> Candidate[T]:
    base = variants.subject.precisions
    ops = dict.fromkeys(cost.op for cost in costs)
    four = {cost.op for cost in costs if cost.bits == _FOUR}
    now = {op: base.of(op) if op in four else _EIGHT for op in ops}
    other = first.size - _bytes(now)  # of the file, that no choice changes
    best = first
    for _ in range(_ATTEMPTS):
        chosen = allocate(costs, limit - other)
        fits = chosen is not None
        chosen = {op: _FOUR for op in four} if chosen is None else {o: chosen[o] for o in four}
        one = variants.attempt(chosen, taught=False) if chosen and chosen != best.chosen else None
        if one is None:
            return best
        best = one
        if one.size <= limit or not fits:
            return best
        other = one.size - _bytes({**now, **chosen})
    return best


def _bytes(bits: Bits) -> int:
    return sum(stored_bytes(op, own) for op, own in bits.items())
