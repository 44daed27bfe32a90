"""How far an integer graph's answers are from the float graph's, on a few examples.

Answers behind a softmax or logistic are compared before it and count as what it makes of them: the
Kullback-Leibler divergence of the two distributions, so that what no probability depends on (very
negative scores) costs nothing. Others count as a tenth of their squared error over the float
answers' variance: 1e-4 is where a class changes now and then, or an answer is off by 3 %.

Which of two forms changes fewer classes shows in another measure: the part of the probability that
goes elsewhere (total variation), or the root of the squared error. It grows with what an error is,
not with its square, so that one example in a hundred does not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from litesmith.graph import Array, DType, Graph, write
from litesmith.graph.heads import Head, heads
from litesmith.quantize.seen import Example
from litesmith.runtime import Session

_WRONG = 1.0  # error of an answer that is another one
_VARIANCE = 10.0

_Measures = Mapping[str, Callable[[Array, Array, float], Array]]


@dataclass(frozen=True)
class Measured:
    """How far answers are off, one number per example, or one for all where shapes differ.

    Attributes:
        errors: see above, float64[examples].
        distances: the other measure, float64[examples].
    """

    errors: Array
    distances: Array


class Trials:
    """Measures integer forms of one float graph.

    Args:
        graph: float graph, whose answers are the reference.
        sample: examples, one array (*example_shape) per input.
    """

    def __init__(self, graph: Graph, sample: Sequence[Example]) -> None:
        self._sample = sample
        self._heads = heads(graph)
        chosen = tuple(h.tensor for h in self._heads)
        self._chosen = [i for i, t in enumerate(chosen) if t.dtype is DType.FLOAT32]
        self._reference = self._run(graph, self._heads) if self._chosen and sample else []

    @property
    def possible(self) -> bool:
        """True when there are examples and real answers to compare."""
        return bool(self._reference)

    @property
    def examples(self) -> int:
        """How many examples a trial runs."""
        return len(self._sample)

    def error(self, graph: Graph) -> float:
        """Return the mean error of an integer graph's answers, 0 where they are the same."""
        return float(self.measured(graph).errors.mean())

    def measured(self, graph: Graph) -> Measured:
        """Return how far each answer of an integer graph is off."""
        answers = self._answers(graph)
        return Measured(self._total(_LOSSES, answers), self._total(_DISTANCES, answers))

    def compared(self, graph: Graph) -> tuple[float, float | None]:
        """Return the mean error, and the part of decisions that are others than the float graph's.

        A decision is the class with the largest score, or on which side of 0 a score is; None
        where no output is behind a softmax or logistic.
        """
        answers = self._answers(graph)
        error = float(self._total(_LOSSES, answers).mean())
        if answers is None:
            return error, None
        pairs = zip(self._reference, answers, self._chosen, strict=True)
        changed = [
            float((decide(a) != decide(b)).mean())
            for a, b, i in pairs
            if (decide := _DECISIONS.get(self._heads[i].kind)) is not None
        ]
        return error, max(changed, default=None)

    def _answers(self, graph: Graph) -> list[Array] | None:
        """Return what is compared, None where a head could not be found again."""
        found = heads(graph)
        same = all(a.kind == b.kind for a, b in zip(found, self._heads, strict=True))
        return self._run(graph, found) if same else None

    def _total(self, measures: _Measures, answers: list[Array] | None) -> Array:
        """Return a measure of each example, summed over the outputs."""
        if answers is None:
            return np.full(1, np.inf)
        chosen = [self._heads[i] for i in self._chosen]
        each = [
            measures[head.kind](a, b, head.beta)
            for a, b, head in zip(self._reference, answers, chosen, strict=True)
        ]
        if len({len(one) for one in each}) > 1:
            each = [one.mean(keepdims=True) for one in each]
        total: Array = np.sum(each, axis=0)
        return total

    def _run(self, graph: Graph, found: Sequence[Head]) -> list[Array]:
        tensors = tuple(found[i].tensor for i in self._chosen)
        session = Session(write(graph.with_(outputs=tensors, signatures=(), siblings=())))
        rows = [session.run([v[np.newaxis] for v in example]) for example in self._sample]
        return [
            np.concatenate([np.asarray(row[i], np.float64).reshape(1, -1) for row in rows], 1)
            if len({row[i].shape for row in rows}) > 1
            else np.concatenate([np.asarray(row[i], np.float64) for row in rows])
            for i in range(len(tensors))
        ]


def _log_softmax(scores: Array) -> Array:
    scores = scores - scores.max(-1, keepdims=True)
    found: Array = scores - np.log(np.exp(scores).sum(-1, keepdims=True))
    return found


def _softmax(a: Array, b: Array, beta: float) -> Array:
    p, q = _log_softmax(beta * a), _log_softmax(beta * b)
    return _bounded((np.exp(p) * (p - q)).sum(-1))


def _logistic(a: Array, b: Array, beta: float) -> Array:
    p, q = (np.stack([x, np.zeros_like(x)], -1) for x in (a, b))
    return _softmax(p, q, 1.0)


def _squared(a: Array, b: Array, beta: float) -> Array:
    variance = float(np.var(a, axis=0).mean())
    each = np.square(a - b).reshape(len(a), -1).mean(-1)
    return _bounded(each / max(variance, 1e-12) / _VARIANCE)


def _moved(a: Array, b: Array, beta: float) -> Array:
    """Return the probability that goes from some classes to others."""
    p, q = np.exp(_log_softmax(beta * a)), np.exp(_log_softmax(beta * b))
    return _per_example(np.abs(p - q).sum(-1) / 2)


def _moved_each(a: Array, b: Array, beta: float) -> Array:
    p, q = (np.stack([x, np.zeros_like(x)], -1) for x in (a, b))
    return _moved(p, q, 1.0)


def _off(a: Array, b: Array, beta: float) -> Array:
    root: Array = np.sqrt(_squared(a, b, beta))
    return root


def _per_example(values: Array) -> Array:
    mean: Array = values.reshape(len(values), -1).mean(-1)
    return mean


def _bounded(errors: Array) -> Array:
    """Return a mean per example; one with another answer counts once, however wrong it is."""
    return _per_example(errors / (1 + errors / _WRONG))


def _largest(scores: Array) -> Array:
    return np.asarray(scores.argmax(-1))


def _side(scores: Array) -> Array:
    return np.asarray(scores > 0)


_DECISIONS: Mapping[str, Callable[[Array], Array]] = MappingProxyType(
    {"SOFTMAX": _largest, "LOG_SOFTMAX": _largest, "LOGISTIC": _side}
)
_LOSSES: _Measures = MappingProxyType(
    {"SOFTMAX": _softmax, "LOG_SOFTMAX": _softmax, "LOGISTIC": _logistic, "": _squared}
)
_DISTANCES: _Measures = MappingProxyType(
    {"SOFTMAX": _moved, "LOG_SOFTMAX": _moved, "LOGISTIC": _moved_each, "": _off}
)
