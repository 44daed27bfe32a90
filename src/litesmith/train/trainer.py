"""Steps of Adam on a student's vector, and looks at how it does."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import tensorflow as tf

from litesmith.graph import Array
from litesmith.kernels.value import TfTensor
from litesmith.train.lesson import Lesson, Parts
from litesmith.train.schedule import Pace

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-12
# What a state holds of the trainer, by name.
KEPT = ("vector", "mean", "first", "second", "powers")


class Trainer:
    """Adam on the vector of a lesson's student, one rate for all of it.

    Args:
        lesson: what is learned.
        start: vector to begin with.
        parts: of the loss.
    """

    def __init__(self, lesson: Lesson, start: Array, parts: Parts) -> None:
        self._lesson, self._parts = lesson, parts
        self._vector, self._mean = tf.Variable(start), tf.Variable(start)
        self._first, self._second = (tf.Variable(np.zeros_like(start)) for _ in range(2))
        self._powers = tf.Variable(np.asarray([_BETA1, _BETA2], np.float32))
        self._low, self._high = (tf.constant(end) for end in lesson.student.layout.bounds())
        # No autograph: the kernels need none, it is slow, and it hides whose error an error is.
        traced = functools.partial(tf.function, autograph=False)
        self._step = traced(self._stepped, reduce_retracing=True)
        self._gradient = traced(self._gradient_of, reduce_retracing=True)
        self._apply = traced(self._applied)
        self._look = traced(
            lambda vector, batch: self._lesson.losses(vector, batch, replace(parts, inner=0.0))[1:],
            reduce_retracing=True,
        )

    @property
    def vector(self) -> Array:
        """What was learned so far: the mean of what the last steps reached."""
        found: Array = self._mean.numpy()
        return found

    def restart(self, vector: Array) -> None:
        """Go on from another vector."""
        self._vector.assign(vector)
        self._mean.assign(vector)

    def step(self, batch: Sequence[Array], pace: Pace, part: int) -> None:
        """Take one step on a batch, `part` examples of it at a time."""
        how = tf.constant([pace.rate, pace.inner, pace.follow], tf.float32)
        count = len(batch[0])
        if count <= part:
            self._step([tf.convert_to_tensor(x) for x in batch], how)
            return
        total = tf.zeros_like(self._vector)
        for i in range(0, count, part):
            some = [tf.convert_to_tensor(x[i : i + part]) for x in batch]
            total += self._gradient(some, how) * (len(some[0]) / count)
        self._apply(total, how)

    def _gradient_of(self, batch: Sequence[TfTensor], how: TfTensor) -> TfTensor:
        with tf.GradientTape() as tape:
            loss, _, _ = self._lesson.losses(self._vector.value(), batch, self._parts, how[1])
        return tape.gradient(loss, self._vector)

    def _stepped(self, batch: Sequence[TfTensor], how: TfTensor) -> None:
        self._applied(self._gradient_of(batch, how), how)

    def _applied(self, gradient: TfTensor, how: TfTensor) -> None:
        # A batch that blew up (NaN) changes nothing.
        gradient = tf.where(tf.math.is_finite(gradient), gradient, 0.0)
        tf.raw_ops.ResourceApplyAdam(
            var=self._vector.handle, m=self._first.handle, v=self._second.handle,
            beta1_power=self._powers[0], beta2_power=self._powers[1], lr=how[0],
            beta1=_BETA1, beta2=_BETA2, epsilon=_EPSILON, grad=gradient,
        )  # fmt: skip
        self._powers.assign(self._powers * [_BETA1, _BETA2])
        self._vector.assign(tf.clip_by_value(self._vector, self._low, self._high))
        self._mean.assign_add(how[2] * (self._vector - self._mean))

    def look(self, vector: Array, examples: Sequence[Array], part: int) -> tuple[float, float]:
        """Return (loss of answers, agreement) of a vector on examples, `part` at a time."""
        count, sums, given = len(examples[0]), np.zeros(2), tf.constant(vector)
        for i in range(0, count, part):
            some = [tf.convert_to_tensor(x[i : i + part]) for x in examples]
            sums += len(some[0]) * np.array([float(v) for v in self._look(given, some)])
        loss, same = sums / count
        return float(loss), float(same)

    def arrays(self) -> dict[str, Array]:
        """Return what `resume` takes."""
        return {name: getattr(self, f"_{name}").numpy() for name in KEPT}

    def resume(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `arrays` returned."""
        for name in KEPT:
            getattr(self, f"_{name}").assign(arrays[name])
