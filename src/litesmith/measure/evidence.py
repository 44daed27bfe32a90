"""What each metric keeps of an example, and how that makes a score.

Labels are class indices (k,) or (k, 1), one-hot (k, classes), or for dense outputs the same with
height and width in between; a single output per example is the probability of class 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.data.fit import matches
from litesmith.errors import InputError

Evidence = tuple[Array, ...]
_VOID = 255


def mean(gathered: Evidence) -> float:
    """Return the mean of the only array."""
    return float(np.mean(gathered[0], dtype=np.float64))


def correct(labels: Array, output: Array) -> Evidence:
    """Return float64[k]: the fraction of an example's answers that are right (0 or 1 for one).

    Raises:
        InputError: labels that are not classes of this output.
    """
    if output.dtype.kind in "iu":  # class indices already (a model that ends in argmax)
        truth, answer = _like(labels, output, "accuracy"), output
    elif is_single(output.shape[1:]):
        truth, answer = _like(labels, output, "accuracy"), _positive(output)
        _check_range(truth, 2)
    else:
        truth, answer = class_indices(labels, output.shape), output.argmax(axis=-1)
    same = (truth == answer).reshape(len(labels), -1)
    return (same.mean(axis=1, dtype=np.float64),)


def in_top5(labels: Array, output: Array) -> Evidence:
    """Return float64[k]: whether the right class is among the five highest (ties: lower index).

    Raises:
        InputError: labels that are not classes of this output.
    """
    if output.ndim != 2 or output.shape[1] < 2:
        raise _misfit("top5", labels, output, "an output of two or more classes")
    truth = class_indices(labels, output.shape)[:, np.newaxis]
    value = np.take_along_axis(output, truth, axis=1)
    index = np.arange(output.shape[1])
    better = (output > value) | ((output == value) & (index < truth))
    return ((better.sum(axis=1) < 5).astype(np.float64),)


def _errors(measure: Callable[[Array], Array], name: str) -> Callable[[Array, Array], Evidence]:
    def evidence(labels: Array, output: Array) -> Evidence:
        difference = _like(labels, output, name).astype(np.float64) - output
        return (measure(difference).reshape(len(labels), -1).mean(axis=1),)

    return evidence


absolute_error = _errors(np.abs, "mae")
squared_error = _errors(np.square, "mse")


def ranks(labels: Array, output: Array) -> Evidence:
    """Return (truth bool[k, c], score float64[k, c]); c = 1 for two classes.

    Raises:
        InputError: labels that are not classes of this output.
    """
    if output.ndim > 2:
        raise _misfit("auc", labels, output, "one score per class and example")
    scores = output.reshape(len(output), -1).astype(np.float64)
    flat = labels.reshape(len(labels), -1)
    if flat.shape == scores.shape:  # one column each: binary, one-hot or multi-label
        _check_range(flat, 2)
        return flat == 1, scores
    truth = class_indices(labels, scores.shape)
    if scores.shape[1] == 2:
        return (truth == 1)[:, np.newaxis], scores[:, 1:] - scores[:, :1]
    return truth[:, np.newaxis] == np.arange(scores.shape[1]), scores


def area(gathered: Evidence) -> float:
    """Return the area under the ROC curve, averaged over classes (one against the rest).

    Classes without both kinds of example do not count; NaN when none is left.
    """
    truth, scores = gathered
    areas = [_area(truth[:, c], scores[:, c]) for c in range(truth.shape[1])]
    known = [value for value in areas if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _area(truth: Array, scores: Array) -> float:
    positives = int(np.count_nonzero(truth))
    pairs = positives * (len(truth) - positives)
    if pairs == 0:
        return math.nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]  # ties share the mean of their ranks
    return float((rank[truth].sum() - positives * (positives + 1) / 2) / pairs)


def overlap(labels: Array, output: Array) -> Evidence:
    """Return (intersection int64[k, classes], union int64[k, classes]) of dense predictions.

    Labels of 255 or −1 are void: they count nowhere.

    Raises:
        InputError: labels that are not classes per position of this output.
    """
    if output.ndim < 3:
        raise _misfit("iou", labels, output, "an output of classes per position")
    classes, answer = _dense_answer(labels, output)
    truth = _dense_truth(labels, output, answer.shape).reshape(len(labels), -1)
    valid = ~np.isin(truth, (_VOID, -1))
    _check_range(truth[valid], classes)
    rows = np.arange(classes)[:, np.newaxis]
    is_truth = (truth[:, np.newaxis] == rows) & valid[:, np.newaxis]
    is_answer = (answer.reshape(len(labels), 1, -1) == rows) & valid[:, np.newaxis]
    return (is_truth & is_answer).sum(axis=2), (is_truth | is_answer).sum(axis=2)


def mean_iou(gathered: Evidence) -> float:
    """Return intersection / union, averaged over the classes that occur."""
    intersection, union = (part.sum(axis=0) for part in gathered)
    occurs = union > 0
    return float(np.mean(intersection[occurs] / union[occurs])) if occurs.any() else math.nan


def _dense_answer(labels: Array, output: Array) -> tuple[int, Array]:
    """Return (number of classes, int64 class of each position)."""
    is_mask = output.ndim == 3 and labels.shape == output.shape
    if is_mask or output.shape[-1] == 1:
        shape = output.shape if is_mask else output.shape[:-1]
        return 2, _positive(output).astype(np.int64).reshape(shape)
    return output.shape[-1], np.argmax(output, axis=-1)


def _dense_truth(labels: Array, output: Array, shape: tuple[int, ...]) -> Array:
    """Return the labels' class of each position, in the `shape` of the answer."""
    if labels.shape in (shape, (*shape, 1)):
        return labels.reshape(shape)
    if labels.shape != output.shape:
        raise _misfit("iou", labels, output, f"labels {shape[1:]}")
    indices: Array = np.argmax(labels, axis=-1)
    return indices


