"""A missed budget: ops get more bits, what buys most first, until the real file keeps it.

Which ops is decided on the representative examples alone; the verdict (the score on --eval, else
the agreement) is asked of each candidate as a whole, some three of them, and never picks an op.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Generic, TypeVar

from litesmith.forge.budget import Verdict
from litesmith.forge.variants import Candidate, Job, Variants, facts_of, rows_of, told
from litesmith.quantize.schemes import FLOAT_BITS
from litesmith.quantize.sensitivity import (
    Bits,
    Subject,
    all_raised,
    measure,
    raise_until,
    rungs,
)

_EIGHT = 8
_TIGHTER = 0.7  # the share that a candidate gets behind one that missed, beside what it missed by
_ATTEMPTS = 4
_TRAININGS = 3  # each attempt of a run that trains is trained anew; the last one raises all to int8
_LEAST_SHARE = 0.002
_MOST_FLOAT = 0.5  # of the ops; with more, a scheme with float activations serves better

T = TypeVar("T")


def repaired(job: Job[T], proved: T) -> tuple[T, tuple[Any, ...]]:
    """Return the file that keeps the budget and its steps; the best there is if none does.

    Args:
        job: the run.
        proved: its file so far.
    """
    first, step = job.first(proved), job.step()
    if step is None or first.verdict is None or first.verdict.kept:
        return proved, job.steps
    if job.interrupted:  # who stops one training wants no further ones
        facts = facts_of("repair", job, False, "training was stopped by an interrupt", {})
        job.ledger.note(steps=(*job.ledger.report.steps, facts))
        return proved, job.steps
    job.listen("repair", None)
    search = _Search(job, Variants(job, step), first)
    search.run()
    best, kept = search.best, _verdict(search.best).kept
    why = f"{told(best.chosen)}; {_fell(first, best)}; {search.basis}" if kept else search.why
    facts = facts_of("repair", job, kept, why, best.chosen)
    search.variants.settle(best, facts, rows_of(search.found, best.chosen if kept else {}))
    return best.proved, best.steps


class _Search(Generic[T]):
    """The candidates of one run, one after the other.

    Args:
        job: the run.
        variants: makes them.
        first: what missed the budget.
    """

    def __init__(self, job: Job[T], variants: Variants[T], first: Candidate[T]) -> None:
        self.variants, self._first, self.best = variants, first, first
        self._subject = variants.subject
        self._taught = job.lesson is not None
        self.found = measure(self._subject)
        self._tried: list[Bits] = []
        self.why = "" if self.found.costs else "no op's precision can be tried on these outputs"

    @property
    def basis(self) -> str:
        """What the choice rests on."""
        count = self.found.examples
        return f"chosen on {count} representative examples, judged on the whole file"

    def run(self) -> None:
        """Look for a candidate that keeps the budget; `best` is the one that misses it least."""
        for subject in self._stages():
            self._stage(subject)
            if _verdict(self.best).kept or self.variants.refusal:
                break

    def _stages(self) -> Iterator[Subject]:
        """Yield 1 to 4 bits → int8 first, since int8 costs bytes alone; then what may be float."""
        if not self.found.costs:
            return
        if any(cost.bits < _EIGHT for cost in self.found.costs):
            yield replace(self._subject, top=_EIGHT)
        yield self._subject

    def _stage(self, subject: Subject) -> None:
        share = _share(self._first)
        attempts = _TRAININGS if self._taught else _ATTEMPTS
        for attempt in range(attempts):
            more = raise_until(subject, self.found, max(share, _LEAST_SHARE) * self.found.error)
            last = self._taught and attempt == attempts - 1
            if subject.top == _EIGHT and (more is None or last):
                more = all_raised(subject)
            refusal = self._refusal(more)
            if more is None or refusal:
                self.why = refusal
                return
            if dict(more) in self._tried:
                share *= _TIGHTER
                continue
            one = self._attempt(more)
            if one is None or _verdict(one).kept or more == all_raised(subject):
                return
            share *= _TIGHTER * _share(one)

    def _refusal(self, chosen: Bits | None) -> str:
        if chosen is None:
            return "no choice of ops brings the error on the examples down far enough"
        floats, ops = _floats(chosen), len(rungs(self._subject))
        if floats <= _MOST_FLOAT * ops:
            return ""
        return (
            f"{floats} of {ops} ops would have to be float; then --quantize dynamic or float16 is "
            "smaller or faster"
        )

    def _attempt(self, chosen: Bits) -> Candidate[T] | None:
        self._tried.append(chosen)
        one = self.variants.attempt(chosen)
        if one is None:
            self.why = self.variants.refusal
            return None
        self.why = f"with {told(chosen)} {_clause(_verdict(one))}"
        if _verdict(one).kept or _verdict(one).loss < _verdict(self.best).loss:
            self.best = one
        return None if self.variants.refusal else one


def _verdict(candidate: Candidate[T]) -> Verdict:
    assert candidate.verdict is not None
    return candidate.verdict


def _share(candidate: Candidate[T]) -> float:
    """Return what of the error on the examples may be left, as a guess from what the budget leaves.

    A drop of the score grows with the squared error, disagreement and relative errors with its
    root, roughly.
    """
    verdict = _verdict(candidate)
    left = verdict.limit / verdict.loss if verdict.loss > 0 else 1.0
    return min(left if candidate.report.score is not None else left**2, 1.0)


def _fell(first: Candidate[T], best: Candidate[T]) -> str:
    before, after = _verdict(first), _verdict(best)
    what = after.what[0].lower() + after.what[1:]
    return f"{what} went from {before.loss:.4g} to {after.loss:.4g} (allowed {after.limit:.4g})"


def _clause(verdict: Verdict) -> str:
    sentence = verdict.sentence().rstrip(".")
    return sentence[0].lower() + sentence[1:]


def _floats(chosen: Bits) -> int:
    return sum(bits == FLOAT_BITS for bits in chosen.values())
