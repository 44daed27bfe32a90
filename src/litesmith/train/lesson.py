"""Teacher and student side by side: what a batch of examples says about the student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import tensorflow as tf

from litesmith.graph import Array, Graph, Op, Tensor
from litesmith.graph.heads import Head, heads
from litesmith.kernels.value import TfTensor
from litesmith.train.losses import agreement, label_loss, output_loss
from litesmith.train.network import Network, Watch
from litesmith.train.pairs import pairs

_TINY = 1e-12


@dataclass(frozen=True)
class Parts:
    """What counts how much in the loss.

    Attributes:
        inner: weight of the mean relative error of inner results; that of answers has weight 1.
        label: part of the whole that the loss on labels makes up, where there are labels.
    """

    inner: float = 2.0
    label: float = 0.0


class Lesson:
    """What the student is to learn: the teacher's answers, and its inner results.

    Args:
        teacher: float graph.
        student: the same graph annotated.
        loss: name of a loss on labels, which then stand behind the inputs in every batch.
    """

    def __init__(self, teacher: Graph, student: Graph, loss: str | None = None) -> None:
        self.teacher, self.student = Network(teacher), Network(student)
        self.pairs = pairs(self.teacher.graph, self.student.graph)
        graphs = (self.teacher.graph, self.student.graph)
        both = zip(*(heads(graph, votes=True) for graph in graphs), strict=True)
        self.ends: tuple[tuple[Head, Head], ...] = tuple(
            (a, b) for a, b in both if a.tensor.dtype.is_float and a.kind == b.kind
        )
        self.inner: dict[Tensor, Tensor] = {
            ours: theirs
            for pair in self.pairs
            if pair.matched
            for theirs, ours in pair.tensors()
            if ours.dtype.is_float
        }
        self.variance: dict[Tensor, float] = {}
        self._loss = loss

    def feeds(
        self, batch: Sequence[TfTensor]
    ) -> tuple[dict[Tensor, TfTensor], dict[Tensor, TfTensor]]:
        """Return a batch as both networks read it."""
        count = len(self.student.graph.inputs)
        return (
            dict(zip(self.teacher.graph.inputs, batch[:count], strict=True)),
            dict(zip(self.student.graph.inputs, batch[:count], strict=True)),
        )

    def measure(self, batch: Sequence[Array]) -> tuple[float, ...]:
        """Note the variance of the teacher's inner results; return that of its answers."""
        tensors = list(self.inner.values())
        ends = [head.tensor for head, _ in self.ends]

        @tf.function  # type: ignore[untyped-decorator]
        def variances(batch: Sequence[TfTensor]) -> list[TfTensor]:
            found = self.teacher.run({}, self.feeds(batch)[0], dict.fromkeys((*tensors, *ends)))
            inner = [tf.math.reduce_variance(found[t]) for t in tensors]
            over = [tf.reduce_max(tf.math.reduce_variance(found[t], 0)) for t in ends]
            return inner + over

        found = [float(v) for v in variances([tf.convert_to_tensor(v) for v in batch])]
        self.variance = dict(zip(tensors, found[: len(tensors)], strict=True))
        return tuple(found[len(tensors) :])

    def losses(
        self, vector: TfTensor, batch: Sequence[TfTensor], parts: Parts, fade: float | TfTensor = 1
    ) -> tuple[TfTensor, TfTensor, TfTensor]:
        """Return (loss, the part of it that is no inner one, agreement) of a batch, as scalars.

        Args:
            vector: of the student.
            batch: arrays (B, *graph shape) per input, labels behind them where a loss reads them.
            parts: of the loss.
            fade: part of `parts.inner` that counts now.
        """
        theirs, ours = self.feeds(batch)
        inner = self.inner if parts.inner else {}
        taught = self._taught(theirs, inner)
        errors: list[TfTensor] = []

        def compare(op: Op, tensor: Tensor, x: TfTensor) -> TfTensor:
            if tensor not in inner:
                return x
            wanted, variance = taught[inner[tensor]], self.variance[inner[tensor]]
            if variance > _TINY:
                count = tf.cast(tf.size(wanted), tf.float32)
                errors.append(tf.nn.l2_loss(x - wanted) * (2 / variance) / count)
            return x

        ends = [head.tensor for _, head in self.ends]
        found = self.student.run(
            self.student.constants(vector), ours, dict.fromkeys(ends), Watch(after=compare)
        )
        told = [(a, taught[a.tensor], found[b.tensor]) for a, b in self.ends]
        outputs = tf.add_n([output_loss(*one) for one in told])
        same = tf.add_n([agreement(*one) for one in told]) / len(told)
        share = parts.label if self._loss is not None else 0.0
        judged = (1 - share) * outputs
        if self._loss is not None and share:
            head, _, scores = told[0]
            judged += share * label_loss(self._loss, head, batch[-1], scores)
        inner_loss = tf.add_n(errors) / len(errors) if errors else 0.0
        return judged + (1 - share) * parts.inner * fade * inner_loss, judged, same

    def constancy(self, plain: Sequence[Array], varied: Sequence[Array]) -> float:
        """Return the part of the teacher's answers that are the same for varied examples."""
        ends = [head for head, _ in self.ends]

        @tf.function  # type: ignore[untyped-decorator]
        def same(a: Sequence[TfTensor], b: Sequence[TfTensor]) -> TfTensor:
            wanted = dict.fromkeys(head.tensor for head in ends)
            one, other = (self.teacher.run({}, self.feeds(x)[0], wanted) for x in (a, b))
            parts = [agreement(h, one[h.tensor], other[h.tensor]) for h in ends]
            return tf.add_n(parts) / len(parts)

        both = ([tf.convert_to_tensor(x) for x in side] for side in (plain, varied))
        return float(same(*both))

    def _taught(
        self, feeds: Mapping[Tensor, TfTensor], inner: Mapping[Tensor, Tensor]
    ) -> dict[Tensor, TfTensor]:
        ends = [head.tensor for head, _ in self.ends]
        found = self.teacher.run({}, feeds, dict.fromkeys((*inner.values(), *ends)))
        return {t: tf.stop_gradient(v) for t, v in found.items()}