def class_indices(labels: Array, shape: tuple[int, ...]) -> Array:
    """Return int64 class indices of `shape` without its last axis, from indices or one-hot labels.

    Raises:
        InputError: other shapes, fractions, or an index that the output has no class for.
    """
    if labels.shape == shape:
        indices: Array = np.argmax(labels, axis=-1)
        return indices
    if labels.shape not in (shape[:-1], (*shape[:-1], 1)):
        raise InputError(
            f"Labels of shape {labels.shape[1:]} per example are no classes of an output of shape "
            f"{shape[1:]}.",
            "Labels are class indices or one-hot; for numbers use --metric mae or mse.",
        )
    _check_range(labels, shape[-1])
    return labels.reshape(shape[:-1]).astype(np.int64)


def _check_range(truth: Array, classes: int) -> None:
    if truth.size == 0:
        return
    if not is_whole(truth):
        raise InputError("The labels are fractions, not class indices.", "Use --metric mae or mse.")
    low, high = truth.min(), truth.max()
    if low < 0 or high >= classes:
        raise InputError(
            f"Labels run from {low:g} to {high:g}, but the output has {classes} classes "
            f"(0 to {classes - 1}).",
            "Class indices begin at 0." if low >= 1 and high == classes else "",
        )


def _positive(output: Array) -> Array:
    if output.size and (output.min() < -0.01 or output.max() > 1.01):
        raise InputError(
            f"The single output runs from {output.min():g} to {output.max():g}, so it is not the "
            "probability of a class.",
            "For logits or other scores use --metric auc or py:file.py:function.",
        )
    return output >= 0.5


def _like(labels: Array, output: Array, name: str) -> Array:
    if _trim(labels.shape) != _trim(output.shape):
        raise _misfit(name, labels, output, "labels of the output's shape")
    return labels.reshape(output.shape)


def _misfit(name: str, labels: Array, output: Array, needs: str) -> InputError:
    return InputError(
        f"The metric {name} needs {needs}; labels have shape {labels.shape[1:]} per example, the "
        f"output {output.shape[1:]}."
    )


def _trim(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape


def is_single(shape: tuple[int | None, ...]) -> bool:
    """Return whether an output of this example shape has one number per position."""
    return shape == () or shape[-1] == 1


def is_whole(labels: Array) -> bool:
    """Return whether all labels are whole numbers, whatever their type."""
    return labels.dtype.kind in "iub" or bool((np.floor(labels) == labels).all())


def are_classes(labels: Array, spec: TensorSpec) -> bool:
    """Return whether the labels (n, …) are classes of this output: indices or one-hot."""
    shape = spec.example_shape
    if not is_whole(labels):
        return False
    if spec.dtype.startswith(("int", "uint")):
        return same_shape(labels, spec)
    if is_single(shape):
        return same_shape(labels, spec) and _is_binary(labels)
    if _fits(labels, shape[:-1]) or _fits(labels, (*shape[:-1], 1)):
        return True
    one_hot = _fits(labels, shape) and _is_binary(labels)
    return one_hot and bool((labels.sum(axis=-1) == 1).all())


def has_classes(labels: Array, spec: TensorSpec) -> bool:
    """Return whether the labels are classes of this output, several at once included."""
    return are_classes(labels, spec) or (_fits(labels, spec.example_shape) and _is_binary(labels))


def has_many_classes(labels: Array, spec: TensorSpec) -> bool:
    """Return whether the labels are classes of this output, which has two or more."""
    return are_classes(labels, spec) and not is_single(spec.example_shape)


def same_shape(labels: Array, spec: TensorSpec) -> bool:
    """Return whether labels and output have the same shape, a last axis of 1 aside."""
    shape = spec.example_shape
    return any(_fits(labels, form) for form in (shape, _trim((None, *shape))[1:], (*shape, 1)))


def _fits(labels: Array, shape: tuple[int | None, ...]) -> bool:
    return matches(labels.shape[1:], shape)


def _is_binary(labels: Array) -> bool:
    return bool(((labels == 0) | (labels == 1)).all())
