"""A file's detections held against the original's: what rounding swaps is swapped back."""

from __future__ import annotations

import numpy as np

from litesmith.data import Array
from litesmith.interface.translation import Batch

_TOLERANCE = 1e-4


def matched(answers: Batch, wanted: Batch) -> list[Array]:
    """Return the file's detections in the order of the original's, 0 behind the count.

    A detection moves only to the place of one of the same class with the same box and score but
    for rounding; the memory behind the count is nobody's.

    Args:
        answers: boxes (k, max, 4), classes (k, max), scores (k, max), count (k,) of the file.
        wanted: the same of the original.
    """
    boxes, classes, scores = (np.array(part, np.float32) for part in answers[:3])
    counts = np.array(answers[3], np.float32)
    for row in range(len(counts)):
        count = int(np.clip(counts.reshape(-1)[row], 0, scores.shape[1]))
        for part in (boxes, classes, scores):
            part[row, count:] = 0
        parts = (boxes[row], classes[row], scores[row])
        order = _order(parts, tuple(part[row] for part in wanted[:3]), count)
        for part in parts:
            part[:count] = part[order]
    return [boxes, classes, scores, counts]


def _order(found: tuple[Array, ...], wanted: tuple[Array, ...], count: int) -> list[int]:
    """Return which of the file's detections stands at each place."""
    order = list(range(count))
    size = max(1e-30, float(np.abs(wanted[0]).max(initial=0.0)))
    for place in range(count):
        near = [i for i in range(place, count) if _alike(found, order[i], wanted, place, size)]
        if near:
            order.insert(place, order.pop(near[0]))
    return order


def _alike(
    found: tuple[Array, ...], i: int, wanted: tuple[Array, ...], place: int, size: float
) -> bool:
    same = found[1][i] == wanted[1][place]
    near = abs(float(found[2][i]) - float(wanted[2][place])) <= _TOLERANCE
    return bool(same and near and np.abs(found[0][i] - wanted[0][place]).max() <= _TOLERANCE * size)
