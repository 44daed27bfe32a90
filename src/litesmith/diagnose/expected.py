"""What a model was made for, by its answers: to labelled examples, or to any.

Labels: another scale or order of channels answers many more of them correctly. Without labels:
answers are saturated or all alike as fed, and as they should be in another scale. A model that
answers sensibly is never suspected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from litesmith.data import Affine, Preprocess
from litesmith.data.preprocess import NAMED
from litesmith.diagnose.examples import Sample
from litesmith.diagnose.taps import Taps
from litesmith.graph import Array, DType, Graph, Tensor
from litesmith.graph.edit import producers
from litesmith.graph.step import Notice

_TRIED = 64  # examples that other scales are tried on
_LABELLED = 128
_GOOD = 0.85  # of the labels: no other scale is tried
_SURE = 4.0  # standard deviations of a difference between paired answers
_GAIN = 0.15
_ALIKE = 0.97  # share of one class: the model does not see what it is fed
_DIVERSE = 0.7
_HUGE_MARGIN = 120.0  # between the best two logits; training has long stopped pushing by then
_USUAL_MARGIN = 40.0
_LEAST_MARGIN = 0.5
_MOVES = 1e-3  # of the largest logit; a model that answers all alike says nothing of the data
_SOFTMAXES = frozenset({"SOFTMAX", "LOG_SOFTMAX"})


@dataclass(frozen=True)
class Change:
    """Another way to feed the same values: scale · x + offset, channels reversed if asked."""

    scale: float = 1.0
    offset: float = 0.0
    reverse: bool = False

    def apply(self, values: Array) -> Array:
        """Return the values as they would be fed."""
        ordered = values[..., ::-1] if self.reverse else values
        return np.ascontiguousarray(ordered * np.float32(self.scale) + np.float32(self.offset))


def of_labels(graph: Graph, data: Sample, labels: Array, given: Preprocess) -> Iterator[Notice]:
    """Warn when the labels speak for another scale or order of channels.

    Args:
        graph: float graph of one float32 input.
        data: examples.
        labels: class of each of them.
        given: how they were preprocessed.
    """
    answers = _answers(graph, data)
    if answers is None or labels.ndim != 1 or labels.dtype.kind not in "iu":
        return
    x, labels = data.values[0][:_LABELLED], labels[:_LABELLED]
    right = _right(answers(x), labels)
    if len(labels) < 16 or right.mean() >= _GOOD:
        return
    tried = [(change, _right(answers(change.apply(x)), labels)) for change in _changes(x)]
    change, best = max(tried, key=lambda one: one[1].mean(), default=(None, right))
    won, lost = int((best & ~right).sum()), int((right & ~best).sum())
    if change is None or (won - lost) < max(_GAIN * len(labels), _SURE * (won + lost) ** 0.5):
        return
    yield Notice(
        "preprocess",
        f"As fed, the model answers {right.mean():.0%} of {len(labels)} labelled examples "
        f"correctly; {_told(change)} it answers {best.mean():.0%}.",
        remedy(change, given),
    )


def of_answers(graph: Graph, data: Sample, given: Preprocess) -> Iterator[Notice]:
    """Warn when answers are saturated or all alike, and sensible in another scale."""
    answers = _answers(graph, data)
    if answers is None or len(data) < 16:
        return
    x = data.values[0][:_TRIED]
    now = _Look.at(answers(x))
    if now.classes < 3 or not (now.alike >= _ALIKE or now.margin >= _HUGE_MARGIN):
        return
    for change in _changes(x):
        if change.reverse:
            continue
        then = _Look.at(answers(change.apply(x)))
        if then.alike > _DIVERSE or then.margin > _USUAL_MARGIN or then.margin < _LEAST_MARGIN:
            continue
        blind = now.alike >= _ALIKE and then.margin > now.margin
        if blind or now.margin >= _HUGE_MARGIN:
            yield Notice(
                "value_range",
                f"The examples span {x.min():.4g} to {x.max():.4g}, and {now.told()}; "
                f"{_told(change)}, {then.told()}.",
                remedy(change, given),
            )
            return


def of_order(graph: Graph, data: Sample) -> Iterator[Notice]:
    """Warn of a stream whose first examples, the only ones that are used, are of one class."""
    if data.size is not None or data.ended or len(data) < _TRIED:
        return
    answers = _answers(graph, data)
    if answers is None:
        return
    logits = answers(data.values[0])
    look = _Look.at(logits)
    varies = float(np.ptp(logits, axis=0).max()) > _MOVES * float(np.abs(logits).max())
    if look.classes > 2 and look.alike >= _ALIKE and varies:
        yield Notice(
            "one_class",
            f"{look.alike:.0%} of the first {len(data)} examples, from which ranges are taken, are "
            f"answered with class {int(np.bincount(logits.argmax(1)).argmax())}.",
            "Shuffle the data, so that every class is among the first examples.",
        )


@dataclass(frozen=True)
class _Look:
    """How a model's answers look.

    Attributes:
        alike: share of the most frequent class.
        margin: median distance between the best two logits.
        classes: how many the model tells apart.
    """

    alike: float
    margin: float
    classes: int

    @staticmethod
    def at(logits: Array) -> _Look:
        two = np.sort(logits, axis=1)[:, -2:]
        counts = np.bincount(logits.argmax(1), minlength=logits.shape[1])
        margin = float(np.median(two[:, 1] - two[:, 0]))
        return _Look(float(counts.max() / len(logits)), margin, logits.shape[1])

    def told(self) -> str:
        if self.alike >= _ALIKE:
            return f"{self.alike:.0%} of the answers are the same class"
        if self.margin >= _HUGE_MARGIN:
            return f"the best logit leads by {self.margin:.0f}"
        return f"the answers vary and lead by {self.margin:.1f}"


def _answers(graph: Graph, data: Sample) -> Callable[[Array], Array] | None:
    """Return a function examples → logits (k, classes), None for a model of another kind."""
    if len(graph.inputs) != 1 or graph.inputs[0].dtype is not DType.FLOAT32:
        return None
    logits = _logits(graph)
    if logits is None or data.values[0].dtype != np.float32:
        return None
    taps = Taps(graph, [logits])

    def run(values: Array) -> Array:
        found = taps.run([values])[0]
        return found.reshape(len(values), -1)

    return run


def _logits(graph: Graph) -> Tensor | None:
    """Return what the softmax at the end reads."""
    if len(graph.outputs) != 1:
        return None
    made_by = producers(graph)
    op = made_by.get(graph.outputs[0])
    while op is not None and op.kind in ("RESHAPE", "SQUEEZE"):
        op = made_by.get(op.inputs[0]) if op.inputs[0] is not None else None
    if op is None or op.kind not in _SOFTMAXES:
        return None
    tensor = op.inputs[0]
    flat = tensor is not None and int(np.prod(tensor.shape)) == tensor.shape[-1] > 1
    return tensor if flat and tensor is not None and not tensor.is_dynamic else None


def _right(logits: Array, labels: Array) -> Array:
    found: Array = logits.argmax(1) == labels
    return found


def _changes(x: Array) -> list[Change]:
    """Return the other ways in which such values may be meant, the likeliest first."""
    low, high = float(x.min()), float(x.max())
    found: list[Change] = []
    if low >= 0 and high > 2:
        found += [Change(1 / 255), Change(1 / 127.5, -1.0), Change(1.0, -128.0)]
    elif low >= 0:
        found += [Change(255.0), Change(2.0, -1.0)]
    elif low >= -1.01 and high <= 1.01:
        found += [Change(127.5, 127.5), Change(0.5, 0.5)]
    elif low >= -128.5 and high <= 128:
        found += [Change(1.0, 128.0), Change(1 / 255, 128 / 255), Change(1 / 128)]
    if x.ndim == 4 and x.shape[-1] == 3:
        found += [Change(reverse=True)]
    return found


def _told(change: Change) -> str:
    if change.reverse:
        return "with the channels in reverse order (BGR for RGB)"
    by = f"multiplied by {change.scale:g}" if change.scale > 1 else ""
    by = f"divided by {1 / change.scale:g}" if change.scale < 1 else by
    plus = f"{'plus' if change.offset > 0 else 'minus'} {abs(change.offset):g}"
    return " ".join(filter(None, (by, plus if change.offset else "")))


def remedy(change: Change, given: Preprocess) -> str:
    """Return what to do, as an option where one can say it."""
    if change.reverse:
        return "Store --data in the model's order of channels, or add --input-channels bgr."
    plain = isinstance(given, Affine) and not given.reverse_channels
    if not plain or not isinstance(given, Affine) or len({*given.scale}) + len({*given.offset}) > 2:
        return "Check --preprocess against what the model was trained on."
    scale = change.scale * given.scale[0]
    offset = change.scale * given.offset[0] + change.offset
    for name, known in NAMED.items():
        if known.reverse_channels or len(known.scale) > 1:
            continue
        if np.allclose((scale, offset), (known.scale[0], known.offset[0]), rtol=1e-3, atol=1e-6):
            return "Leave --preprocess out." if name == "none" else f"Use --preprocess {name}."
    return f"Use --preprocess scale={scale:.6g},offset={offset:.6g}."
