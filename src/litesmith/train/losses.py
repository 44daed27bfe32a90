"""How far a student's answers are from the teacher's, or from labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import tensorflow as tf

from litesmith.data.python_object import PREFIX, load_python, user_code
from litesmith.errors import InputError
from litesmith.graph.heads import Head
from litesmith.kernels.value import TfTensor

Loss = Callable[[TfTensor, TfTensor, float], TfTensor]
_TINY = 1e-12


def _softmax(teacher: TfTensor, student: TfTensor, beta: float) -> TfTensor:
    """Kullback-Leibler divergence of the two distributions, the mean over all but the last axis."""
    p, q = tf.nn.log_softmax(beta * teacher), tf.nn.log_softmax(beta * student)
    return tf.reduce_mean(tf.reduce_sum(tf.exp(p) * (p - q), -1))


def _logistic(teacher: TfTensor, student: TfTensor, beta: float) -> TfTensor:
    """The same of probabilities that each stand alone, summed over the last axis."""
    p = tf.sigmoid(teacher)
    cross = tf.nn.sigmoid_cross_entropy_with_logits(p, student)
    own = tf.nn.sigmoid_cross_entropy_with_logits(p, teacher)
    return tf.reduce_mean(tf.reduce_sum(cross - own, -1))


def relative_error(teacher: TfTensor, student: TfTensor) -> TfTensor:
    """Mean squared error over the variance of the teacher's values."""
    error = tf.nn.l2_loss(teacher - student) * (2 / tf.cast(tf.size(teacher), tf.float32))
    return error / (tf.math.reduce_variance(teacher) + _TINY)


def _squared(teacher: TfTensor, student: TfTensor, beta: float) -> TfTensor:
    return relative_error(teacher, student)


OUTPUT_LOSSES: Mapping[str, Loss] = MappingProxyType(
    {"SOFTMAX": _softmax, "LOG_SOFTMAX": _softmax, "LOGISTIC": _logistic, "": _squared}
)


def output_loss(head: Head, teacher: TfTensor, student: TfTensor) -> TfTensor:
    """Return the loss of one output (a scalar), 0 where the answers are the same."""
    return OUTPUT_LOSSES[head.kind](teacher, student, head.beta)


def agreement(head: Head, teacher: TfTensor, student: TfTensor) -> TfTensor:
    """Return the part of equal answers (a scalar): same largest score, same side of one half.

    Outputs that are no votes: 1 − relative error, at least 0.
    """
    if head.kind == "LOGISTIC":
        return tf.reduce_mean(tf.cast((teacher > 0) == (student > 0), tf.float32))
    if head.kind:
        same = tf.argmax(teacher, -1) == tf.argmax(student, -1)
        return tf.reduce_mean(tf.cast(same, tf.float32))
    return tf.maximum(1 - relative_error(teacher, student), 0.0)


def label_loss(name: str, head: Head, labels: TfTensor, scores: TfTensor) -> TfTensor:
    """Return a loss of `nouns.LOSSES` on the first output (a scalar).

    Args:
        name: of the loss, or "py:…" of a function: labels (B, …), answers float32[B, …] → losses
            of any shape.
        head: of the output; the losses of probabilities take its scores as logits.
        labels: class indices (B,) or (B, …), or numbers like the output's.
        scores: (B, 1, …).
    """
    if name == "cross_entropy":
        logits = tf.reshape(head.beta * scores, (tf.shape(scores)[0], -1, scores.shape[-1]))
        wanted = tf.reshape(tf.cast(labels, tf.int32), tf.shape(logits)[:2])
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(wanted, logits)
        return tf.reduce_mean(losses)
    answers = {"LOGISTIC": tf.sigmoid, "": tf.identity}.get(head.kind, tf.nn.softmax)(scores)
    if name.startswith(PREFIX):
        return _of_user(name, labels, tf.squeeze(answers, 1))
    wanted = tf.reshape(tf.cast(labels, tf.float32), tf.shape(scores))
    if name == "binary_cross_entropy":
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, scores))
    error = answers - wanted
    return tf.reduce_mean(tf.square(error) if name == "mean_squared_error" else tf.abs(error))


def _of_user(spec: str, labels: TfTensor, answers: TfTensor) -> TfTensor:
    """Return what the user's function says (a scalar).

    Raises:
        InputError: it fails, or answers with something else than numbers.
    """
    function = load_python(spec)
    with user_code(f"The loss {spec}"):
        found = tf.convert_to_tensor(function(labels, answers))
    if not found.dtype.is_floating:
        raise InputError(f"The loss {spec} returned {found.dtype.name}, which is no loss.")
    return tf.reduce_mean(tf.cast(found, tf.float32))
